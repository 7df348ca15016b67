import Foundation
import GRDB
import Usage
import Wire

/// What the store holds for the reconciler: how far each project is, and which runs are known.
extension UsageStore {
    func reconciliations() throws -> [ProjectReconciliation] { try database.read(UsageStore.reconciliations) }

    func jobNumbers() throws -> [ProjectNumbers] {
        try database.read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM job_numbers").map { row in
                ProjectNumbers(
                    connection: row["connection"],
                    project: row["project"],
                    numbers: try NumberSet(encoded: Array(row["numbers"] as Data))
                )
            }
        }
    }

    /// What CircleCI names and could not be fetched, the latest days first: at most `limit`, and how many there are.
    ///
    /// A day that a usage export has closed has nothing missing, whatever was not fetched.
    func missing(_ filter: SnapshotFilter, limit: Int) throws -> (items: [NamedMissingItem], count: Int) {
        let from = """
            FROM missing WHERE connection = coalesce(?1, connection) AND day >= coalesce(?2, day)
                AND day <= coalesce(?3, day) AND NOT EXISTS (
                    SELECT 1 FROM settled_days WHERE settled_days.connection = missing.connection
                        AND settled_days.day = missing.day AND date(exported_at_us / 1000000, 'unixepoch') > missing.day
                )
            """
        let arguments: StatementArguments = [filter.connection, filter.from?.description, filter.to?.description]
        return try database.read { database in
            let count = try Int.fetchOne(database, sql: "SELECT count(*) \(from)", arguments: arguments) ?? 0
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT item.*, slug, name FROM (
                        SELECT * \(from) ORDER BY day DESC, connection, project, kind, id LIMIT ?4
                    ) AS item
                    LEFT JOIN project_slugs
                        ON project_slugs.connection = item.connection AND project_id = item.project
                    ORDER BY day DESC, item.connection, project, kind, id
                    """,
                arguments: arguments + [limit]
            )
            let items = rows.map { row in
                NamedMissingItem(
                    connection: row["connection"],
                    slug: row["slug"] ?? row["project"],
                    name: row["name"] ?? "",
                    kind: row["kind"],
                    id: row["id"],
                    day: row["day"],
                    reason: row["reason"]
                )
            }
            return (items, count)
        }
    }

    /// Places of the log that were not readable, and when the records around them were received.
    func damagedRanges() throws -> [DamagedRange] {
        try database.read { database in
            try Row.fetchAll(database, sql: "SELECT * FROM damages ORDER BY segment, offset").map { row in
                DamagedRange(
                    place: "\(row["segment"] as Int):\(row["offset"] as Int)",
                    since: (row["since_us"] as Int64?).map { Timestamp(microseconds: $0) },
                    until: (row["until_us"] as Int64?).map { Timestamp(microseconds: $0) }
                )
            }
        }
    }

    static func reconciliations(_ database: Database) throws -> [ProjectReconciliation] {
        try Row.fetchAll(database, sql: "SELECT * FROM reconciliations").map { row in
            ProjectReconciliation(
                connection: row["connection"],
                project: row["project"],
                happenedAt: Timestamp(microseconds: row["happened_at_us"]),
                eventID: row["event_id"],
                reconciliation: try Reconciliation(encoded: Array(row["state"] as Data))
            )
        }
    }

    static func writeReconciliations(_ changes: UsageChanges, in database: Database) throws {
        for change in changes.reconciliations {
            let reconciliation = change.reconciliation
            try database.execute(
                sql: "INSERT OR REPLACE INTO reconciliations VALUES (?, ?, ?, ?, ?, ?)",
                arguments: [
                    change.connection, change.project, reconciliation.through.microseconds,
                    change.happenedAt.microseconds, change.eventID, Data(reconciliation.encoded),
                ]
            )
            try database.execute(
                sql: "DELETE FROM missing WHERE connection = ? AND project = ?",
                arguments: [change.connection, change.project]
            )
            for item in reconciliation.missing {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO missing VALUES (?, ?, ?, ?, ?, ?)",
                    arguments: [
                        change.connection, change.project, item.kind, item.id, item.day.description, item.reason,
                    ]
                )
            }
        }
        for change in changes.jobNumbers {
            try database.execute(
                sql: "INSERT OR REPLACE INTO job_numbers VALUES (?, ?, ?)",
                arguments: [change.connection, change.project, Data(change.numbers.encoded)]
            )
        }
    }
}

/// A pipeline or workflow that CircleCI names and did not tell more of, as a page lists it.
struct NamedMissingItem: Sendable {
    var connection: String
    /// The slug that the project goes by now.
    var slug: String
    /// Empty where no event gave one.
    var name: String
    /// `pipeline` or `workflow`.
    var kind: String
    var id: String
    /// The UTC day under which it counts as missing.
    var day: String
    /// The error's code.
    var reason: String
}

/// A place of the log whose events are lost, and the time in which they were received.
struct DamagedRange: Hashable, Sendable {
    /// `segment:offset`.
    var place: String
    var since: Timestamp?
    var until: Timestamp?
}
