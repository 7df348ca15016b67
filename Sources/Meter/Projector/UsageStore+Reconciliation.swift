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

/// A place of the log whose events are lost, and the time in which they were received.
struct DamagedRange: Hashable, Sendable {
    /// `segment:offset`.
    var place: String
    var since: Timestamp?
    var until: Timestamp?
}
