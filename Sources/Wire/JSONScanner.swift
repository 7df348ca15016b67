import CScan

/// A cursor over JSON (RFC 8259) in place: it pulls members, texts and numbers out of bytes without copying them, and
/// checks all that it passes over, skipped values included.
///
/// Strict: UTF-8 only, no lone surrogates, nothing after the value. Where a name occurs twice, the caller sees both.
/// Create it inside the closure that vouches for the bytes (`withUnsafeBytes`) and let it not leave.
public struct JSONScanner {
    /// Values nested deeper than this are refused, so that no input can exhaust the stack.
    public static let maximumDepth = 128

    public let bytes: UnsafeRawBufferPointer
    public private(set) var position = 0
    private var depth = 0

    public init(_ bytes: UnsafeRawBufferPointer) throws(JSONError) {
        guard bytes.count < Int(Int32.max) else { throw JSONError(code: .tooLarge, offset: 0) }
        self.bytes = bytes
    }

    /// Whether `bytes` hold one JSON object and nothing else.
    public static func isObject(_ bytes: UnsafeRawBufferPointer) -> Bool {
        do throws(JSONError) {
            var scanner = try JSONScanner(bytes)
            guard try scanner.kind() == .object else { return false }
            try scanner.skipValue()
            try scanner.finish()
            return true
        } catch {
            return false
        }
    }

    public enum Kind: Sendable {
        case object, array, string, number, bool, null
    }

    /// The kind of the value that comes next.
    public mutating func kind() throws(JSONError) -> Kind {
        skipWhitespace()
        guard position < bytes.count else { throw error(.unexpectedEnd) }
        switch bytes[position] {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        default: throw error(.unexpectedByte)
        }
    }

    /// Where a walk through an object or an array stands.
    public struct Walk {
        fileprivate var isFirst = true
    }

