import Foundation

extension Report {
    /// For people.
    var table: String {
        var lines = [
            "circlemeter-bench, \(date)",
            "machine   \(machine.description)",
            "versions  "
                + versions.sorted { $0.key.lowercased() < $1.key.lowercased() }.map { "\($0.key) \($0.value)" }
                .joined(separator: ", "),
            "method    \(rounds) rounds, both sides in turn; medians",
        ]
        for section in sections {
            lines += ["", "\(section.title): \(section.conditions)", ""]
            lines += Report.aligned(
                [["", "circlemeter", section.other, "ratio", "target"]] + section.rows.map(Report.cells)
            )
            lines += section.checks.map { check in
                "  \(check.holds ? "holds" : "FAILS"): \(check.name) (\(check.found), \(check.expected))"
            }
        }
        return lines.joined(separator: "\n")
    }

    private static func cells(_ row: Row) -> [String] {
        [
            "\(row.name), \(row.unit)",
            row.circlemeter.isEmpty ? "" : number(row.circlemeter.median),
            row.other.isEmpty ? "" : number(row.other.median),
            row.ratio.map { String(format: "%.2f", $0) } ?? "",
            row.targetText.map { "\($0): \(row.isMet == true ? "met" : "missed")" } ?? "",
        ]
    }

    /// Columns of equal width: the first and the last to the left, numbers to the right.
    private static func aligned(_ rows: [[String]]) -> [String] {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - row[column].count)
                return column == 0 ? row[column] + padding : column == 4 ? row[column] : padding + row[column]
            }
            let line = "  " + cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }
    }

    /// As many digits as mean something.
    static func number(_ value: Double) -> String {
        String(format: value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : "%.2f", value)
    }
}
