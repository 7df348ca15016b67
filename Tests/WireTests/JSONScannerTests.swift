import FakeCircleCI
import Foundation
import TestSupport
import Testing
import Wire

struct JSONScannerTests {
    @Test(arguments: [
        "{}", " { } ", #"{"a":1}"#, #"{"a":[1,2,{"b":null}],"c":"d"}"#, #"{"a":-0.5e+10,"b":0,"c":1E5}"#,
        #"{"\u0041":"\ud83d\ude00 \" \\ \/ \b\f\n\r\t"}"#, "{\"a\":\"\u{e9}\u{1F600}\u{10FFFF}\"}",
        "\t\r\n{\"a\":true,\"b\":false}\n",
    ])
    func `objects are taken`(_ text: String) {
        #expect(isObject(Array(text.utf8)))
    }

    @Test(arguments: [
        "", " ", "[]", "1", "null", "\"a\"", "{", "}", "{]", "{a:1}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}",
        "{\"a\":1 \"b\":2}", "{\"a\":01}", "{\"a\":+1}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":1e}", "{\"a\":-}",
        "{\"a\":tru}", "{\"a\":nul}", "{\"a\":'b'}", "{\"a\":\"\u{1}\"}", "{\"a\":\"\n\"}", #"{"a":"\x"}"#,
        #"{"a":"\u12"}"#, #"{"a":"\ud800"}"#, #"{"a":"\ud800\u0041"}"#, #"{"a":"\udc00"}"#, "{} {}", "{}x",
        "{\"a\":[1,]}",
        "{\"a\":NaN}", "\u{feff}{}",
    ])
    func `what is no object is refused`(_ text: String) {
        #expect(!isObject(Array(text.utf8)))
    }

    @Test(
        arguments: [
            [0x80], [0xc0, 0x80], [0xc3], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf0, 0x80, 0x80, 0x80],
            [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xff], [0xe2, 0x82],
        ] as [[UInt8]]
    )
    func `bytes that are not UTF-8 are refused`(_ bytes: [UInt8]) {
        #expect(!isObject(Array("{\"a\":\"".utf8) + bytes + Array("\"}".utf8)))
    }

    @Test func `nesting is bounded`() {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "{\"a\":", count: depth) + "1" + String(repeating: "}", count: depth)).utf8)
        }
        #expect(isObject(nested(JSONScanner.maximumDepth)))
        #expect(!isObject(nested(JSONScanner.maximumDepth + 1)))
        #expect(!isObject(nested(100_000)))
    }

    /// Every single-byte change and every cut of a rich object: the scanner and Foundation agree, but for what
    /// Foundation takes beyond RFC 8259 or cannot hold.
    @Test func `accepts exactly what Foundation accepts around a rich object`() {
        let text = #"{"a":[1,-2.5e3,{"b":null}],"c":"d\u00e9\n\ud83d\ude00","é":true,"f":false}"#
        let original = Array(text.utf8)
        var candidates = (0...original.count).map { Array(original[..<$0]) }
        for index in original.indices {
            for byte: UInt8 in [0x00, 0x20, 0x22, 0x2c, 0x30, 0x5c, 0x5d, 0x7b, 0x7d, 0x80, 0xff, original[index] ^ 1] {
                var changed = original
                changed[index] = byte
                candidates.append(changed)
            }
        }
        for candidate in candidates {
            let object = try? JSONSerialization.jsonObject(with: Data(candidate))
            #expect(isObject(candidate) == (object is [String: Any]), "\(String(decoding: candidate, as: UTF8.self))")
        }
    }

    @Test(arguments: 0..<60)
    func `texts read as Foundation reads them`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        var generator = SeededGenerator(seed: seed)
        let text = String(
            String.UnicodeScalarView(
                (0..<Int.random(in: 0..<60, using: &generator)).map { _ in
                    Unicode.Scalar(UInt32.random(in: 0..<0x11_0000, using: &generator))
                        ?? Unicode.Scalar(UInt8.random(in: 0..<0x80, using: &generator))
                }
            )
        )
        let foundation = try JSONSerialization.data(withJSONObject: ["text": text])
        var json = JSONWriter()
        json.object { $0.member("text", text) }
        for bytes in [Array(foundation), json.bytes] {
            let read = try bytes.withUnsafeBytes { bytes throws -> String? in
                var scanner = try JSONScanner(bytes)
                guard var walk = try scanner.enterObject(), try scanner.nextMember(&walk) != nil else { return nil }
                return try scanner.text().string(in: bytes)
            }
            #expect(read.map { Array($0.utf8) } == Array(text.utf8), "seed \(seed)")
        }
    }

    private func isObject(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes { JSONScanner.isObject($0) } }
}
