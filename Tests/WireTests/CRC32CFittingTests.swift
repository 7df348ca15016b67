import FakeCircleCI
import TestSupport
import Testing
import Wire

/// Bits are chosen so that a checksum becomes another.
struct CRC32CFittingTests {
    @Test(arguments: 0..<200)
    func `with bits enough any checksum can be had, and only free bits change`(_ round: UInt64) {
        let seed = TestSeed.of(round: round)
        var random = SeededGenerator(seed: seed)
        let count = Int.random(in: 20...400, using: &random)
        let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        let positions = Array(bytes.indices.shuffled(using: &random).prefix(20))
        let wanted = UInt32.random(in: .min ... .max, using: &random)
        var fitted = bytes
        #expect(CRC32C.fit(&fitted, to: wanted, flipping: positions, bits: 0xf), "seed \(seed)")
        #expect(CRC32C.checksum(fitted) == wanted, "seed \(seed)")
        for index in bytes.indices where fitted[index] != bytes[index] {
            #expect(positions.contains(index) && (fitted[index] ^ bytes[index]) & 0xf0 == 0, "seed \(seed)")
        }
        // Continued from another checksum, they are alike, too.
        #expect(
            CRC32C.checksum(fitted, seed: 99) ^ CRC32C.checksum(bytes, seed: 99)
                == wanted ^ CRC32C.checksum(bytes),
            "seed \(seed)"
        )
    }

    @Test func `with too few bits nothing changes`() {
        let bytes = Array("a few bytes".utf8)
        var fitted = bytes
        #expect(!CRC32C.fit(&fitted, to: CRC32C.checksum(bytes) ^ 1, flipping: 0..<4, bits: 0xf))
        #expect(fitted == bytes)
        #expect(CRC32C.fit(&fitted, to: CRC32C.checksum(bytes), flipping: [], bits: 0xf))
    }

    @Test func `the places of characters lead through escapes`() throws {
        let json = Array(#""a\u0040\n\ud83d\ude00é""#.utf8)
        try json.withUnsafeBytes { bytes in
            var scanner = try JSONScanner(bytes)
            let (characters, starts) = try scanner.text().places(in: bytes)
            #expect(String(decoding: characters, as: UTF8.self) == "a@\n😀é")
            #expect(starts == [1, 2, 8, 10, 10, 10, 10, 22, 23, 24])
        }
    }
}
