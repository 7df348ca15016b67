extension JSONText {
    /// The characters in UTF-8, and for each byte of them where what spells it begins in `bytes`; behind these one place
    /// more, the end. All bytes of an escape begin where it does.
    public func places(in bytes: UnsafeRawBufferPointer) -> (characters: [UInt8], starts: [Int]) {
        let raw = raw(in: bytes)
        guard isEscaped else { return (Array(raw), Array(Int(start)...(Int(start) + raw.count))) }
        var characters: [UInt8] = []
        var starts: [Int] = []
        var index = 0
        while index < raw.count {
            let begin = index
            if raw[index] == UInt8(ascii: "\\"), index + 1 < raw.count {
                index += 2
                if raw[begin + 1] == UInt8(ascii: "u") {
                    index += 4
                    let isHigh = JSONText.codeUnit(raw, begin + 2).map { (0xd800..<0xdc00).contains($0) } ?? false
                    if isHigh { index += 6 }
                }
            } else {
                index += 1
            }
            let part = JSONText(
                start: Int(start) + begin,
                count: min(index, raw.count) - begin,
                isEscaped: raw[begin] == UInt8(ascii: "\\")
            )
            part.withCharacters(in: bytes) { spelled in
                characters.append(contentsOf: spelled)
                starts.append(contentsOf: repeatElement(Int(start) + begin, count: spelled.count))
            }
        }
        return (characters, starts + [Int(start) + raw.count])
    }
}
