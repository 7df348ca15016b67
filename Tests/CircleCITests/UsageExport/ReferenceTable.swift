@testable import CircleCI

/// The dialect of the usage export once more, byte by byte and of a whole file at once: what ``ExportTable`` is compared
/// with.
struct ReferenceTable {
    struct Row: Equatable {
        /// Nil is NULL.
        var cells: [[UInt8]?]
        var line: Int
    }

    private(set) var rows: [Row] = []
    /// Why reading ended before the end.
    private(set) var problem: UsageExportError.Code?

    private let text: [UInt8]
    private var index = 0
    private var line = 1

    init(_ text: [UInt8]) {
        self.text = text
        if text.starts(with: [0xef, 0xbb, 0xbf]) { index = 3 }
        while index < text.count, problem == nil { readRow() }
    }

    private func byte(_ offset: Int = 0) -> UInt8? { index + offset < text.count ? text[index + offset] : nil }

    private mutating func readRow() {
        let first = line
        var cells: [[UInt8]?] = []
        var isEmpty = false
        while true {
            let start = index
            guard let cell = byte() == UInt8(ascii: "\"") ? quoted() : plain() else {
                problem = .badQuotes
                return
            }
            cells.append(cell.isNull ? nil : cell.bytes)
            isEmpty = cells.count == 1 && cell.bytes.isEmpty && (index == start || index == start + 2)
            switch byte() {
            case nil:
                line += 1
                if !isEmpty { rows.append(Row(cells: cells, line: first)) }
                return
            case UInt8(ascii: ","): index += 1
            case 0x0a:
                index += 1
                line += 1
                if !isEmpty { rows.append(Row(cells: cells, line: first)) }
                return
            case 0x0d:
                index += byte(1) == 0x0a ? 2 : 1
                line += 1
                if !isEmpty { rows.append(Row(cells: cells, line: first)) }
                return
            default:
                problem = .badQuotes
                return
            }
        }
    }

    private typealias Cell = (bytes: [UInt8], isNull: Bool)

    private mutating func plain() -> Cell? {
        let start = index
        var end = index
        while end < text.count, text[end] != UInt8(ascii: ","), text[end] != 0x0a, text[end] != 0x0d {
            end = min(end + (text[end] == UInt8(ascii: "\\") ? 2 : 1), text.count)
        }
        let raw = text[start..<end]
        let isEscaped = raw.contains(UInt8(ascii: "\\"))
        var bytes: [UInt8] = []
        while index < end {
            if text[index] == UInt8(ascii: "\\") {
                escape(into: &bytes)
                continue
            }
            bytes.append(text[index])
            // Where anything is escaped, a doubled quote is one.
            let isPair = isEscaped && index + 1 < end && text[index] == 0x22 && text[index + 1] == 0x22
            index += isPair ? 2 : 1
        }
        return (bytes, Array(raw) == Array("\\N".utf8))
    }

    private mutating func quoted() -> Cell? {
        var bytes: [UInt8] = []
        index += 1
        while let next = byte() {
            switch next {
            case UInt8(ascii: "\""):
                index += 1
                guard byte() == UInt8(ascii: "\"") else { return (bytes, false) }
                bytes.append(next)
                index += 1
            case UInt8(ascii: "\\"):
                guard byte(1) != nil else { return nil }
                escape(into: &bytes)
            default:
                if next == 0x0a || next == 0x0d && byte(1) != 0x0a { line += 1 }
                bytes.append(next)
                index += 1
            }
        }
        return nil
    }

    /// A backslash and what it makes of the byte behind it; one at the end stands for itself.
    private mutating func escape(into bytes: inout [UInt8]) {
        guard let escaped = byte(1) else {
            bytes.append(text[index])
            index += 1
            return
        }
        if escaped == 0x0a { line += 1 }
        switch escaped {
        case UInt8(ascii: "n"): bytes.append(0x0a)
        case UInt8(ascii: "r"): bytes.append(0x0d)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "0"): bytes.append(0x00)
        default: bytes.append(escaped)
        }
        index += 2
    }
}
