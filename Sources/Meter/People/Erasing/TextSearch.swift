import Wire

/// Looks for bytes in bytes.
enum TextSearch {
    /// Where `needle`, which is in small letters where `ignoringCase`, stands first from `start` on.
    static func first(
        _ needle: [UInt8],
        in bytes: UnsafeRawBufferPointer,
        from start: Int,
        ignoringCase: Bool
    ) -> Int? {
        guard let head = needle.first, bytes.count - start >= needle.count else { return nil }
        let last = bytes.count - needle.count
        var index = start
        while index <= last {
            defer { index &+= 1 }
            guard folded(bytes[index], ignoringCase) == folded(head, ignoringCase) else { continue }
            var length = 1
            while length < needle.count,
                folded(bytes[index &+ length], ignoringCase) == folded(needle[length], ignoringCase)
            {
                length &+= 1
            }
            if length == needle.count { return index }
        }
        return nil
    }

    @inline(__always)
    private static func folded(_ byte: UInt8, _ ignoringCase: Bool) -> UInt8 {
        ignoringCase && byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
    }

    /// With small letters beyond ASCII where those take as many bytes; no byte moves.
    static func lowercased(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        var index = 0
        while index < bytes.count {
            guard bytes[index] >= 0x80 else {
                index += 1
                continue
            }
            let count = max(1, (~bytes[index]).leadingZeroBitCount)
            let end = min(index + count, bytes.count)
            if let text = String(validating: bytes[index..<end], as: UTF8.self) {
                let small = Array(text.lowercased().utf8)
                if small.count == end - index { bytes.replaceSubrange(index..<end, with: small) }
                index = end
            } else {
                index += 1
            }
        }
        return bytes
    }

    /// Whether the bytes before a place are an escape of JSON, as `\n` and `\u003c`.
    static func isEscape(before place: Int, in bytes: UnsafeRawBufferPointer) -> Bool {
        let backslash = UInt8(ascii: "\\")
        if place >= 2, bytes[place - 2] == backslash { return shortEscapes[bytes[place - 1]] != nil }
        return place >= 6 && bytes[place - 6] == backslash && bytes[place - 5] == UInt8(ascii: "u")
            && bytes[(place - 4)..<place].allSatisfy { Hex.value($0) != nil }
    }

    /// The characters of bytes that may be no JSON, with escapes of ASCII resolved, and for each where what spells it
    /// begins; behind these one place more, the end.
    static func unescaped(_ bytes: [UInt8]) -> (characters: [UInt8], starts: [Int]) {
        var characters: [UInt8] = []
        var starts: [Int] = []
        var index = 0
        while index < bytes.count {
            starts.append(index)
            if bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count {
                if let character = shortEscapes[bytes[index + 1]] {
                    characters.append(character)
                    index += 2
                    continue
                }
                if bytes[index + 1] == UInt8(ascii: "u"), index + 6 <= bytes.count,
                    let unit = Hex.decode(bytes[(index + 2)..<(index + 6)]), unit[0] == 0, unit[1] < 0x80
                {
                    characters.append(unit[1])
                    index += 6
                    continue
                }
            }
            characters.append(bytes[index])
            index += 1
        }
        return (characters, starts + [bytes.count])
    }

    private static let shortEscapes: [UInt8: UInt8] = [
        UInt8(ascii: "n"): 0x0a, UInt8(ascii: "r"): 0x0d, UInt8(ascii: "t"): 0x09, UInt8(ascii: "b"): 0x08,
        UInt8(ascii: "f"): 0x0c, UInt8(ascii: "\""): UInt8(ascii: "\""), UInt8(ascii: "/"): UInt8(ascii: "/"),
        UInt8(ascii: "\\"): UInt8(ascii: "\\"),
    ]
}
