public import Wire

/// The record up to which a snapshot counts.
public struct SnapshotPosition: Hashable, Sendable {
    public var sequence: Int
    public var crc: UInt32

    public init(sequence: Int, crc: UInt32) {
        self.sequence = sequence
        self.crc = crc
    }
}

/// What a snapshot is made of, as ``UsageStorage`` holds it.
public struct SnapshotParts: Sendable {
    public var position: SnapshotPosition?
    /// ``Reducer/version`` of the reducer that counted.
    public var reducerVersion = Reducer.version
    /// By what persons are called in ``rows``; ``Snapshot/plainPersonPolicy``: as the log calls them.
    public var personPolicy = Snapshot.plainPersonPolicy
    /// Those that the snapshot is to have, for which ``rows`` has all ``UsageTable/sources``.
    public var tables = Set(UsageTable.allCases)
    /// As stored, with projects by id; in any order.
    public var rows: [UsageTable: [(RowKey, Tally)]] = [:]
    /// Of ``UsageTable/resources``, of each job in ``rows`` the last day before them: nothing where they begin with the first.
    public var earlierResources: [(RowKey, Tally)] = []
    /// Every sighting of a project, to show ids by their latest slug.
    public var projects: [ProjectName] = []
    public var connections: [ConnectionState] = []
    public var reconciliations: [ProjectReconciliation] = []
    public var settledDays: [SettledDay] = []
    public var jobDescriptions: [JobDescription] = []
    public var rateCard: RateCardState?

    public init() {}
}

/// All counters at a log position: a function of the set of events up to it.
public struct Snapshot: Sendable {
    public struct Row: Sendable {
        public var key: RowKey
        public var tally: Tally
    }

    public struct Connection: Sendable {
        public var state: ConnectionState
        public var projectCount: Int
        /// The instant through which every project that was ever reconciled is; nil where none was.
        public var reconciledThrough: Timestamp?
        /// The last day of those that are settled without a gap since the first that is; nil where none is.
        public var settledThrough: Day?
    }

    public var position: SnapshotPosition?
    /// ``Reducer/version`` of the reducer that counted.
    public var reducerVersion: Int
    /// By what persons are called.
    public let personPolicy: String
    public static let plainPersonPolicy = "plain"
    public var connections: [Connection]
    /// What provisional credits are reckoned with, and money.
    public let rateCard: RateCard
    /// When the card was changed last; nil while it is the built-in one.
    public let rateCardChangedAt: Timestamp?
    private let names: ProjectNames
    /// Sorted by key; projects by slug in the long form.
    public private(set) var rows: [UsageTable: [Row]] = [:]

    public init(_ parts: SnapshotParts) {
        position = parts.position
        reducerVersion = parts.reducerVersion
        personPolicy = parts.personPolicy
        rateCard = parts.rateCard?.card ?? .published
        rateCardChangedAt = parts.rateCard?.happenedAt
        let names = ProjectNames(parts.projects)
        self.names = names
        var through: [String: Timestamp] = [:]
        for entry in parts.reconciliations {
            let mark = entry.reconciliation.through
            through[entry.connection] = min(mark, through[entry.connection] ?? mark)
        }
        // An export that was made before a day was over lacks the rest of it.
        let whole = parts.settledDays.filter { $0.exportedAt.day > $0.day }
        let settledDays = Dictionary(grouping: whole, by: \.connection).mapValues { Set($0.map(\.day)) }
        connections = parts.connections.sorted { $0.connection.precedesInBytes($1.connection) }.map { state in
            Connection(
                state: state,
                projectCount: names.projectCount(connection: state.connection),
                reconciledThrough: through[state.connection],
                settledThrough: settledDays[state.connection].flatMap(Snapshot.settledThrough)
            )
        }
        for table in UsageTable.stored {
            rows[table] = Snapshot.shown(parts.rows[table] ?? [], of: table, names)
        }
        closeCoverage(settledDays)
        estimate(parts)
        for table in UsageTable.allCases where !parts.tables.contains(table) { rows[table] = nil }
    }

    /// Rows by the slugs that projects go by now, sorted, without those that are all zero.
    private static func shown(_ rows: [(RowKey, Tally)], of table: UsageTable, _ names: ProjectNames) -> [Row] {
        var shown: [Row] = []
        shown.reserveCapacity(rows.count)
        // Rows of a project mostly stand together.
        var last: (connection: String, project: String, slug: String)?
        for (key, tally) in rows {
            var row = Row(key: key, tally: tally)
            if table.hasProject {
                let project = key.texts[0]
                if let last, last.project.hasBytes(of: project), last.connection == key.connection {
                    row.key.texts[0] = last.slug
                } else {
                    let slug = names.slug(of: project, connection: key.connection)
                    last = (key.connection, project, slug)
                    row.key.texts[0] = slug
                }
            }
            shown.append(row)
        }
        return Snapshot.merged(shown)
    }

