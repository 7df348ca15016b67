import Wire

/// JSON on one line, written into memory that was made large enough beforehand. A comma follows every member, and an
/// object's end takes its place; an object without members leaves nothing behind.
///
/// Unsafe: nothing is written past the memory, which every write looks at.
struct EventText {
    /// Where an object begins, and where its first member would.
    struct Opening {
        fileprivate var start: Int
        fileprivate var inside: Int
    }

    private let memory: UnsafeMutableRawBufferPointer
    private var count = 0

    init(_ memory: UnsafeMutableRawBufferPointer) {
        self.memory = memory
    }

    @inline(__always)
    private mutating func room(_ byteCount: Int) -> UnsafeMutablePointer<UInt8> {
        precondition(byteCount <= memory.count &- count, "the memory was reckoned too small")
        defer { count &+= byteCount }
        return (memory.baseAddress! + count).assumingMemoryBound(to: UInt8.self)
    }

    @inline(__always)
    mutating func literal(_ text: StaticString) {
        room(text.utf8CodeUnitCount).update(from: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    @inline(__always)
    mutating func bytes(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        UnsafeMutableRawPointer(room(bytes.count)).copyMemory(from: base, byteCount: bytes.count)
    }

    /// Characters within quotes that are already there, of a text.
    /// - Parameter isPlain: whether all of them stand for themselves.
    @inline(__always)
    mutating func characters(_ text: UnsafeRawBufferPointer, isPlain: Bool) {
        guard isPlain else { return escaped(text) }
        bytes(text)
    }

    private mutating func escaped(_ text: UnsafeRawBufferPointer) {
        var json = JSONWriter()
        json.string(utf8: text)
        json.bytes.withUnsafeBytes { bytes(UnsafeRawBufferPointer(rebasing: $0.dropFirst().dropLast())) }
    }

    mutating func integer(_ value: Int64) {
        if value < 0 { literal("-") }
        var rest = value.magnitude
        var place = 1
        while rest >= 10 {
            rest /= 10
            place &+= 1
        }
        let digits = room(place)
        rest = value.magnitude
        while place > 0 {
            place &-= 1
            digits[place] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    /// 32 digits.
    mutating func hexadecimal(_ value: UInt128) {
        let digits = room(32)
        for place in 0..<32 {
            digits[place] = Hex.digit(UInt8(truncatingIfNeeded: value >> UInt128(124 &- 4 &* place)) & 0xf)
        }
    }

    mutating func time(_ time: Timestamp) { time.write(to: room(Timestamp.characterCount)) }

    /// - Parameter name: with its quotes, colon and brace.
    @inline(__always)
    mutating func open(_ name: StaticString) -> Opening {
        let start = count
        literal(name)
        return Opening(start: start, inside: count)
    }

    @inline(__always)
    mutating func close(_ opening: Opening) {
        guard count > opening.inside else {
            count = opening.start
            return
        }
        memory[count &- 1] = UInt8(ascii: "}")
        literal(",")
    }

    /// Calls `body` with what was written so far as an object that ends here.
    mutating func asObject<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        memory[count - 1] = UInt8(ascii: "}")
        defer { memory[count - 1] = UInt8(ascii: ",") }
        return body(UnsafeRawBufferPointer(rebasing: memory[..<count]))
    }
}
