import FakeCircleCI
import TestSupport
import Testing

@testable import Wire

struct CRC32CTests {
    /// The check value of the algorithm's catalogue entry (CRC-32/ISCSI) and the vectors of RFC 3720, appendix B.4.
    @Test func `documented vectors`() {
        #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xe306_9283)
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
        #expect(CRC32C.checksum([UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
        #expect(CRC32C.checksum(Array(0..<32)) == 0x46dd_794e)
    }

    @Test(arguments: 0..<50)
    func `equals bit by bit division and continues from a seed`(_ round: UInt64) {
        let seed = TestSeed.of(round: round)
        var generator = SeededGenerator(seed: seed)
        let bytes = (0..<Int.random(in: 0..<100, using: &generator)).map { _ in
            UInt8.random(in: .min ... .max, using: &generator)
        }
        #expect(CRC32C.checksum(bytes) == bitwise(bytes), "seed \(seed)")
        let byTables = bytes.withUnsafeBytes { bytes in
            bytes.baseAddress.map { CRC32C.byTables(bytes, $0, seed: 0) }
        }
        #expect(byTables ?? 0 == bitwise(bytes), "seed \(seed)")
        let cut = Int.random(in: 0...bytes.count, using: &generator)
        let first = CRC32C.checksum(Array(bytes[..<cut]))
        #expect(CRC32C.checksum(Array(bytes[cut...]), seed: first) == bitwise(bytes), "seed \(seed)")
    }

    private func bitwise(_ bytes: [UInt8]) -> UInt32 {
        var crc: UInt32 = .max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82f6_3b78 : crc >> 1 }
        }
        return ~crc
    }
}
