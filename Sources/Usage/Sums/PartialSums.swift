public import Wire

/// The texts of a group, held once for all sums that have it.
final class GroupName: Sendable {
    let key: GroupKey

    init(_ key: GroupKey) {
        self.key = key
    }
}

/// What the runs of a connection and a span of days add up to.
public struct PartialSums: Sendable {
    struct Group: Sendable {
        var name: GroupName
        var totals: UsageTotals
    }

    /// In any order, none twice.
    var groups: [Group] = []
    var workflowRuns = 0
    var coverage = CoverageTotals()

    /// What it takes in memory, about.
    var byteCount: Int {
        groups.reduce(256) { $0 + 192 + 16 * $1.totals.durations.buckets.count }
    }
}

/// The sums of one day before its groups have names.
public struct CountedDay: Sendable {
    var groups: [GroupKey: UsageTotals] = [:]
    var workflowRuns = 0
    var coverage = CoverageTotals()

    public init() {}

    /// Every day of one connection that a snapshot has rows of.
    /// - Parameter snapshot: with all of the kind's ``SumsKind/tables``, of that connection alone.
    public static func days(_ kind: SumsKind, of snapshot: Snapshot) -> [Day: CountedDay] {
        var days: [Day: CountedDay] = [:]
        switch kind {
        case .usage(let table, let groupings):
            for row in snapshot[table] where row.isUsage(of: table) {
                let key = GroupKey(texts: groupings.map { $0.text(row.key, of: table) })
                days[row.key.day, default: CountedDay()].groups[key, default: UsageTotals()]
                    .add(row, of: table, rateCard: snapshot.rateCard)
            }
        case .completeness:
            for row in snapshot[.workflows] {
                days[row.key.day, default: CountedDay()].workflowRuns += row.workflowRuns
            }
            for row in snapshot[.coverage] { days[row.key.day, default: CountedDay()].coverage.add(row.tally) }
        }
        return days
    }
}

extension Snapshot.Row {
    /// Whether it counts where runs are added up. Of features, only machine time has a resource class.
    func isUsage(of table: UsageTable) -> Bool { table != .features || key.texts[1] == "compute" }

    /// Of a row of workflows.
    var workflowRuns: Int { (WorkflowColumn.success...WorkflowColumn.other).reduce(0) { $0 + tally[$1] } }
}
