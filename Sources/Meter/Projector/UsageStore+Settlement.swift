import CircleCI
import GRDB
import Usage
import Wire

/// What the store holds besides runs that credits depend on.
extension UsageStore {
    func settledDays() throws -> [SettledDay] { try database.read(UsageStore.settledDays) }
    func jobDescriptions() throws -> [JobDescription] { try database.read(UsageStore.jobDescriptions) }
    func rateCard() throws -> RateCardState? { try database.read(UsageStore.rateCard) }

    /// The jobs of which a usage export told the machine, as their rows have them.
    func settledJobs(of connection: String) throws -> [JobName] {
        try database.read { database in
            try Row.fetchAll(
                database,
                sql: "SELECT DISTINCT project, workflow, job FROM resources WHERE connection = ?",
                arguments: [connection]
            ).map { JobName(project: $0["project"], workflow: $0["workflow"], job: $0["job"]) }
        }
    }

    /// Job runs of each UTC day.
    func runCounts(of connection: String) throws -> [Day: Int] {
        try database.read { database in
            let rows = try Row.fetchAll(
                database,
                sql: "SELECT day, sum(runs) AS runs FROM coverage WHERE connection = ? GROUP BY day",
                arguments: [connection]
            )
            var counts: [Day: Int] = [:]
            for row in rows {
                let day: String = row["day"]
                if let day = Day(day) { counts[day] = row["runs"] }
            }
            return counts
        }
    }

    static func settledDays(_ database: Database) throws -> [SettledDay] {
        try Row.fetchAll(database, sql: "SELECT * FROM settled_days").map { row in
            let day: String = row["day"]
            guard let day = Day(day) else { throw UsageStore.damaged("settled_days") }
            return SettledDay(
                connection: row["connection"],
                day: day,
                exportedAt: Timestamp(microseconds: row["exported_at_us"])
            )
        }
    }

    static func jobDescriptions(_ database: Database) throws -> [JobDescription] {
        try Row.fetchAll(database, sql: "SELECT * FROM job_descriptions").map { row in
            JobDescription(
                connection: row["connection"],
                project: row["project"],
                workflow: row["workflow"],
                job: row["job"],
                resourceClass: row["resource_class"],
                executor: row["executor"],
                parallelism: row["parallelism"],
                happenedAt: Timestamp(microseconds: row["happened_at_us"])
            )
        }
    }

    static func rateCard(_ database: Database) throws -> RateCardState? {
        try Row.fetchOne(database, sql: "SELECT * FROM rate_card").map { row in
            let card: String = row["card"]
            return RateCardState(
                card: try RateCardScanner.card(in: Array(card.utf8)),
                happenedAt: Timestamp(microseconds: row["happened_at_us"]),
                eventID: row["event_id"]
            )
        }
    }

    static func writeSettlements(_ changes: UsageChanges, in database: Database) throws {
        for day in changes.settledDays {
            try database.execute(
                sql: "INSERT OR REPLACE INTO settled_days VALUES (?, ?, ?)",
                arguments: [day.connection, day.day.description, day.exportedAt.microseconds]
            )
        }
        for description in changes.jobDescriptions {
            try database.execute(
                sql: "INSERT OR REPLACE INTO job_descriptions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                arguments: [
                    description.connection, description.project, description.workflow, description.job,
                    description.resourceClass, description.executor, description.parallelism,
                    description.happenedAt.microseconds,
                ]
            )
        }
        if let state = changes.rateCard {
            try database.execute(sql: "DELETE FROM rate_card")
            try database.execute(
                sql: "INSERT INTO rate_card VALUES (?, ?, ?)",
                arguments: [
                    String(decoding: RateCardScanner.text(of: state.card), as: UTF8.self),
                    state.happenedAt.microseconds, state.eventID,
                ]
            )
        }
    }

    private static func damaged(_ table: String) -> MeterError {
        MeterError(.damagedSnapshot, "A row's day is no day", at: table, hint: "circlemeter replay")
    }
}
