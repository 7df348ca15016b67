import Usage
import Wire

/// The rows of reports, from the columns that each has when it is asked about nothing.
enum ReportColumns {
    static let summary = row(
        columns: PeopleReport.summary(month: today, today: today, snapshot: nothing).table.columns
    )

    /// A row of a report: one object, or one of several where its columns depend on what is asked for.
    static func row(of name: Report.Name) -> OpenAPIValue {
        if name == .usage { return usage }
        let rows = requests(name).map { row(columns: columns(name, $0)) }
        return rows.count == 1 ? rows[0] : .anyOf(rows)
    }

    /// What the columns depend on.
    private static func requests(_ name: Report.Name) -> [[String: String]] {
        switch name {
        case .features: FeatureReport.Detail.allCases.map { ["group_by": $0.rawValue] }
        case .counters: UsageTable.allCases.map { ["table": $0.rawValue] }
        default: [[:]]
        }
    }

    private static func columns(_ name: Report.Name, _ values: [String: String]) -> [ReportTable.Column] {
        guard let report = try? Report(name, values, today: today),
            let table = try? report.table(of: nothing, rules: PeopleRules())
        else { preconditionFailure("a report of nothing is possible") }
        return table.columns
    }

    /// All columns of usage in one object; those that every grouping has are required.
    private static let usage: OpenAPIValue = {
        let single = UsageGrouping.allCases.map { [$0.rawValue] }
        let tables = (single + [["project", "workflow", "job"]]).flatMap { groupings in
            ["false", "true"].map { columns(.usage, ["group_by": groupings.joined(separator: ","), "compare": $0]) }
        }
        var all: [ReportTable.Column] = []
        for column in tables.joined() where !all.contains(where: { $0.name == column.name }) { all.append(column) }
        let optional = all.filter { column in tables.contains { !$0.contains { $0.name == column.name } } }
        return row(columns: all, optional: Set(optional.map(\.name)))
    }()

    private static func row(columns: [ReportTable.Column], optional: Set<String> = []) -> OpenAPIValue {
        .members(
            columns.map { ($0.name, nullable.contains($0.name) ? schema($0).orNull : schema($0)) },
            optional: optional
        )
    }

    private static func schema(_ column: ReportTable.Column) -> OpenAPIValue {
        switch column.kind {
        case .text: .string
        case .day: column.name == "month" ? .month : .day
        case .count, .milliseconds: .count
        case .credits, .creditsChange, .money, .percent, .decimal: .number
        case .bool: .boolean
        }
    }

    /// Columns that may have nothing to say.
    private static let nullable: Set<String> = [
        "project_name", "state", "cost", "currency", "change_reason", "people", "last_used", "registered",
        "last_active", "difference_percent", "explanation", "smaller_class", "credits_saved", "cost_saved",
        "ChargeClass", "InvoiceId", "SkuPriceDetails", "SubAccountId", "SubAccountName", "SubAccountType",
        "x_ResourceClass", "x_Executor", "x_OperatingSystem",
    ]

    private static let nothing = Snapshot(SnapshotParts())
    private static let today = Day(daysSinceEpoch: 0)
}
