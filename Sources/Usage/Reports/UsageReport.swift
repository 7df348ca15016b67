import Wire

/// Job runs, minutes and credits of a range of days by what they are to be grouped by, and beside each group the same of
/// the range before and why its credits changed.
public enum UsageReport {
    public struct Request: Sendable {
        public var range: ReportRange
        /// In the order of the columns.
        public var groupings: [UsageGrouping]
        /// Only of this project, by slug in the long form.
        public var project: String?
        /// Whether the range before stands beside it.
        public var comparesBefore: Bool

        public init(
            _ range: ReportRange,
            by groupings: [UsageGrouping],
            project: String? = nil,
            comparesBefore: Bool = false
        ) {
            self.range = range
            self.groupings = groupings
            self.project = project
            self.comparesBefore = comparesBefore
        }

        /// Whether the counters are kept by all of the groupings together.
        public var isPossible: Bool { UsageGrouping.table(of: groupings) != nil }

        /// What has to be read of a snapshot.
        public var neededRange: ReportRange { comparesBefore ? range.withBefore : range }
    }

    /// What each group adds up to in the range and in the one before; made of whole rows or of sums of days.
    public struct Groups: Sendable {
        var after: [GroupKey: UsageTotals] = [:]
        var before: [GroupKey: UsageTotals] = [:]

        init(after: [GroupKey: UsageTotals], before: [GroupKey: UsageTotals]) {
            self.after = after
            self.before = before
        }

        /// Where nothing was counted.
        public init() {}
    }

    /// - Parameter snapshot: with all days of ``Request/neededRange``.
    /// - Returns: nil where the counters are not kept by all of the groupings together.
    public static func table(_ request: Request, of snapshot: Snapshot) -> ReportTable? {
        table(request, of: groups(request, of: snapshot))
    }

    /// Adds up rows.
    /// - Parameter snapshot: with all days of ``Request/neededRange``.
    public static func groups(_ request: Request, of snapshot: Snapshot) -> Groups {
        guard let source = UsageGrouping.table(of: request.groupings) else { return Groups() }
        return Groups(
            after: totals(request, request.range, source, snapshot),
            before: request.comparesBefore ? totals(request, request.range.before, source, snapshot) : [:]
        )
    }

    /// - Returns: nil where the counters are not kept by all of the groupings together.
    public static func table(_ request: Request, of groups: Groups) -> ReportTable? {
        guard let source = UsageGrouping.table(of: request.groupings) else { return nil }
        let (after, before) = (groups.after, groups.before)
        var table = ReportTable(columns: columns(request, of: source))
        for key in Set(after.keys).union(before.keys).sorted(by: <) {
            let (now, then) = (after[key] ?? UsageTotals(), before[key] ?? UsageTotals())
            var row = key.texts.map { ReportTable.Value.text($0) }
            row += values(now, of: source)
            if request.comparesBefore { row += comparison(now, then, of: source) }
            table.append(row)
        }
        // Days stay in their order; everything else by what it costs.
        if request.groupings.allSatisfy({ $0.kind == .text }) {
            let column = table.column("credits") ?? table.column("duration_ms")
            if let column { table.sort(by: column) }
        }
        return table
    }

    private static func totals(
        _ request: Request,
        _ range: ReportRange,
        _ source: UsageTable,
        _ snapshot: Snapshot
    ) -> [GroupKey: UsageTotals] {
        var groups: [GroupKey: UsageTotals] = [:]
        for row in snapshot[source] where range.contains(row.key) {
            if let project = request.project, !project.hasBytes(of: row.key.texts[0]) { continue }
            guard row.isUsage(of: source) else { continue }
            let key = GroupKey(texts: request.groupings.map { $0.text(row.key, of: source) })
            groups[key, default: UsageTotals()].add(row, of: source, rateCard: snapshot.rateCard)
        }
        return groups
    }

    private static func columns(_ request: Request, of source: UsageTable) -> [ReportTable.Column] {
        var columns = request.groupings.map { ReportTable.Column($0.rawValue, $0.kind, $0.title) }
        columns.append(ReportTable.Column("runs", .count, "Runs"))
        if source == .jobs {
            columns += [
                ReportTable.Column("success", .count, "Success"), ReportTable.Column("failed", .count, "Failed"),
                ReportTable.Column("canceled", .count, "Canceled"),
            ]
        }
        columns.append(ReportTable.Column("duration_ms", .milliseconds, "Time"))
        if source == .jobs {
            columns += [
                ReportTable.Column("p50_ms", .milliseconds, "p50"), ReportTable.Column("p95_ms", .milliseconds, "p95"),
            ]
        }
        if source != .branches { columns += CreditsColumns.columns }
        guard request.comparesBefore else { return columns }
        columns += [
            ReportTable.Column("runs_before", .count, "Runs before"),
            ReportTable.Column("duration_ms_before", .milliseconds, "Time before"),
        ]
        guard source != .branches else { return columns }
        return columns + [
            ReportTable.Column("credits_before", .credits, "Credits before"),
            ReportTable.Column("credits_change", .creditsChange, "Change"),
            ReportTable.Column("change_by_runs", .creditsChange, "by runs"),
            ReportTable.Column("change_by_duration", .creditsChange, "by time of a run"),
            ReportTable.Column("change_by_rate", .creditsChange, "by credits of a minute"),
            ReportTable.Column("change_reason", .text, "Mostly"),
        ]
    }

    private static func values(_ totals: UsageTotals, of source: UsageTable) -> [ReportTable.Value] {
        var values: [ReportTable.Value] = [.integer(totals.runs)]
        if source == .jobs {
            values += [.integer(totals.success), .integer(totals.failed), .integer(totals.canceled)]
        }
        values.append(.integer(totals.durationMilliseconds))
        if source == .jobs {
            values += [.integer(totals.durations.percentile(50)), .integer(totals.durations.percentile(95))]
        }
        if source != .branches { values += CreditsColumns.values(totals) }
        return values
    }

    private static func comparison(
        _ now: UsageTotals,
        _ then: UsageTotals,
        of source: UsageTable
    ) -> [ReportTable.Value] {
        let values: [ReportTable.Value] = [.integer(then.runs), .integer(then.durationMilliseconds)]
        guard source != .branches else { return values }
        let change = CreditsChange(from: then, to: now)
        return values + [
            .integer(then.credits), .integer(change.total), .integer(change.byRuns), .integer(change.byDuration),
            .integer(change.byRate), ReportTable.Value(change.reason),
        ]
    }
}

/// Credits as every report shows them: how many, how many of these are settled and how many provisional, in which state
/// that leaves the sum, and in money.
enum CreditsColumns {
    static let columns = [
        ReportTable.Column("credits", .credits, "Credits"),
        ReportTable.Column("credits_settled", .credits, "settled"),
        ReportTable.Column("credits_provisional", .credits, "provisional"),
        ReportTable.Column("state", .text, "State"),
        ReportTable.Column("cost", .money, "Cost"),
        ReportTable.Column("currency", .text, "Currency"),
    ]

    static func values(_ totals: UsageTotals) -> [ReportTable.Value] {
        [
            .integer(totals.credits), .integer(totals.creditsSettled), .integer(totals.creditsProvisional),
            ReportTable.Value(totals.state), ReportTable.Value(totals.money), ReportTable.Value(totals.money?.currency),
        ]
    }
}