    /// Rows of one key as one, sorted, without those that are all zero.
    private static func merged(_ rows: consuming [Row]) -> [Row] {
        var rows = rows
        if !(1..<max(1, rows.count)).allSatisfy({ rows[$0 - 1].key < rows[$0].key }) {
            rows.sort { $0.key < $1.key }
            var filled = 0
            for index in rows.indices {
                if filled > 0, rows[filled - 1].key == rows[index].key {
                    rows[filled - 1].tally.add(rows[index].tally)
                } else {
                    rows.swapAt(filled, index)
                    filled += 1
                }
            }
            rows.removeSubrange(filled...)
        }
        rows.removeAll { $0.tally.isZero }
        return rows
    }

    private static func settledThrough(_ days: Set<Day>) -> Day? {
        guard var day = days.min() else { return nil }
        while days.contains(Day(daysSinceEpoch: day.daysSinceEpoch + 1)) {
            day = Day(daysSinceEpoch: day.daysSinceEpoch + 1)
        }
        return day
    }

    /// An export that holds a day completely names all that ran: nothing of that day is missing any longer.
    private mutating func closeCoverage(_ settledDays: [String: Set<Day>]) {
        guard !settledDays.isEmpty, let coverage = rows[.coverage] else { return }
        rows[.coverage] = coverage.compactMap { row in
            guard settledDays[row.key.connection]?.contains(row.key.day) ?? false else { return row }
            var closed = row
            closed.tally[CoverageColumn.missing] = 0
            guard !closed.tally.isZero else { return nil }
            closed.tally[CoverageColumn.closed] = 1
            return closed
        }
    }

    /// Adds provisional credits to jobs and features, and sets them beside the settled ones.
    private mutating func estimate(_ parts: SnapshotParts) {
        guard var jobs = rows.removeValue(forKey: .jobs), !jobs.isEmpty else { return }
        let hasFeatures = parts.tables.contains(.features)
        let hasSettlements = parts.tables.contains(.settlements)
        var provisional = ProvisionalCredits(
            card: rateCard,
            descriptions: parts.jobDescriptions.map { description in
                var shown = description
                shown.project = names.slug(of: description.project, connection: description.connection)
                return shown
            },
            earlier: Snapshot.shown(parts.earlierResources, of: .resources, names)
        )
        var credits: [Int] = []
        credits.reserveCapacity(jobs.count)
        var features: [RowKey: Tally] = [:]
        for row in self[.features] { features[row.key] = row.tally }
        var settlements: [RowKey: Tally] = [:]
        provisional.walk(jobs: jobs, resources: self[.resources]) { row, estimate in
            credits.append(estimate.credits)
            guard hasFeatures || hasSettlements else { return }
            let project = RowKey(connection: row.key.connection, day: row.key.day, texts: [row.key.texts[0]])
            if estimate.runs != 0 || estimate.duration != 0 {
                var key = project
                key.texts += ["compute"] + estimate.machine
                features[key, default: Tally()].add(
                    Tally(values: [estimate.runs, estimate.duration, 0, estimate.credits])
                )
            }
            if estimate.settledRuns != 0 {
                settlements[project, default: Tally()].add(
                    Tally(values: [estimate.settledRuns, estimate.settledCredits, 0, 0])
                )
            }
        }
        for index in jobs.indices { jobs[index].tally[JobColumn.creditsProvisional] = credits[index] }
        rows[.jobs] = jobs
        guard hasFeatures || hasSettlements else { return }
        for row in self[.resources] {
            let project = RowKey(connection: row.key.connection, day: row.key.day, texts: [row.key.texts[0]])
            settlements[project, default: Tally()].add(
                Tally(values: [
                    0, 0, row.tally[ResourceColumn.creditsCompute], row.tally[ResourceColumn.creditsSettled],
                ])
            )
        }
        rows[.features] = Snapshot.sorted(features)
        rows[.settlements] = Snapshot.sorted(settlements)
    }

    private static func sorted(_ rows: [RowKey: Tally]) -> [Row] {
        rows.filter { !$0.value.isZero }.map { Row(key: $0.key, tally: $0.value) }.sorted { $0.key < $1.key }
    }

    /// The rows of a table.
    public subscript(table: UsageTable) -> [Row] { rows[table] ?? [] }

    /// The display name of a project; empty where no event gave one.
    public func projectName(connection: String, slug: String) -> String {
        names.name(connection: connection, slug: slug)
    }

    /// Only what concerns the given connection and days; nil means all, both days are included.
    public func filtered(connection: String?, from: Day?, to: Day?) -> Snapshot {
        var filtered = self
        if let connection { filtered.connections = connections.filter { $0.state.connection == connection } }
        for table in UsageTable.allCases {
            func isWanted(_ row: Row) -> Bool {
                let first = table.isMonthly ? from.map(\.firstOfMonth) : from
                return (connection.map { $0 == row.key.connection } ?? true)
                    && (first.map { $0 <= row.key.day } ?? true)
                    && (to.map { row.key.day <= $0 } ?? true)
            }
            filtered.rows[table]?.removeAll { !isWanted($0) }
        }
        return filtered
    }
}

extension Day {
    /// The first day of this day's month.
    public var firstOfMonth: Day {
        let (year, month, _) = civil
        return Day(year: year, month: month, day: 1) ?? self
    }
}
