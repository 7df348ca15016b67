import EventLog
import GRDB
import Usage
import Wire

/// Writes down which days an advance changes, in its own transaction: made before the projects' names are written,
/// told to write after everything else is.
struct VersionWriter {
    /// So many jobs or projects are looked up one by one; of more, all days of their connection count as changed.
    private static let maximumLookUpCount = 32

    private let changes: UsageChanges
    private let sequence: Int
    private let database: Database
    private let shownBefore: [String: ShownProjects]

    init(_ advance: Advance, _ database: Database) throws {
        changes = advance.changes
        sequence = advance.position?.sequence ?? 0
        self.database = database
        shownBefore = try VersionWriter.shown(advance.changes, database)
    }

    func write() throws {
        try countRows()
        for (connection, shown) in try VersionWriter.shown(changes, database) {
            try rename(shown.changed(since: shownBefore[connection] ?? ShownProjects([])), of: connection)
        }
        try describe()
        guard changes.rateCard != nil else { return }
        try database.execute(sql: "UPDATE day_versions SET sequence = ?", arguments: [sequence])
    }

    /// By which slugs the rows of connections are shown whose projects the advance names.
    private static func shown(_ changes: UsageChanges, _ database: Database) throws -> [String: ShownProjects] {
        var shown: [String: ShownProjects] = [:]
        for project in changes.projects where shown[project.connection] == nil {
            shown[project.connection] = ShownProjects(try UsageStore.projects(database, of: project.connection))
        }
        return shown
    }

    private func countRows() throws {
        struct Changed: Hashable {
            var connection: String
            var day: Day
        }
        var days: Set<Changed> = []
        // The machine that a job ran on last counts on all days that follow.
        var firstWithMachine: [String: Day] = [:]
        for (table, rows) in changes.rows where !table.isMonthly {
            var last: Changed?
            for (key, _) in rows {
                let changed = Changed(connection: key.connection, day: key.day)
                guard changed != last else { continue }
                last = changed
                days.insert(changed)
                guard table == .resources else { continue }
                firstWithMachine[key.connection] = min(key.day, firstWithMachine[key.connection] ?? key.day)
            }
        }
        for day in changes.settledDays { days.insert(Changed(connection: day.connection, day: day.day)) }
        let insert = try database.cachedStatement(
            sql: """
                INSERT INTO day_versions VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET sequence = excluded.sequence
                """
        )
        for changed in days {
            try insert.execute(arguments: [changed.connection, changed.day.description, sequence])
        }
        for (connection, day) in firstWithMachine {
            try database.execute(
                sql: "UPDATE day_versions SET sequence = ? WHERE connection = ? AND day > ?",
                arguments: [sequence, connection, day.description]
            )
        }
    }

    /// Whether SQLite, which compares bytes, finds every text that is equal to this one.
    private static func isPlain(_ text: String) -> Bool { text.utf8.allSatisfy { $0 < 0x80 } }

    /// Days count as changed on which there is anything of the projects.
    private func rename(_ projects: Set<String>, of connection: String) throws {
        guard projects.count <= VersionWriter.maximumLookUpCount, projects.allSatisfy(VersionWriter.isPlain) else {
            try changeAll(of: connection)
            return
        }
        let tables = UsageTable.stored.filter { $0.hasProject && !$0.isMonthly }
        let isThere = tables.map { table in
            """
            EXISTS (
                SELECT 1 FROM \(table.rawValue) AS rows WHERE rows.connection = day_versions.connection
                AND rows.day = day_versions.day AND rows.project = ?2
            )
            """
        }
        let update = try database.cachedStatement(
            sql: """
                UPDATE day_versions SET sequence = ?1 WHERE connection = ?3
                AND (\(isThere.joined(separator: " OR ")))
                """
        )
        for project in projects { try update.execute(arguments: [sequence, project, connection]) }
    }

    /// What a job's details say counts on the days on which it ran.
    private func describe() throws {
        for (connection, descriptions) in Dictionary(grouping: changes.jobDescriptions, by: \.connection) {
            guard descriptions.count <= VersionWriter.maximumLookUpCount else {
                try changeAll(of: connection)
                continue
            }
            let shown = ShownProjects(try UsageStore.projects(database, of: connection))
            let update = try database.cachedStatement(
                sql: """
                    UPDATE day_versions SET sequence = ? WHERE connection = ? AND EXISTS (
                        SELECT 1 FROM jobs WHERE jobs.connection = day_versions.connection
                        AND jobs.day = day_versions.day AND project = ? AND workflow = ? AND job = ?
                    )
                    """
            )
            for description in descriptions {
                let projects = shown.sharing(description.project)
                guard projects.allSatisfy(VersionWriter.isPlain) else {
                    try changeAll(of: connection)
                    continue
                }
                for project in projects {
                    try update.execute(
                        arguments: [sequence, connection, project, description.workflow, description.job]
                    )
                }
            }
        }
    }

    private func changeAll(of connection: String) throws {
        try database.execute(
            sql: "UPDATE day_versions SET sequence = ? WHERE connection = ?",
            arguments: [sequence, connection]
        )
    }
}

extension UsageStore {
    /// Of each connection the versions of the days of a range that have counters.
    static func dayVersions(_ range: ReportRange, _ database: Database) throws -> [String: DayVersions] {
        var sql = "SELECT connection, day, sequence FROM day_versions WHERE day BETWEEN ? AND ?"
        var arguments: StatementArguments = [
            range.days.lowerBound.description, range.days.upperBound.description,
        ]
        if let connection = range.connection {
            sql += " AND connection = ?"
            arguments += [connection]
        }
        var versions: [String: DayVersions] = [:]
        let cursor = try Row.fetchCursor(database, sql: sql, arguments: arguments)
        while let row = try cursor.next() {
            let text: String = row[1]
            guard let day = Day(text) else {
                throw MeterError(
                    .damagedSnapshot,
                    "A row's day is no day",
                    at: "day_versions",
                    hint: "circlemeter replay"
                )
            }
            versions[row[0], default: DayVersions()].sequences[day] = row[2]
        }
        return versions
    }
}
