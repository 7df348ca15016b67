/// Spreads JSON over lines, two spaces for each depth, a newline at the end, as the documentation shows bodies.
enum PrettyJSON {
    static func lines(_ compact: [UInt8]) -> [UInt8] {
        var lines: [UInt8] = []
        var depth = 0
        var isInText = false
        var isEscaped = false
        func newline() {
            lines.append(UInt8(ascii: "\n"))
            lines.append(contentsOf: repeatElement(UInt8(ascii: " "), count: depth * 2))
        }
        for byte in compact {
            if isInText {
                lines.append(byte)
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInText = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""):
                isInText = true
                lines.append(byte)
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                lines.append(byte)
                depth += 1
                newline()
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                newline()
                lines.append(byte)
            case UInt8(ascii: ","):
                lines.append(byte)
                newline()
            case UInt8(ascii: ":"):
                lines.append(contentsOf: [byte, UInt8(ascii: " ")])
            default:
                lines.append(byte)
            }
        }
        lines.append(UInt8(ascii: "\n"))
        return lines
    }
}
