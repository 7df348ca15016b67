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
}
