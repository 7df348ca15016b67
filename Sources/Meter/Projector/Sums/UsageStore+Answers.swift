import GRDB
import Usage
import Wire

/// What the overview shows of the store, as of one position.
struct OverviewAnswer: Sendable {
    /// Without rows.
    var snapshot = Snapshot(SnapshotParts())
    var counts: OverviewCounts
    var activeUsers = 0
    var records: [RecordCount] = []
    var damages: [String] = []
    /// When a connection's latest event happened, of those that had any.
    var lastEvents: [String: Timestamp] = [:]
}

/// Answers of which only what has changed is read anew. Blocking.
extension UsageStore {
    /// What reports of one connection need, and of each that is about usage, its sums.
    func answer(_ reports: [Report]) throws -> (Snapshot, [UsageReport.Groups?]) {
        guard var filter = reports.first?.filter else { return (Snapshot(SnapshotParts()), []) }
        for report in reports.dropFirst() { filter.tables.formUnion(report.filter.tables) }
        return try database.read { database in
            let groups = try reports.map { report -> UsageReport.Groups? in
                guard let request = report.usage, let kind = request.sumsKind else { return nil }
                return UsageReport.groups(request, of: try sums.reading(self, database).parts(kind, request))
            }
            return (try snapshot(filter, in: database), groups)
        }
    }

    /// As ``answer(_:)-([Report])`` for one report.
    func answer(_ report: Report) throws -> (Snapshot, UsageReport.Groups?) {
        let (snapshot, groups) = try answer([report])
        return (snapshot, groups.first ?? nil)
    }

    /// - Parameter range: ends today.
    func overview(_ range: ReportRange, rules: PeopleRules) throws -> OverviewAnswer {
        let month = range.days.upperBound.firstOfMonth
        return try database.read { database in
            let reading = sums.reading(self, database)
            let parts = try SumsKind.overview.map { try reading.parts($0, range, byMonth: false) }
            let snapshot = try snapshot(SnapshotFilter(tables: []), in: database)
            return OverviewAnswer(
                snapshot: snapshot,
                counts: OverviewCounts(range, of: parts[0], parts[1]),
                activeUsers: PeopleReport.activeUsers(
                    month: month,
                    snapshot: try names(from: min(range.days.lowerBound, month), in: database),
                    rules: rules
                ),
                records: try UsageStore.recordCounts(database),
                damages: try UsageStore.damageMessages(database),
                lastEvents: Dictionary(
                    try UsageStore.projects(database).filter { $0.lastSeen.microseconds > 0 }
                        .map { ($0.connection, $0.lastSeen) },
                    uniquingKeysWith: max
                )
            )
        }
    }

    /// Adds up some of what pages will ask for: the overview's days, and a year by project with the year before.
    /// - Returns: whether all of it was kept already.
    func warmUp(today: Day) throws -> Bool {
        let year = ReportRange(ReportPeriod.last365Days.days(today: today))
        let month = ReportRange(ReportPeriod.last30Days.days(today: today))
        return try database.read { database in
            let reading = sums.reading(self, database)
            for kind in SumsKind.overview {
                guard try reading.addMissing(kind, month, byMonth: false) else { return false }
            }
            for range in [year, year.before] {
                guard try reading.addMissing(SumsKind.overview[0], range, byMonth: true) else { return false }
            }
            return true
        }
    }

    /// The names of people since a day, each once for every month, with nothing of what they did; and by which of them
    /// persons are known to be the same, since long before: that takes some runs.
    private func names(from: Day, in database: Database) throws -> Snapshot {
        var parts = SnapshotParts()
        parts.tables = [.activity, .people, .featurePeople, .identityPairs]
        let filter = SnapshotFilter(from: from.adding(days: -400))
        for table in [UsageTable.people, .identityPairs] {
            parts.rows[table] = try RowReader(table: table, database: database).rows(filter)
        }
        for (table, texts) in [(UsageTable.activity, ["identity", "''"]), (.featurePeople, ["''", "person"])] {
            let rows = try Row.fetchCursor(
                database,
                sql: """
                    SELECT connection, min(day), \(texts[0]), \(texts[1]) FROM \(table.rawValue)
                    WHERE connection IN (SELECT DISTINCT connection FROM day_versions) AND day >= ?
                    GROUP BY connection, 3, 4, substr(day, 1, 7)
                    """,
                arguments: [from.description]
            )
            while let row = try rows.next() {
                let text: String = row[1]
                guard let day = Day(text) else { continue }
                let key = RowKey(connection: row[0], day: day, texts: [row[2], row[3]])
                parts.rows[table, default: []].append((key, Tally(values: [1])))
            }
        }
        return Snapshot(parts)
    }
}

extension KeptSums.Reading {
    /// What answers a request.
    func parts(_ kind: SumsKind, _ request: UsageReport.Request) throws -> [PlacedSums] {
        let byMonth = !request.groupings.contains(.day)
        // Apart, since the two ranges have their months each.
        let before = request.comparesBefore ? try parts(kind, request.range.before, byMonth: byMonth) : []
        return before + (try parts(kind, request.range, byMonth: byMonth))
    }
}

extension PublishedSnapshot {
    /// As ``UsageStore/answer(_:)``.
    func answer(_ reports: [Report]) async throws -> (Snapshot, [UsageReport.Groups?]) {
        let groups = reports.map { $0.usage == nil ? nil : UsageReport.Groups() }
        return try await read(or: (Snapshot(SnapshotParts()), groups)) { try $0.answer(reports) }
    }

    func answer(_ report: Report) async throws -> (Snapshot, UsageReport.Groups?) {
        let groups = report.usage.map { _ in UsageReport.Groups() }
        return try await read(or: (Snapshot(SnapshotParts()), groups)) { try $0.answer(report) }
    }

    /// As ``UsageStore/overview(_:rules:)``.
    func overview(_ range: ReportRange, rules: PeopleRules) async throws -> OverviewAnswer {
        let empty = OverviewAnswer(counts: OverviewCounts(range, of: [], []))
        return try await read(or: empty) { try $0.overview(range, rules: rules) }
    }
}
