import Wire

/// The rows of a table of counters as they are, for whoever wants to reckon for themselves.
public enum CounterReport {
    /// - Parameter range: of monthly tables, every month that has days in it.
    public static func table(_ counters: UsageTable, _ range: ReportRange, of snapshot: Snapshot) -> ReportTable {
        var columns = [
            ReportTable.Column("connection", .text, "Connection"),
            ReportTable.Column(counters.dayColumn, .day, counters.isMonthly ? "Month" : "Day"),
        ]
        columns += counters.keyColumns.map { ReportTable.Column($0, .text, title(of: $0)) }
        let values = counters.valueColumns + counters.derivedColumns
        columns += values.map { ReportTable.Column($0, kind(of: $0), title(of: $0)) }
        if counters.hasDurations {
            let kind: ReportTable.Kind = counters == .utilization ? .percent : .milliseconds
            let unit = counters == .utilization ? "pct" : "ms"
            columns += [50, 95].map { ReportTable.Column("p\($0)_\(unit)", kind, "p\($0)") }
            columns.append(ReportTable.Column("maximum_\(unit)", kind, "Maximum"))
        }
        var table = ReportTable(columns: columns)
        for row in snapshot[counters] {
            guard counters.isMonthly ? range.containsMonth(row.key) : range.contains(row.key) else { continue }
            var cells: [ReportTable.Value] = [
                .text(row.key.connection), .text(counters.isMonthly ? row.key.day.month : row.key.day.description),
            ]
            cells += row.key.texts.map { .text($0) }
            cells += values.indices.map { values[$0] == "closed" ? .bool(row.tally[$0] != 0) : .integer(row.tally[$0]) }
            if counters.hasDurations {
                cells += [50, 95, 100].map { .integer(row.tally.durations.percentile($0)) }
            }
            table.append(cells)
        }
        return table
    }

    private static func kind(of column: String) -> ReportTable.Kind {
        if column == "closed" { return .bool }
        if column.hasPrefix("credits") { return .credits }
        return column.hasSuffix("_ms") ? .milliseconds : .count
    }

    private static func title(of column: String) -> String {
        let words = column.split(separator: "_").joined(separator: " ")
        return words.prefix(1).uppercased() + words.dropFirst()
    }
}
