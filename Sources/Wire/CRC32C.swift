import CChecksum

/// CRC-32C (Castagnoli, polynomial 0x1EDC6F41, reflected), the checksum of the log's lines (RFC 3720, appendix B.4).
public enum CRC32C {
    /// The checksum of `bytes`, continuing from `seed`: `checksum(b, seed: checksum(a))` equals the checksum of `a + b`.
    public static func checksum(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
        guard let base = bytes.baseAddress else { return seed }
        return isInHardware ? ~checksum_crc32c(~seed, base, bytes.count) : byTables(bytes, base, seed: seed)
    }

    private static let isInHardware = checksum_has_crc32c()

    /// For processors without an instruction for it.
    static func byTables(_ bytes: UnsafeRawBufferPointer, _ base: UnsafeRawPointer, seed: UInt32) -> UInt32 {
        tables.withUnsafeBufferPointer { table in
            var crc = ~seed
            var index = 0
            // Slicing by sixteen: independent table look-ups for sixteen bytes a step.
            while index &+ 16 <= bytes.count {
                let low = UInt64(littleEndian: (base + index).loadUnaligned(as: UInt64.self)) ^ UInt64(crc)
                let high = UInt64(littleEndian: (base + index + 8).loadUnaligned(as: UInt64.self))
                crc = folded(low, in: table, first: 15) ^ folded(high, in: table, first: 7)
                index &+= 16
            }
            while index < bytes.count {
                crc = (crc &>> 8) ^ table[Int((crc ^ UInt32(bytes[index])) & 0xff)]
                index &+= 1
            }
            return ~crc
        }
    }

    /// The checksum of an array's bytes.
    public static func checksum(_ bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { checksum($0, seed: seed) }
    }

    @inline(__always)
    private static func folded(_ word: UInt64, in table: UnsafeBufferPointer<UInt32>, first: Int) -> UInt32 {
        let zeroth = table[first &* 256 &+ Int(truncatingIfNeeded: word & 0xff)]
        let second = table[(first &- 1) &* 256 &+ Int(truncatingIfNeeded: (word &>> 8) & 0xff)]
        let third = table[(first &- 2) &* 256 &+ Int(truncatingIfNeeded: (word &>> 16) & 0xff)]
        let fourth = table[(first &- 3) &* 256 &+ Int(truncatingIfNeeded: (word &>> 24) & 0xff)]
        let fifth = table[(first &- 4) &* 256 &+ Int(truncatingIfNeeded: (word &>> 32) & 0xff)]
        let sixth = table[(first &- 5) &* 256 &+ Int(truncatingIfNeeded: (word &>> 40) & 0xff)]
        let seventh = table[(first &- 6) &* 256 &+ Int(truncatingIfNeeded: (word &>> 48) & 0xff)]
        let eighth = table[(first &- 7) &* 256 &+ Int(truncatingIfNeeded: word &>> 56)]
        return (zeroth ^ second) ^ (third ^ fourth) ^ (fifth ^ sixth) ^ (seventh ^ eighth)
    }

    /// Sixteen tables of 256 entries: `table[k]` advances a byte by `k` further zero bytes.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 16 * 256)
        for byte in 0..<256 {
            var crc = UInt32(byte)
            for _ in 0..<8 {
                crc = crc & 1 == 1 ? (crc >> 1) ^ 0x82f6_3b78 : crc >> 1
            }
            tables[byte] = crc
        }
        for slice in 1..<16 {
            for byte in 0..<256 {
                let previous = tables[(slice - 1) * 256 + byte]
                tables[slice * 256 + byte] = (previous >> 8) ^ tables[Int(previous & 0xff)]
            }
        }
        return tables
    }()
}
