import CScan
import Glibc
import Wire

/// Walks over a line of the log, which is taken only in the exact form that the writer gives it.
struct LineCursor {
    /// The line without its newline.
    let bytes: UnsafeRawBufferPointer
    private(set) var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// Passes over `literal`; false, without moving, where something else stands.
    @inline(__always)
    mutating func skip(_ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard position &+ count <= bytes.count,
            memcmp(bytes.baseAddress! + position, literal.utf8Start, count) == 0
        else { return false }
        position &+= count
        return true
    }

    /// A whole number without sign or leading zeros, of at most 18 digits.
    @inline(__always)
    mutating func number() -> Int? {
        let start = position
        var value = 0
        while position < bytes.count, bytes[position] &- UInt8(ascii: "0") < 10 {
            guard position &- start < 18 else { return nil }
            value = value &* 10 &+ Int(bytes[position] &- UInt8(ascii: "0"))
            position &+= 1
        }
        let count = position &- start
        guard count > 0, count == 1 || bytes[start] != UInt8(ascii: "0") else { return nil }
        return value
    }

    /// An instant in the writer's 24 characters, `2026-11-22T08:16:08.123Z`.
    @inline(__always)
    mutating func timestamp() -> Timestamp? {
        guard position &+ 24 <= bytes.count, bytes[position &+ 10] == UInt8(ascii: "T"),
            bytes[position &+ 19] == UInt8(ascii: "."), bytes[position &+ 23] == UInt8(ascii: "Z"),
            let timestamp = Timestamp(UnsafeRawBufferPointer(rebasing: bytes[position..<position &+ 24]))
        else { return nil }
        position &+= 24
        return timestamp
    }

    /// A checksum: eight lowercase hexadecimal digits.
    mutating func checksum() -> UInt32? {
        guard position + 8 <= bytes.count,
            let value = Hex.checksum(UnsafeRawBufferPointer(rebasing: bytes[position..<position + 8]))
        else { return nil }
        position += 8
        return value
    }

    /// A connection's id, up to its quote.
    @inline(__always)
    mutating func connection() -> JSONText? {
        let start = position
        while position < bytes.count, LineCursor.isConnectionCharacter(bytes[position], isFirst: position == start) {
            position &+= 1
        }
        guard (1...63).contains(position &- start) else { return nil }
        return JSONText(start: start, count: position &- start, isEscaped: false)
    }

    /// A text with the writer's own escapes, past its closing quote.
    mutating func text() -> JSONText? {
        let start = position
        var isEscaped = false
        while position < bytes.count {
            let rest = (bytes.baseAddress! + position).assumingMemoryBound(to: UInt8.self)
            position &+= scan_plain_characters(rest, bytes.count &- position)
            guard position < bytes.count else { return nil }
            let byte = bytes[position]
            position &+= 1
            if byte == UInt8(ascii: "\"") {
                return JSONText(start: start, count: position &- 1 &- start, isEscaped: isEscaped)
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
                guard skipEscape() else { return nil }
            } else if byte < 0x20 {
                return nil
            }
        }
        return nil
    }

    static func isConnectionCharacter(_ byte: UInt8, isFirst: Bool) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "-"), UInt8(ascii: "_"): !isFirst
        default: false
        }
    }

    private mutating func skipEscape() -> Bool {
        if skip("\"") || skip("\\") || skip("n") || skip("r") || skip("t") { return true }
        guard skip("u00"), position + 2 <= bytes.count,
            bytes[position] == UInt8(ascii: "0") || bytes[position] == UInt8(ascii: "1"),
            let low = Hex.value(bytes[position + 1]), Hex.digit(low) == bytes[position + 1]
        else { return false }
        // Those that have an escape of their own are written with that.
        let isShort = bytes[position] == UInt8(ascii: "0") && (low == 0x9 || low == 0xa || low == 0xd)
        position += 2
        return !isShort
    }
}

/// What ends every line of the log: `,"crc":"9ab1c2d3"}`.
enum LineTrailer {
    /// Its bytes, without the newline.
    static let byteCount = 18
    private static let opening: StaticString = ",\"crc\":\""

    /// The checksum that the trailer states; nil where the line does not end in one.
    @inline(__always)
    static func crc(of line: UnsafeRawBufferPointer) -> UInt32? {
        guard line.count > byteCount, line[line.count &- 2] == UInt8(ascii: "\""),
            line[line.count &- 1] == UInt8(ascii: "}"),
            memcmp(line.baseAddress! + (line.count &- byteCount), opening.utf8Start, opening.utf8CodeUnitCount) == 0
        else { return nil }
        return digits(of: line)
    }

    /// The eight digits where the trailer has them, whatever stands around them.
    static func digits(of line: UnsafeRawBufferPointer) -> UInt32? {
        guard line.count >= byteCount else { return nil }
        return Hex.checksum(UnsafeRawBufferPointer(rebasing: line[(line.count &- 10)..<(line.count &- 2)]))
    }

    /// The checksum of the line's bytes before the trailer.
    @inline(__always)
    static func computed(_ line: UnsafeRawBufferPointer, seed: UInt32) -> UInt32 {
        #if SABOTAGE
            let seed = Sabotage.plants("checksum-not-chained") ? 0 : seed
        #endif
        return CRC32C.checksum(UnsafeRawBufferPointer(rebasing: line[..<(line.count &- byteCount)]), seed: seed)
    }

    /// Appends the trailer and the newline to a line that starts at `start` in `bytes`; its checksum.
    static func append(to bytes: inout [UInt8], lineStart start: Int, seed: UInt32) -> UInt32 {
        #if SABOTAGE
            let seed = Sabotage.plants("checksum-not-chained") ? 0 : seed
        #endif
        let crc = bytes.withUnsafeBytes {
            CRC32C.checksum(UnsafeRawBufferPointer(rebasing: $0[start...]), seed: seed)
        }
        bytes.append(contentsOf: UnsafeBufferPointer(start: opening.utf8Start, count: opening.utf8CodeUnitCount))
        Hex.append(crc, to: &bytes)
        bytes.append(contentsOf: [UInt8(ascii: "\""), UInt8(ascii: "}"), UInt8(ascii: "\n")])
        return crc
    }
}
