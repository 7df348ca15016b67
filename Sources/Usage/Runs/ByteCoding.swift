/// Appends numbers and texts in the form of stored derived state.
///
/// Memory of its own, guarded by ``room(for:)``, which every write asks first: an array checks for each byte whether it is
/// shared and has room, and that is most of what storing a run costs.
struct ByteWriter: ~Copyable {
    /// The longest that an integer can be.
    private static let integerBytes = 10

    private var memory: UnsafeMutableRawPointer
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int = 64) {
        self.capacity = max(capacity, 1)
        memory = .allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit { memory.deallocate() }

    var bytes: [UInt8] { Array(UnsafeRawBufferPointer(start: memory, count: count)) }

    /// Unsigned LEB128.
    @inline(__always)
    mutating func integer(_ value: UInt64) {
        room(for: ByteWriter.integerBytes)
        var rest = value
        var end = count
        while rest >= 0x80 {
            memory.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, toByteOffset: end, as: UInt8.self)
            end &+= 1
            rest &>>= 7
        }
        memory.storeBytes(of: UInt8(truncatingIfNeeded: rest), toByteOffset: end, as: UInt8.self)
        count = end &+ 1
    }

    @inline(__always)
    mutating func identity(_ value: UInt128) {
        room(for: 16)
        memory.storeBytes(of: value.littleEndian, toByteOffset: count, as: UInt128.self)
        count &+= 16
    }

    mutating func text(_ text: ArraySlice<UInt8>) {
        integer(UInt64(text.count))
        text.withUnsafeBytes { append($0) }
    }

    mutating func append(_ other: borrowing ByteWriter) {
        append(UnsafeRawBufferPointer(start: other.memory, count: other.count))
    }

    private mutating func append(_ other: UnsafeRawBufferPointer) {
        guard let first = other.baseAddress else { return }
        room(for: other.count)
        memory.advanced(by: count).copyMemory(from: first, byteCount: other.count)
        count += other.count
    }

    @inline(__always)
    private mutating func room(for byteCount: Int) {
        if byteCount > capacity &- count { grow(by: byteCount) }
    }

    private mutating func grow(by byteCount: Int) {
        let larger = max(2 * capacity, count + byteCount)
        let next = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        next.copyMemory(from: memory, byteCount: count)
        memory.deallocate()
        (memory, capacity) = (next, larger)
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
