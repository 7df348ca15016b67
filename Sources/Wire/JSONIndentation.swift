/// JSON as ``JSONWriter`` writes it, broken into lines for people.
public enum JSONIndentation {
    /// - Parameters:
    ///   - bytes: JSON on one line, without white space outside of strings.
    ///   - limit: about as many bytes are made and not more: depth can make a hundred of one.
    public static func indented(_ bytes: [UInt8], upTo limit: Int = .max) -> [UInt8] {
        var lines: [UInt8] = []
        var depth = 0
        var isInString = false
        var isEscaped = false
        func breakLine() {
            lines.append(UInt8(ascii: "\n"))
            lines.append(contentsOf: repeatElement(UInt8(ascii: " "), count: depth * 2))
        }
        for (index, byte) in bytes.enumerated() {
            if lines.count > limit { break }
            if isInString {
                lines.append(byte)
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                lines.append(byte)
                // An empty object or array stays on its line: its closing bracket takes the depth back.
                depth += 1
                if index + 1 < bytes.count, !isClosing(bytes[index + 1]) { breakLine() }
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if index > 0, !isOpening(bytes[index - 1]) { breakLine() }
                lines.append(byte)
            case UInt8(ascii: ","):
                lines.append(byte)
                breakLine()
            case UInt8(ascii: ":"):
                lines.append(byte)
                lines.append(UInt8(ascii: " "))
            default:
                isInString = byte == UInt8(ascii: "\"")
                lines.append(byte)
            }
        }
        lines.append(UInt8(ascii: "\n"))
        return lines
    }

    private static func isOpening(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") }

    private static func isClosing(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") }
}
