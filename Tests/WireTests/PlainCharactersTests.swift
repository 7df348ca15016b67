import CScan
import FakeCircleCI
import TestSupport
import Testing
import Wire

/// What is read many bytes at once is what reading byte by byte says.
struct PlainCharactersTests {
    @Test func `the search ends at every byte that does not stand for itself, wherever it is`() {
        for length in 0...70 {
            for place in 0..<max(1, length) {
                for other in [0x00, 0x1f, 0x22, 0x5c, 0x80, 0xff] as [UInt8] where place < length {
                    var bytes = [UInt8](repeating: UInt8(ascii: "a"), count: length)
                    bytes[place] = other
                    #expect(PlainCharactersTests.count(bytes) == place, "\(other) at \(place) of \(length)")
                }
            }
            #expect(PlainCharactersTests.count([UInt8](repeating: UInt8(ascii: " "), count: length)) == length)
        }
    }

    @Test(arguments: 0..<200)
    func `it agrees with a walk over the bytes`(_ round: UInt64) {
        let seed = TestSeed.of(round: round)
        var random = SeededGenerator(seed: seed)
        let bytes = (0..<Int.random(in: 0...100, using: &random)).map { _ in
            Int.random(in: 0..<30, using: &random) == 0
                ? UInt8.random(in: 0...255, using: &random) : UInt8.random(in: 0x20...0x7f, using: &random)
        }
        let walked = bytes.firstIndex { $0 < 0x20 || $0 >= 0x80 || $0 == 0x22 || $0 == 0x5c } ?? bytes.count
        #expect(PlainCharactersTests.count(bytes) == walked, "seed \(seed)")
    }

    private static func count(_ bytes: [UInt8]) -> Int {
        bytes.withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map { scan_plain_characters($0, buffer.count) } ?? 0
        }
    }
}

/// Digits that are read eight at once.
struct EightDigitsTests {
    @Test func `a checksum has eight lowercase digits and nothing else`() {
        let digits = Array("09af5b1c".utf8)
        for place in digits.indices {
            for byte in UInt8.min ... .max {
                var text = digits
                text[place] = byte
                let isLowercase =
                    UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || UInt8(ascii: "a")...UInt8(ascii: "f") ~= byte
                let expected = isLowercase ? UInt32(String(decoding: text, as: UTF8.self), radix: 16) : nil
                #expect(text.withUnsafeBytes { Hex.checksum($0) } == expected, "\(byte) at \(place)")
            }
        }
    }

    @Test func `a time is one exactly where each byte is a digit or a mark in its place`() throws {
        let time = Array("2026-11-22T08:16:08".utf8)
        for place in time.indices {
            for byte in UInt8.min ... .max {
                var text = time
                text[place] = byte
                let isPlausible =
                    byte == time[place]
                    || (place == 10 ? [0x20, 0x54, 0x74].contains(byte) : time[place] >= 0x30 && time[place] <= 0x39)
                        && (place == 10 || (0x30...0x39).contains(byte))
                let read = text.withUnsafeBytes { Timestamp($0) }
                if !isPlausible { #expect(read == nil, "\(byte) at \(place)") }
                if let read {
                    var shown = text
                    shown[10] = UInt8(ascii: "T")
                    #expect(read.description == String(decoding: shown, as: UTF8.self) + ".000Z")
                }
            }
        }
        #expect(Timestamp("2026-11-22T08:16:08") != nil)
    }
}
