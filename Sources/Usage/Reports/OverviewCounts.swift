public import Wire

/// What ran in a range of days in all, day by day and by project, and how complete that is.
public struct OverviewCounts: Sendable {
    public struct Project: Sendable {
        public var connection: String
        /// The slug, in the long form.
        public var project: String
        public var totals = UsageTotals()
    }

    /// Every day of the range has one, in order.
    public struct DayCounts: Sendable {
        public var day: Day
        public var totals = UsageTotals()
        public var workflowRuns = 0
    }

    public private(set) var all = UsageTotals()
    public private(set) var workflowRuns = 0
    public private(set) var days: [DayCounts]
    /// Those with most time first.
    public private(set) var projects: [Project] = []
    public private(set) var coverage = CoverageTotals()

    /// - Parameter snapshot: with all days of `range`.
    public init(_ range: ReportRange, of snapshot: Snapshot) {
        days = (range.days.lowerBound.daysSinceEpoch...range.days.upperBound.daysSinceEpoch).map {
            DayCounts(day: Day(daysSinceEpoch: $0))
        }
        var projects: [GroupKey: UsageTotals] = [:]
        for row in snapshot[.jobs] where range.contains(row.key) {
            let key = GroupKey(texts: [row.key.connection, row.key.texts[0]])
            projects[key, default: UsageTotals()].add(row, of: .jobs, rateCard: snapshot.rateCard)
            all.add(row, of: .jobs, rateCard: snapshot.rateCard)
            days[place(of: row.key.day)].totals.add(row, of: .jobs, rateCard: snapshot.rateCard)
        }
        for row in snapshot[.workflows] where range.contains(row.key) {
            workflowRuns += row.workflowRuns
            days[place(of: row.key.day)].workflowRuns += row.workflowRuns
        }
        for row in snapshot[.coverage] where range.contains(row.key) { coverage.add(row.tally) }
        setProjects(projects)
    }

    /// The same from sums.
    /// - Parameters:
    ///   - usage: of the kind ``SumsKind/overview`` begins with, of every day of `range` that has counters; days alone.
    ///   - completeness: the same of ``SumsKind/completeness``.
    public init(_ range: ReportRange, of usage: [PlacedSums], _ completeness: [PlacedSums]) {
        days = (range.days.lowerBound.daysSinceEpoch...range.days.upperBound.daysSinceEpoch).map {
            DayCounts(day: Day(daysSinceEpoch: $0))
        }
        var projects: [GroupKey: UsageTotals] = [:]
        for (connection, parts) in Dictionary(grouping: usage, by: \.connection) {
            var addition = SumsAddition()
            for part in parts {
                addition.add(part.sums)
                for group in part.sums.groups { days[place(of: part.span.first)].totals.add(group.totals) }
            }
            for (_, group) in addition.added() {
                let key = GroupKey(texts: [connection] + group.name.key.texts)
                projects[key, default: UsageTotals()].add(group.totals)
            }
        }
        for day in days { all.add(day.totals) }
        for part in completeness {
            workflowRuns += part.sums.workflowRuns
            days[place(of: part.span.first)].workflowRuns += part.sums.workflowRuns
            coverage.add(part.sums.coverage)
        }
        setProjects(projects)
    }

    private mutating func setProjects(_ projects: [GroupKey: UsageTotals]) {
        self.projects = projects.sorted { $0.key < $1.key }
            .map { Project(connection: $0.key.texts[0], project: $0.key.texts[1], totals: $0.value) }
            .sorted { $0.totals.durationMilliseconds > $1.totals.durationMilliseconds }
    }

    private func place(of day: Day) -> Int { Int(day.daysSinceEpoch - days[0].day.daysSinceEpoch) }
}

/// Job runs by who told of them, added up.
public struct CoverageTotals: Hashable, Sendable {
    public var runs = 0
    public var webhook = 0
    public var apiOnly = 0
    public var exportOnly = 0
    public var settled = 0
    /// Runs and pipelines that CircleCI names and that could not be fetched.
    public var missing = 0

    public init() {}

    mutating func add(_ tally: Tally) {
        runs += tally[CoverageColumn.runs]
        webhook += tally[CoverageColumn.webhook]
        apiOnly += tally[CoverageColumn.apiOnly]
        exportOnly += tally[CoverageColumn.exportOnly]
        settled += tally[CoverageColumn.settled]
        missing += tally[CoverageColumn.missing]
    }

    mutating func add(_ other: CoverageTotals) {
        runs += other.runs
        webhook += other.webhook
        apiOnly += other.apiOnly
        exportOnly += other.exportOnly
        settled += other.settled
        missing += other.missing
    }
}
