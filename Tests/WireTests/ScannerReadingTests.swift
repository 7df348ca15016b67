import Testing
import Wire

/// What the scanner gives for a value of another kind than was asked for, and how it names what is wrong.
struct ScannerReadingTests {
    private func reading<Value>(
        _ text: String,
        _ read: (inout JSONScanner) throws -> Value
    ) throws -> (value: Value, rest: String) {
        try Array(text.utf8).withUnsafeBytes { bytes in
            var scanner = try JSONScanner(bytes)
            let value = try read(&scanner)
            return (value, String(decoding: bytes[scanner.position...], as: UTF8.self))
        }
    }

    private static let others = [#"{"a":[1,{}]}"#, #"[1,"]"]"#, #""a\"b""#, "-1.5e3", "true", "null"]

    @Test(arguments: others) func `a value of another kind is passed over whole`(_ text: String) throws {
        let first = text.first
        if first != "{" {
            #expect(try reading(text + ",1") { try $0.enterObject() == nil } == (true, ",1"))
        }
        if first != "[" { #expect(try reading(text + ",1") { try $0.enterArray() == nil } == (true, ",1")) }
        if first != "\"" { #expect(try reading(text + ",1") { try $0.textOrSkip() == nil } == (true, ",1")) }
        if first != "t" { #expect(try reading(text + ",1") { try $0.boolOrSkip() } == (nil, ",1")) }
        #expect(try reading(text + ",1") { try $0.integerOrSkip() } == (nil, ",1"))
    }

    @Test(
        arguments: [
            ("7", 7), (#""7""#, 7), ("-9223372036854775808", .min), (#""9223372036854775807""#, .max), ("0", 0),
        ] as [(String, Int64)]
    )
    func `a whole number is read as a number and as a text`(_ text: String, _ value: Int64) throws {
        #expect(try reading(text + " ") { try $0.integerOrSkip() } == (value, " "))
    }

    @Test(arguments: ["9223372036854775808", "1.0", "1e2", #""x""#, #"" 1""#, #""""#, "-0.5"])
    func `what is no whole number, or too large, is none`(_ text: String) throws {
        #expect(try reading(text) { try $0.integerOrSkip() } == (nil, ""))
    }

    @Test func `truth values are read`() throws {
        #expect(try reading(" true,") { try $0.boolOrSkip() } == (true, ","))
        #expect(try reading("false") { try $0.boolOrSkip() } == (false, ""))
    }

    @Test(arguments: [
        ("[1 2]", "unexpected_byte at byte 3"), ("[1,2", "unexpected_end at byte 4"),
        ("[\"a", "unexpected_end at byte 3"),
        ("[\"\\q\"]", "invalid_escape at byte 2"), ("[\"\u{1}\"]", "control_character at byte 2"),
        ("[1.]", "invalid_number at byte 3"), ("[tru]", "unexpected_byte at byte 1"),
        ("[nul", "unexpected_end at byte 1"),
        ("[\"\\", "unexpected_end at byte 2"), ("-", "unexpected_end at byte 1"), ("", "unexpected_end at byte 0"),
    ])
    func `an error names its place`(_ text: String, _ description: String) {
        let error = #expect(throws: JSONError.self) {
            try reading(text) { scanner in
                try scanner.skipValue()
                try scanner.finish()
            }
        }
        #expect(error?.description == description)
    }

    @Test func `a writer that begins anew forgets all, and control characters are escaped`() throws {
        var json = JSONWriter()
        json.array { $0.integer(1) }
        json.removeAll()
        json.array { json in
            json.string("\u{0}\u{1f}\u{7f}\n\r\t\"\\")
            json.bool(false)
            json.null()
        }
        #expect(String(decoding: json.bytes, as: UTF8.self) == "[\"\\u0000\\u001f\u{7f}\\n\\r\\t\\\"\\\\\",false,null]")
    }

    @Test func `a checksum is eight lowercase digits and nothing else`() {
        func checksum(_ text: String) -> UInt32? { Array(text.utf8).withUnsafeBytes { Hex.checksum($0) } }
        #expect(checksum("0123abcf") == 0x0123_abcf && checksum("ffffffff") == .max)
        for text in ["", "0123abc", "0123abcff", "0123ABCF", "0123abcg", "0x23abcf"] { #expect(checksum(text) == nil) }
        for value: UInt32 in [0, 1, 0x0123_abcf, .max] { #expect(checksum(Hex.string(value)) == value) }
    }

    @Test func `mixing identities tells their order, and which was which`() {
        let (first, second) = (Identity.of("a"), Identity.of("b"))
        #expect(Identity.combine(first, second) != Identity.combine(second, first))
        #expect(Identity.combine(first, second) != Identity.combine(first, first))
        #expect(Identity.combine(0, second) != Identity.combine(second, 0))
    }

    @Test func `an erased text is told from any other`() {
        for text in ["@", "@@@", "@ABO"] { #expect(ErasedText.isErased(text)) }
        for text in ["", "A@", "@P", "@a", "ann@example.com", "@ "] { #expect(!ErasedText.isErased(text)) }
    }
}
