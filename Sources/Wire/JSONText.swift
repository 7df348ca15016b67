/// A JSON string found in place: where its characters stand between the quotes, as offsets into the scanned bytes.
/// It owns nothing and is only meaningful together with those bytes.
public struct JSONText: Hashable, Sendable {
    public let start: Int32
    public let count: Int32
    /// Whether a backslash occurs, so that the bytes are not yet the characters.
    public let isEscaped: Bool

    @inlinable
    public init(start: Int, count: Int, isEscaped: Bool) {
        self.start = Int32(truncatingIfNeeded: start)
        self.count = Int32(truncatingIfNeeded: count)
        self.isEscaped = isEscaped
    }

    /// The bytes between the quotes, escapes and all.
    @inlinable
    public func raw(in bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[Int(start)..<(Int(start) &+ Int(count))])
    }

    /// Calls `body` with the UTF-8 characters; without escapes these are the scanned bytes themselves.
    @inlinable
    public func withCharacters<Result, Failure: Error>(
        in bytes: UnsafeRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        guard isEscaped else { return try body(raw(in: bytes)) }
        let characters = unescaped(in: bytes)
        // The closure of `withUnsafeBytes` cannot carry a typed error, so its outcome is carried instead.
        let outcome = characters.withUnsafeBytes { pointer -> Swift.Result<Result, Failure> in
            do throws(Failure) { return .success(try body(pointer)) } catch { return .failure(error) }
        }
        return try outcome.get()
    }

    /// The characters as a string.
    public func string(in bytes: UnsafeRawBufferPointer) -> String {
        withCharacters(in: bytes) { String(decoding: $0, as: UTF8.self) }
    }

    /// The identity of the id that the characters spell.
    @inlinable
    public func identity(in bytes: UnsafeRawBufferPointer) -> UInt128 {
        withCharacters(in: bytes) { Identity.of($0) }
    }

    /// The instant that the characters spell; nil where they spell none.
    @inlinable
    public func timestamp(in bytes: UnsafeRawBufferPointer) -> Timestamp? {
        withCharacters(in: bytes) { Timestamp($0) }
    }

    /// The characters with every escape resolved. The scanner has checked the escapes before this is called.
    @usableFromInline
    func unescaped(in bytes: UnsafeRawBufferPointer) -> [UInt8] {
        let raw = raw(in: bytes)
        var characters: [UInt8] = []
        characters.reserveCapacity(raw.count)
        var index = 0
        while index < raw.count {
            guard raw[index] == UInt8(ascii: "\\"), index + 1 < raw.count else {
                characters.append(raw[index])
                index += 1
                continue
            }
            let escape = raw[index + 1]
            index += 2
            switch escape {
            case UInt8(ascii: "b"): characters.append(0x08)
            case UInt8(ascii: "f"): characters.append(0x0c)
            case UInt8(ascii: "n"): characters.append(0x0a)
            case UInt8(ascii: "r"): characters.append(0x0d)
            case UInt8(ascii: "t"): characters.append(0x09)
            case UInt8(ascii: "u"):
                var unit = UInt32(JSONText.codeUnit(raw, index) ?? 0xfffd)
                index += 4
                if (0xd800..<0xdc00).contains(unit), let low = JSONText.codeUnit(raw, index + 2) {
                    unit = 0x10000 + ((unit - 0xd800) << 10) + (UInt32(low) &- 0xdc00)
                    index += 6
                }
                characters.append(contentsOf: String(Unicode.Scalar(unit) ?? "\u{fffd}").utf8)
            default: characters.append(escape)
            }
        }
        return characters
    }

    /// Four hexadecimal digits as a UTF-16 code unit.
    static func codeUnit(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> UInt16? {
        guard start + 4 <= bytes.count else { return nil }
        var unit: UInt16 = 0
        for index in start..<(start + 4) {
            guard let value = Hex.value(bytes[index]) else { return nil }
            unit = unit << 4 | UInt16(value)
        }
        return unit
    }
}

/// Why bytes are not JSON, and where.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        case unexpectedEnd = "unexpected_end"
        case unexpectedByte = "unexpected_byte"
        case controlCharacter = "control_character"
        case invalidEscape = "invalid_escape"
        case invalidNumber = "invalid_number"
        case invalidUTF8 = "invalid_utf8"
        case tooDeep = "too_deep"
        case tooLarge = "too_large"
    }

    public let code: Code
    /// Byte offset from the start of the scanned bytes.
    public let offset: Int

    public init(code: Code, offset: Int) {
        self.code = code
        self.offset = offset
    }

    public var description: String { "\(code.rawValue) at byte \(offset)" }
}
