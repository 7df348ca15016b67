import Meter
import Usage

/// A report as people read it on a terminal: columns side by side, numbers to the right, times and amounts rounded.
struct TextTable {
    private static let gap = "  "
    /// Texts of strangers may be thousands of characters long.
    private static let maximumTextWidth = 60

    let text: String

    init(_ table: ReportTable) {
        guard !table.rows.isEmpty else {
            text = "Nothing was counted in these days."
            return
        }
        let shown = TextTable.shown(table)
        let projectName = table.column("project_name")
        let shared = TextTable.sharedNames(table)
        let header = shown.map { table.columns[$0].title }
        let body = table.rows.map { row in
            shown.map { column in
                // Slugs of projects of the App kind say nothing to people; names that several have say too little.
                if table.columns[column].name == "project", let projectName, row[projectName] != .none {
                    let name = TextTable.cell(row[projectName], .text)
                    return shared.contains(row[projectName]) ? "\(name) \(TextTable.cell(row[column], .text))" : name
                }
                return TextTable.cell(row[column], table.columns[column].kind)
            }
        }
        let widths = shown.indices.map { column in
            ([header] + body).reduce(0) { max($0, $1[column].unicodeScalars.count) }
        }
        let isNumber = shown.map { table.columns[$0].kind.isNumber }
        func line(_ cells: [String]) -> String {
            var line = zip(cells.indices, cells).map { index, cell in
                let padding = String(repeating: " ", count: widths[index] - cell.unicodeScalars.count)
                return isNumber[index] ? padding + cell : cell + padding
            }.joined(separator: TextTable.gap)
            while line.hasSuffix(" ") { line.removeLast() }
            return line
        }
        let rule = widths.map { String(repeating: "-", count: $0) }.joined(separator: TextTable.gap)
        text = ([line(header), rule] + body.map(line)).joined(separator: "\n")
    }

    /// Names that stand for several projects.
    private static func sharedNames(_ table: ReportTable) -> Set<ReportTable.Value> {
        guard let slug = table.column("project"), let name = table.column("project_name") else { return [] }
        let slugs = Dictionary(grouping: table.rows, by: { $0[name] }).mapValues { Set($0.map { $0[slug] }) }
        return Set(slugs.filter { $0.value.count > 1 }.keys)
    }

    /// The columns that say something that no other does; JSON and CSV have all.
    private static func shown(_ table: ReportTable) -> [Int] {
        let isCompared = table.column("credits_change") != nil
        let credits = table.column("credits")
        return table.columns.indices.filter { column in
            let name = table.columns[column].name
            if name == "project_name" { return false }
            if isCompared, ["success", "failed", "canceled", "p50_ms", "p95_ms", "duration_ms_before"].contains(name) {
                return false
            }
            if name == "credits_settled" || name == "credits_provisional", let credits {
                return table.rows.contains { row in row[column] != .integer(0) && row[column] != row[credits] }
            }
            return table.rows.contains { $0[column] != .none }
        }
    }

    private static func cell(_ value: ReportTable.Value, _ kind: ReportTable.Kind) -> String {
        let text = ReportText.text(value, kind)
        // No control characters: a branch name must not steer the terminal.
        var plain = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(maximumTextWidth) {
            let isSteering = scalar.properties.generalCategory == .control || scalar.properties.isBidiControl
            plain.append(isSteering ? "?" : scalar)
        }
        if text.unicodeScalars.count > maximumTextWidth { plain.append(contentsOf: "...".unicodeScalars) }
        return String(plain)
    }
}
