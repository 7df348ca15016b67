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
    /// What reports of one connection need; of one about usage, its sums.
    func answer(_ reports: [Report]) throws -> (Snapshot, UsageReport.Groups?) {
        guard var filter = reports.first?.filter else { return (Snapshot(SnapshotParts()), nil) }
        for report in reports.dropFirst() { filter.tables.formUnion(report.filter.tables) }
        return try database.read { database in
            var groups: UsageReport.Groups?
            for case let request? in reports.map(\.usage) {
                guard let kind = request.sumsKind else { continue }
                let reading = sums.reading(self, database)
                groups = UsageReport.groups(request, of: try reading.parts(kind, request))
            }
            return (try snapshot(filter, in: database), groups)
        }
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
                    try UsageStore.projects(database).map { ($0.connection, $0.lastSeen) },
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

    /// The names of people since a day, each once for every month, with nothing of what they did.
    private func names(from: Day, in database: Database) throws -> Snapshot {
        var parts = SnapshotParts()
        parts.tables = [.activity, .people, .featurePeople, .identityPairs]
        let filter = SnapshotFilter(from: from)
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
        // Apart, since the two ranges have their months each.
        let before = request.comparesBefore ? try parts(kind, request.range.before, byMonth: true) : []
        return before + (try parts(kind, request.range, byMonth: true))
    }
}

extension PublishedSnapshot {
    /// As ``UsageStore/answer(_:)``.
    func answer(_ reports: [Report]) async throws -> (Snapshot, UsageReport.Groups?) {
        let groups = reports.contains { $0.usage != nil } ? UsageReport.Groups() : nil
        return try await read(or: (Snapshot(SnapshotParts()), groups)) { try $0.answer(reports) }
    }

    func answer(_ report: Report) async throws -> (Snapshot, UsageReport.Groups?) { try await answer([report]) }

    /// As ``UsageStore/overview(_:rules:)``.
    func overview(_ range: ReportRange, rules: PeopleRules) async throws -> OverviewAnswer {
        let empty = OverviewAnswer(counts: OverviewCounts(range, of: [], []))
        return try await read(or: empty) { try $0.overview(range, rules: rules) }
    }
}
