import Foundation

extension Report {
    /// For people: one table of all that has an aim, then each section with its conditions and what else was seen.
    var table: String {
        var lines = [
            "circlemeter-bench, \(date)",
            "machine   \(machine.description)",
            "versions  "
                + versions.sorted { $0.key.lowercased() < $1.key.lowercased() }.map { "\($0.key) \($0.value)" }
                .joined(separator: ", "),
            "method    \(rounds) rounds, all sides in turn; medians",
        ]
        let figures = sections.flatMap(\.rows).filter { !$0.aims.isEmpty }
        if !figures.isEmpty { lines += [""] + Report.aligned(figures) }
        for section in sections {
            lines += ["", "\(section.title): \(section.conditions)"]
            let rows = section.rows.filter(\.aims.isEmpty)
            if !rows.isEmpty { lines += [""] + Report.aligned(rows) }
            lines += section.checks.map { check in
                "  \(check.holds ? "holds" : "FAILS"): \(check.name) (\(check.found), \(check.expected))"
            }
        }
        return lines.joined(separator: "\n")
    }

    private static func cells(_ row: Row) -> [String] {
        [
            row.unit.isEmpty ? row.name : "\(row.name), \(row.unit)",
            row.circlemeter.isEmpty ? "" : number(row.circlemeter.median),
            row.other.isEmpty ? "" : number(row.other.median),
            row.other.isEmpty ? "" : row.against,
            row.ratio.map { String(format: "%.2f", $0) } ?? "",
            row.aimText ?? "",
            (row.isReached.map { $0 ? "reached" : "missed" } ?? "") + (row.note.map { " (\($0))" } ?? ""),
        ]
    }

    /// Columns of equal width, words to the left, numbers to the right; without those that are empty.
    private static func aligned(_ rows: [Row]) -> [String] {
        let names = ["", "circlemeter", "", "against", "ratio", "aim", ""]
        let isWord = [true, false, false, true, false, true, true]
        let cells = rows.map(cells)
        let shown = names.indices.filter { column in cells.contains { !$0[column].isEmpty } }
        let lines = [names] + cells
        let widths = names.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            let padded = shown.map { column in
                let padding = String(repeating: " ", count: widths[column] - line[column].count)
                return isWord[column] ? line[column] + padding : padding + line[column]
            }
            return String(("  " + padded.joined(separator: "  ")).reversed().drop { $0 == " " }.reversed())
        }
    }

    /// As many digits as mean something.
    static func number(_ value: Double) -> String {
        String(format: value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value)
    }
}