    /// Steps into the object that comes next; false, with the value skipped, where it is no object.
    public mutating func enterObject() throws(JSONError) -> Walk? {
        skipWhitespace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: "{") else {
            try skipValue()
            return nil
        }
        try enter()
        return Walk()
    }

    /// The next member's name, its value to be read or skipped by the caller; nil, past the brace, at the end.
    public mutating func nextMember(_ walk: inout Walk) throws(JSONError) -> JSONText? {
        if let name = compactName(isFirst: walk.isFirst) {
            walk.isFirst = false
            return name
        }
        skipWhitespace()
        guard position < bytes.count else { throw error(.unexpectedEnd) }
        if bytes[position] == UInt8(ascii: "}") {
            position &+= 1
            depth &-= 1
            return nil
        }
        if walk.isFirst { walk.isFirst = false } else { try expect(UInt8(ascii: ",")) }
        let name = try text()
        try expect(UInt8(ascii: ":"))
        return name
    }

    /// Steps into the array that comes next; nil, with the value skipped, where it is no array.
    public mutating func enterArray() throws(JSONError) -> Walk? {
        guard try kind() == .array else {
            try skipValue()
            return nil
        }
        try enter()
        return Walk()
    }

    /// Whether another element follows, to be read or skipped by the caller; past the bracket where none does.
    public mutating func nextElement(_ walk: inout Walk) throws(JSONError) -> Bool {
        skipWhitespace()
        guard position < bytes.count else { throw error(.unexpectedEnd) }
        if bytes[position] == UInt8(ascii: "]") {
            position &+= 1
            depth &-= 1
            return false
        }
        if walk.isFirst { walk.isFirst = false } else { try expect(UInt8(ascii: ",")) }
        return true
    }

    /// Whether a text without escapes spells `name`.
    @inlinable
    @inline(__always)
    public func matches(_ text: JSONText, _ name: StaticString) -> Bool {
        guard Int(text.count) == name.utf8CodeUnitCount else { return false }
        var index = 0
        let characters = name.utf8Start
        let base = Int(text.start)
        while index < name.utf8CodeUnitCount {
            guard bytes[base &+ index] == characters[index] else { return false }
            index &+= 1
        }
        return true
    }

    /// The string that comes next; nil, with the value skipped, where it is another kind of value.
    public mutating func textOrSkip() throws(JSONError) -> JSONText? {
        if let text = plainText(at: position) {
            position = Int(text.start) &+ Int(text.count) &+ 1
            return text
        }
        skipWhitespace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else {
            try skipValue()
            return nil
        }
        return try text()
    }

    /// The whole number that comes next, also when it is written as a string (CircleCI does both); nil, with the value
    /// skipped, where it is none or does not fit.
    public mutating func integerOrSkip() throws(JSONError) -> Int64? {
        let start: Int
        let end: Int
        switch try kind() {
        case .number:
            start = position
            try skipNumber()
            end = position
        case .string:
            let text = try text()
            start = Int(text.start)
            end = start + Int(text.count)
        default:
            try skipValue()
            return nil
        }
        return JSONScanner.integer(bytes, start, end)
    }

    private static func integer(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Int64? {
        var value: Int64 = 0
        for index in start..<end {
            let digit = bytes[index] &- UInt8(ascii: "0")
            // So many digits always fit.
            guard digit < 10, end - start <= 18 else {
                return Int64(String(decoding: bytes[start..<end], as: UTF8.self))
            }
            value = value &* 10 &+ Int64(digit)
        }
        return start < end ? value : nil
    }

    /// The truth value that comes next; nil, with the value skipped, where it is another kind of value.
    public mutating func boolOrSkip() throws(JSONError) -> Bool? {
        guard try kind() == .bool else {
            try skipValue()
            return nil
        }
        let value = bytes[position] == UInt8(ascii: "t")
        try skipValue()
        return value
    }

    /// Passes over the value that comes next, checking it.
    public mutating func skipValue() throws(JSONError) {
        if let text = plainText(at: position) {
            position = Int(text.start) &+ Int(text.count) &+ 1
            return
        }
        switch try kind() {
        case .object:
            try enter()
            var walk = Walk()
            while try nextMember(&walk) != nil { try skipValue() }
        case .array:
            try enter()
            var walk = Walk()
            while try nextElement(&walk) { try skipValue() }
        case .string: _ = try text()
        case .number: try skipNumber()
        case .bool: try skipWord(bytes[position] == UInt8(ascii: "t") ? "true" : "false")
        case .null: try skipWord("null")
        }
    }

    /// Checks that nothing but white space follows.
    public mutating func finish() throws(JSONError) {
        skipWhitespace()
        guard position == bytes.count else { throw error(.unexpectedByte) }
    }

    /// The string that comes next.
    public mutating func text() throws(JSONError) -> JSONText {
        try expect(UInt8(ascii: "\""))
        let start = position
        skipPlainCharacters()
        return try rest(of: start)
    }

    /// The member's name that comes next where it is written as nearly every sender writes it: `,"name":` without white
    /// space and escapes. Nil, without moving, for anything else.
    @inline(__always)
    private mutating func compactName(isFirst: Bool) -> JSONText? {
        var start = position
        if !isFirst {
            guard start < bytes.count, bytes[start] == UInt8(ascii: ",") else { return nil }
            start &+= 1
        }
        guard let name = plainText(at: start) else { return nil }
        let colon = Int(name.start) &+ Int(name.count) &+ 1
        guard colon < bytes.count, bytes[colon] == UInt8(ascii: ":") else { return nil }
        position = colon &+ 1
        return name
    }

    /// The string that begins right at `start` and has neither escapes nor characters of several bytes; nil for anything
    /// else, be it in order or not.
    @inline(__always)
    private func plainText(at start: Int) -> JSONText? {
        guard start < bytes.count, let base = bytes.baseAddress, bytes[start] == UInt8(ascii: "\"") else { return nil }
        let first = start &+ 1
        let characters = (base + first).assumingMemoryBound(to: UInt8.self)
        let count = scan_plain_characters(characters, bytes.count &- first)
        guard first &+ count < bytes.count, characters[count] == UInt8(ascii: "\"") else { return nil }
        return JSONText(start: first, count: count, isEscaped: false)
    }

    /// The rest of a string, from a character on that does not stand for itself.
    private mutating func rest(of start: Int) throws(JSONError) -> JSONText {
        var isEscaped = false
        while true {
            guard position < bytes.count else { throw error(.unexpectedEnd) }
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                position &+= 1
                return JSONText(start: start, count: position &- 1 &- start, isEscaped: isEscaped)
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
                try skipEscape()
            } else if byte >= 0x80 {
                try skipMultibyteCharacter()
            } else {
                throw error(.controlCharacter)
            }
            skipPlainCharacters()
        }
    }

    /// Advances to the next quote, backslash, control character or byte of a multi-byte character.
    @inline(__always)
    private mutating func skipPlainCharacters() {
        guard position < bytes.count, let base = bytes.baseAddress else { return }
        let rest = (base + position).assumingMemoryBound(to: UInt8.self)
        position &+= scan_plain_characters(rest, bytes.count &- position)
    }

    @inline(__always)
    private func error(_ code: JSONError.Code) -> JSONError { JSONError(code: code, offset: position) }

    @inline(__always)
    private mutating func skipWhitespace() {
        while position < bytes.count {
            let byte = bytes[position]
            guard byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 else { return }
            position &+= 1
        }
    }

    @inline(__always)
    private mutating func expect(_ byte: UInt8) throws(JSONError) {
        skipWhitespace()
        guard position < bytes.count else { throw error(.unexpectedEnd) }
        guard bytes[position] == byte else { throw error(.unexpectedByte) }
        position &+= 1
    }

    private mutating func enter() throws(JSONError) {
        guard depth < JSONScanner.maximumDepth else { throw error(.tooDeep) }
        depth &+= 1
        position &+= 1
    }

    private mutating func skipEscape() throws(JSONError) {
        guard position + 1 < bytes.count else { throw error(.unexpectedEnd) }
        switch bytes[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
        case UInt8(ascii: "u"):
            guard let unit = JSONText.codeUnit(bytes, position + 2), !(0xdc00..<0xe000).contains(unit) else {
                throw error(.invalidEscape)
            }
            guard (0xd800..<0xdc00).contains(unit) else {
                position += 6
                return
            }
            guard position + 12 <= bytes.count, bytes[position + 6] == UInt8(ascii: "\\"),
                bytes[position + 7] == UInt8(ascii: "u"), let low = JSONText.codeUnit(bytes, position + 8),
                (0xdc00..<0xe000).contains(low)
            else { throw error(.invalidEscape) }
            position += 12
        default:
            throw error(.invalidEscape)
        }
    }

    /// Passes over one well-formed character of two to four bytes (Unicode, table 3-7).
    private mutating func skipMultibyteCharacter() throws(JSONError) {
        let first = bytes[position]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xbf
        switch first {
        case 0xc2...0xdf: length = 2
        case 0xe0: (length, second) = (3, 0xa0...0xbf)
        case 0xed: (length, second) = (3, 0x80...0x9f)
        case 0xe1...0xef: length = 3
        case 0xf0: (length, second) = (4, 0x90...0xbf)
        case 0xf1...0xf3: length = 4
        case 0xf4: (length, second) = (4, 0x80...0x8f)
        default: throw error(.invalidUTF8)
        }
        guard position + length <= bytes.count, second.contains(bytes[position + 1]) else { throw error(.invalidUTF8) }
        for index in 2..<max(2, length) {
            guard (0x80...0xbf).contains(bytes[position + index]) else { throw error(.invalidUTF8) }
        }
        position += length
    }

    private mutating func skipNumber() throws(JSONError) {
        if bytes[position] == UInt8(ascii: "-") { position &+= 1 }
        if position < bytes.count, bytes[position] == UInt8(ascii: "0") {
            position &+= 1
        } else {
            try skipDigits()
        }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            position &+= 1
            try skipDigits()
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position &+= 1
            if position < bytes.count, bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-") {
                position &+= 1
            }
            try skipDigits()
        }
    }

    private mutating func skipDigits() throws(JSONError) {
        let start = position
        while position < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[position]) {
            position &+= 1
        }
        guard position > start else { throw error(position < bytes.count ? .invalidNumber : .unexpectedEnd) }
    }

    private mutating func skipWord(_ word: StaticString) throws(JSONError) {
        let end = position + word.utf8CodeUnitCount
        guard end <= bytes.count else { throw error(.unexpectedEnd) }
        for index in 0..<word.utf8CodeUnitCount {
            guard bytes[position + index] == word.utf8Start[index] else { throw error(.unexpectedByte) }
        }
        position = end
    }
}
