/// What sums of days are kept of.
public enum SumsKind: Hashable, Sendable {
    /// Runs, time and credits of one of the tables, by groups.
    case usage(UsageTable, [UsageGrouping])
    /// Workflow runs, and who told of the job runs.
    case completeness

    /// What the overview adds up.
    public static let overview: [SumsKind] = [.usage(.jobs, [.project]), .completeness]

    /// What a snapshot has to have.
    public var tables: Set<UsageTable> {
        switch self {
        case .usage(let table, _): [table]
        case .completeness: [.workflows, .coverage]
        }
    }
}

extension UsageReport.Request {
    /// The sums that answer it; nil where the counters are not kept by all of the groupings together. What each span
    /// has one of, its connection, month and day, is no group of it, and a project is chosen among all.
    public var sumsKind: SumsKind? {
        guard let table = UsageGrouping.table(of: groupings) else { return nil }
        var kept = Set(groupings).subtracting([.connection, .month, .day])
        if project != nil { kept.insert(.project) }
        return .usage(table, UsageGrouping.allCases.filter(kept.contains))
    }
}
