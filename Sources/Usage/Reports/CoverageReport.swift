import Wire

/// How complete the counters are: job runs by who named them, what CircleCI names and could not be fetched, and whether a
/// usage export has closed the day.
public enum CoverageReport {
    private static let columns = [
        ReportTable.Column("connection", .text, "Connection"), ReportTable.Column("day", .day, "Day"),
        ReportTable.Column("project", .text, "Project"), ReportTable.Column("runs", .count, "Runs"),
        ReportTable.Column("webhook", .count, "Webhook"), ReportTable.Column("api_only", .count, "API only"),
        ReportTable.Column("export_only", .count, "Export only"), ReportTable.Column("settled", .count, "Settled"),
        ReportTable.Column("missing", .count, "Missing"), ReportTable.Column("corrections", .count, "Corrections"),
        ReportTable.Column("closed", .bool, "Closed"),
    ]

    /// A row a project and day.
    public static func table(_ range: ReportRange, of snapshot: Snapshot) -> ReportTable {
        var table = ReportTable(columns: columns)
        for row in snapshot[.coverage] where range.contains(row.key) {
            let counts = (CoverageColumn.runs...CoverageColumn.corrections).map {
                ReportTable.Value.integer(row.tally[$0])
            }
            table.append(
                [.text(row.key.connection), .text(row.key.day.description), .text(row.key.texts[0])] + counts
                    + [.bool(row.tally[CoverageColumn.closed] != 0)]
            )
        }
        return table
    }
}
