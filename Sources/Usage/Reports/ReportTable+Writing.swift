public import Wire

extension ReportTable {
    /// An array of objects, one a row, members in the columns' order. Decimals are JSON numbers with all their digits.
    public func writeJSON(to json: inout JSONWriter) {
        json.array { json in
            for row in rows {
                json.object { json in
                    for (column, value) in zip(columns, row) { write(value, of: column, to: &json) }
                }
            }
        }
    }

    private func write(_ value: Value, of column: Column, to json: inout JSONWriter) {
        json.name(column.name)
        switch value {
        case .none: json.null()
        case .text(let text): json.string(text)
        case .bool(let bool): json.bool(bool)
        case .integer, .money: json.raw((text(of: value, in: column) ?? "null").utf8)
        }
    }

    /// RFC 4180: a header, commas, quotes where needed, lines that end with CRLF.
    ///
    /// A spreadsheet takes a text that begins with `=`, `+`, `-`, `@` (full-width ones, too), a tab or a line end for a
    /// formula, and branch names are written by strangers: such texts get an apostrophe in front. Where a spreadsheet
    /// parts cells at semicolons or tabs, quotes keep a cell with one whole.
    public func csv() -> [UInt8] {
        var csv = CSVWriter()
        csv.row(columns.map(\.name))
        for row in rows {
            csv.row(
                zip(columns, row).map { column, value in
                    guard let text = text(of: value, in: column) else { return "" }
                    if case .text = value { return CSVWriter.harmless(text) }
                    return text
                }
            )
        }
        return csv.bytes
    }
}

/// Writes rows of comma-separated values.
public struct CSVWriter: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    public mutating func row(_ cells: [String]) {
        for (index, cell) in cells.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            append(cell)
        }
        bytes += [0x0d, 0x0a]
    }

    /// The text with an apostrophe in front where a spreadsheet would take it for a formula.
    public static func harmless(_ text: String) -> String {
        guard let first = text.unicodeScalars.first else { return text }
        switch first {
        case "=", "+", "-", "@", "\t", "\r", "\n", "\u{ff1d}", "\u{ff0b}", "\u{ff0d}", "\u{ff20}": return "'" + text
        default: return text
        }
    }

    private mutating func append(_ cell: String) {
        guard cell.utf8.contains(where: { Array(",;\"\t\r\n".utf8).contains($0) }) else {
            bytes += cell.utf8
            return
        }
        bytes.append(UInt8(ascii: "\""))
        for byte in cell.utf8 {
            if byte == UInt8(ascii: "\"") { bytes.append(byte) }
            bytes.append(byte)
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
