/// Appends numbers and texts in the form of stored derived state.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    mutating func reserve(_ byteCount: Int) { bytes.reserveCapacity(byteCount) }

    mutating func append(_ other: [UInt8]) { bytes.append(contentsOf: other) }

    /// Unsigned LEB128.
    mutating func integer(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func identity(_ value: UInt128) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func text(_ text: ArraySlice<UInt8>) {
        integer(UInt64(text.count))
        bytes.append(contentsOf: text)
    }
}

/// Reads what ``ByteWriter`` wrote, with every length checked against what remains.
struct ByteReader {
    let bytes: [UInt8]
    private(set) var position = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { position == bytes.count }

    mutating func integer() throws(UsageError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < bytes.count, shift < 64 {
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw UsageError.damagedPartition
    }

    /// A number of things that take at least a byte each.
    mutating func count() throws(UsageError) -> Int {
        let value = try integer()
        guard value <= UInt64(bytes.count - position) else { throw UsageError.damagedPartition }
        return Int(value)
    }

    mutating func identity() throws(UsageError) -> UInt128 {
        guard position + 16 <= bytes.count else { throw UsageError.damagedPartition }
        let value = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: position, as: UInt128.self) }
        position += 16
        return UInt128(littleEndian: value)
    }

    mutating func text() throws(UsageError) -> String {
        let count = try count()
        defer { position += count }
        return String(decoding: bytes[position..<(position + count)], as: UTF8.self)
    }
}
