import FakeCircleCI
import Foundation
import TestSupport
import Testing
import Wire

/// The scanner against Foundation on the same bytes: both take them or both refuse them, and they read the same.
struct ScannerDifferentialTests {
    @Test func `the scanner and Foundation agree`() throws {
        let bodies = Array(ScannerDifferentialTests.history.deliveries.prefix(200).map(\.body))
        let corpus = try FuzzReplayTests.inputs(of: .json).map(\.bytes)
        let campaign = Campaign("scanner-differential", unit: "inputs", short: 20_000)
        while let seed = campaign.nextSeed() {
            var generator = SeededGenerator(seed: seed)
            var bytes: [UInt8]
            switch Int.random(in: 0..<8, using: &generator) {
            case 0: bytes = bodies.randomElement(using: &generator) ?? []
            case 1: bytes = Mutation.changed(bodies, &generator)
            case 2, 3: bytes = Mutation.changed(corpus, &generator)
            case 4: bytes = MadeUpJSON.text(&generator)
            default: bytes = Mutation.changed([MadeUpJSON.text(&generator)], &generator)
            }
            // Shorter ones are more of a test, and quicker.
            if bytes.count > 4000 { bytes = Array(bytes.prefix(4000)) }
            let isTaken = bytes.withUnsafeBytes { (try? JSONTree($0)) != nil }
            campaign.count(isTaken ? "taken" : "refused")
            #expect(throws: Never.self, "seed \(seed), \(String(decoding: bytes, as: UTF8.self).debugDescription)") {
                try bytes.withUnsafeBytes { try JSONTarget.check($0) }
            }
        }
        campaign.finish()
    }

    private static var history: FakeHistory {
        var options = FakeHistoryOptions(seed: 6, firstDay: Day(daysSinceEpoch: 20_780))
        options.dayCount = 1
        return FakeHistory(options: options)
    }

    // Where they are known to differ, each in its own test, so that a change of Foundation's shows.

    @Test(arguments: [
        "[1,]", #"{"a":1,}"#, "[1 , ]", "\u{feff}{}", "[\u{0}1\u{0}]\u{0}",
        String(repeating: "[", count: 129) + String(repeating: "]", count: 129),
    ])
    func `Foundation takes what is no JSON or nests deeper than the scanner follows`(_ text: String) {
        Array(text.utf8).withUnsafeBytes { bytes in
            #expect(FoundationJSON(bytes).value != nil)
            let error = #expect(throws: JSONError.self) { try JSONTree(bytes) }
            #expect(error.map { FoundationJSON(bytes).isLaxer(than: $0) } ?? false)
        }
    }

    @Test(arguments: ["1e400", "[-1E999]", #"{"a":1e99999999999}"#])
    func `the scanner takes a number that no Double comes near`(_ text: String) throws {
        try Array(text.utf8).withUnsafeBytes { bytes in
            let tree = try JSONTree(bytes)
            #expect(FoundationJSON(bytes).value == nil && FoundationJSON.isBeyondDouble(tree))
        }
    }

    @Test func `Foundation drops a byte order mark where a text or a part behind an escape begins`() throws {
        try Array("\"\u{feff}a\"".utf8).withUnsafeBytes { bytes in
            let tree = try JSONTree(bytes)
            #expect(tree == .string(Array("\u{feff}a".utf8)))
            #expect((FoundationJSON(bytes).value as? String)?.utf8.count == 1)
        }
        try Array("\"\\n\u{feff}a\"".utf8).withUnsafeBytes { bytes in
            let tree = try JSONTree(bytes)
            #expect((FoundationJSON(bytes).value as? String)?.utf8.elementsEqual("\na".utf8) == true)
            #expect(tree == .string(Array("\n\u{feff}a".utf8)))
        }
    }

    @Test func `of two members of one name the scanner shows both`() throws {
        try Array(#"{"a":1,"a":2}"#.utf8).withUnsafeBytes { bytes in
            let tree = try JSONTree(bytes)
            #expect(tree.repeatsNames && tree["a"] == .number("2"))
            #expect(tree != .object([.init(name: Array("a".utf8), value: .number("2"))]))
        }
    }

    @Test(arguments: [
        #"["\ud800"]"#, #"["\udc00"]"#, #"["\ud800\u0041"]"#, "1 2", "[1] x", "{}{}", "[1]\u{0}", "01", "+1", "1.",
        ".5",
        "NaN", "Infinity", "'a'", "//\n1", "[\u{c}1]", "\"\u{1}\"", "\"\t\"", #""\x""#, "tru", "", " ",
    ])
    func `both refuse lone surrogates, what stands behind the value, and what is nearly JSON`(_ text: String) {
        Array(text.utf8).withUnsafeBytes { bytes in
            #expect(FoundationJSON(bytes).value == nil)
            #expect(throws: JSONError.self) { try JSONTree(bytes) }
        }
    }

    @Test(arguments: [
        "0", "-0", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551616", "1.0",
        "0.1e1", "1e-400", "123456789012345678901234567890", "9007199254740993", #""\u0000""#, #""\ud83d\ude00""#,
        "\"\u{7f}\"", "\"e\u{301}\"",
    ])
    func `both read the same`(_ text: String) throws {
        try Array(text.utf8).withUnsafeBytes { bytes in
            let tree = try JSONTree(bytes)
            let value = try #require(FoundationJSON(bytes).value)
            #expect(FoundationJSON.agrees(value, with: tree))
        }
    }

    @Test func `a value that differs in one place is no agreement`() throws {
        let pairs = [
            ("1", "2"), ("1", "true"), (#""a""#, #""b""#), ("[1]", "[1,1]"), (#"{"a":1}"#, #"{"b":1}"#), ("null", "0"),
        ]
        for (first, second) in pairs {
            let value = try #require(Array(first.utf8).withUnsafeBytes { FoundationJSON($0).value })
            let tree = try Array(second.utf8).withUnsafeBytes { try JSONTree($0) }
            #expect(!FoundationJSON.agrees(value, with: tree), "\(first) and \(second)")
        }
    }
}

/// JSON made by its grammar, every form of it.
enum MadeUpJSON {
    static func text(_ generator: inout SeededGenerator) -> [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes, depth: 0, &generator)
        return bytes
    }

    private static func append(to bytes: inout [UInt8], depth: Int, _ generator: inout SeededGenerator) {
        space(&bytes, &generator)
        switch Int.random(in: 0..<(depth < 5 ? 9 : 7), using: &generator) {
        case 0, 1: string(&bytes, &generator)
        case 2, 3: number(&bytes, &generator)
        case 4: bytes += Array("true".utf8)
        case 5: bytes += Array("false".utf8)
        case 6: bytes += Array("null".utf8)
        case 7:
            bytes.append(UInt8(ascii: "["))
            for index in 0..<Int.random(in: 0..<5, using: &generator) {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                append(to: &bytes, depth: depth + 1, &generator)
            }
            bytes.append(UInt8(ascii: "]"))
        default:
            bytes.append(UInt8(ascii: "{"))
            for index in 0..<Int.random(in: 0..<5, using: &generator) {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                space(&bytes, &generator)
                string(&bytes, &generator)
                space(&bytes, &generator)
                bytes.append(UInt8(ascii: ":"))
                append(to: &bytes, depth: depth + 1, &generator)
            }
            bytes.append(UInt8(ascii: "}"))
        }
        space(&bytes, &generator)
    }

    private static func space(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
        guard Int.random(in: 0..<4, using: &generator) == 0 else { return }
        bytes.append([0x20, 0x09, 0x0a, 0x0d].randomElement(using: &generator) ?? 0x20)
    }

    private static func number(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
        if Bool.random(using: &generator) { bytes.append(UInt8(ascii: "-")) }
        let digits = Int.random(in: 0..<22, using: &generator)
        if digits == 0 { bytes.append(UInt8(ascii: "0")) }
        for index in 0..<digits {
            bytes.append(UInt8(ascii: "0") + UInt8.random(in: (index == 0 ? 1 : 0)...9, using: &generator))
        }
        if Int.random(in: 0..<3, using: &generator) == 0 {
            bytes += Array(".\(Int.random(in: 0..<100_000, using: &generator))".utf8)
        }
        if Int.random(in: 0..<4, using: &generator) == 0 {
            let sign = ["e", "E+", "e-"].randomElement(using: &generator) ?? ""
            bytes += Array("\(sign)\(Int.random(in: 0..<330, using: &generator))".utf8)
        }
    }

    private static func string(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
        bytes.append(UInt8(ascii: "\""))
        for _ in 0..<Int.random(in: 0..<20, using: &generator) {
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: bytes += [UInt8(ascii: "\\"), Array("\"\\/bfnrt".utf8).randomElement(using: &generator) ?? 0x6e]
            case 1: bytes += Array("\\u".utf8) + escaped(UInt32.random(in: 0..<0xd800, using: &generator), &generator)
            case 2:
                bytes += Array("\\u".utf8) + escaped(UInt32.random(in: 0xd800..<0xdc00, using: &generator), &generator)
                bytes += Array("\\u".utf8) + escaped(UInt32.random(in: 0xdc00..<0xe000, using: &generator), &generator)
            case 3:
                let scalar = Unicode.Scalar(UInt32.random(in: 0x80..<0x11_0000, using: &generator)) ?? "é"
                bytes += Array(String(scalar).utf8)
            default:
                let plain = UInt8.random(in: 0x20..<0x80, using: &generator)
                if plain != UInt8(ascii: "\""), plain != UInt8(ascii: "\\") { bytes.append(plain) }
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func escaped(_ unit: UInt32, _ generator: inout SeededGenerator) -> [UInt8] {
        let digits = (0..<4).map { Hex.digit(UInt8(truncatingIfNeeded: unit >> UInt32(12 - 4 * $0)) & 0xf) }
        return Bool.random(using: &generator) ? digits : digits.map { $0 >= UInt8(ascii: "a") ? $0 & ~0x20 : $0 }
    }
}
