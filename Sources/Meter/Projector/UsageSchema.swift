import GRDB
import Usage

#if SABOTAGE
    import Wire
#endif

/// The tables of `usage.sqlite`. They are derived state: a file with another ``version`` is made anew from the log.
enum UsageSchema {
    /// Counts up when the tables change, or how the file is kept: with 6 every page got a checksum.
    static let version = 6

    /// Stands in `PRAGMA user_version`: tables and reducer together say whether a file can be taken up.
    static var userVersion: Int { version * 1000 + Reducer.version }

    static func isReadable(_ userVersion: Int) -> Bool { userVersion / 1000 == version }
    static func reducerVersion(_ userVersion: Int) -> Int {
        #if SABOTAGE
            if Sabotage.plants("older-reducer-kept") { return Reducer.version }
        #endif
        return userVersion % 1000
    }

    static func create(in database: Database) throws {
        for table in UsageTable.stored { try database.execute(sql: definition(of: table)) }
        try database.execute(
            sql: """
                -- The record up to which all tables count; one row.
                CREATE TABLE position (
                    sequence INTEGER NOT NULL, crc INTEGER NOT NULL, batch INTEGER NOT NULL,
                    segment INTEGER NOT NULL, offset INTEGER NOT NULL
                );
                -- Of each day the record with which what is shown of it was changed last: by its own rows, by a machine that
                -- jobs ran on before, by the name of a project, by a rate card. Where it is the same, so are all sums.
                CREATE TABLE day_versions (
                    connection TEXT NOT NULL, day TEXT NOT NULL, sequence INTEGER NOT NULL,
                    PRIMARY KEY (connection, day)
                ) WITHOUT ROWID;
                -- Every slug under which an event has named a project id, and when (microseconds since 1970).
                CREATE TABLE projects (
                    connection TEXT NOT NULL, project_id TEXT NOT NULL, slug TEXT NOT NULL, name TEXT NOT NULL,
                    last_seen_us INTEGER NOT NULL,
                    PRIMARY KEY (connection, project_id, slug)
                ) WITHOUT ROWID;
                -- The slug that each project id goes by now.
                CREATE VIEW project_slugs AS
                    SELECT connection, project_id, slug, name FROM (
                        SELECT *, row_number() OVER (
                            PARTITION BY connection, project_id ORDER BY last_seen_us DESC, slug DESC
                        ) AS rank FROM projects
                    ) WHERE rank = 1;
                CREATE TABLE connections (
                    connection TEXT PRIMARY KEY NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
                    since_us INTEGER NOT NULL, happened_at_us INTEGER NOT NULL, event_id TEXT NOT NULL
                ) WITHOUT ROWID;
                -- How far each project is compared with CircleCI (microseconds since 1970); `state` is the reconciler's.
                CREATE TABLE reconciliations (
                    connection TEXT NOT NULL, project TEXT NOT NULL, through_us INTEGER NOT NULL,
                    happened_at_us INTEGER NOT NULL, event_id TEXT NOT NULL, state BLOB NOT NULL,
                    PRIMARY KEY (connection, project)
                ) WITHOUT ROWID;
                -- What CircleCI names and did not tell more of: counted in `coverage.missing`, by name.
                CREATE TABLE missing (
                    connection TEXT NOT NULL, project TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
                    day TEXT NOT NULL, reason TEXT NOT NULL,
                    PRIMARY KEY (connection, project, kind, id)
                ) WITHOUT ROWID;
                -- The job numbers that events have told, for the reconciler alone: what lies between was lost.
                CREATE TABLE job_numbers (
                    connection TEXT NOT NULL, project TEXT NOT NULL, numbers BLOB NOT NULL,
                    PRIMARY KEY (connection, project)
                ) WITHOUT ROWID;
                -- Days of which a usage export held every run (microseconds since 1970).
                CREATE TABLE settled_days (
                    connection TEXT NOT NULL, day TEXT NOT NULL, exported_at_us INTEGER NOT NULL,
                    PRIMARY KEY (connection, day)
                ) WITHOUT ROWID;
                -- What job details say of the machine that a job asks for.
                CREATE TABLE job_descriptions (
                    connection TEXT NOT NULL, project TEXT NOT NULL, workflow TEXT NOT NULL, job TEXT NOT NULL,
                    resource_class TEXT NOT NULL, executor TEXT NOT NULL, parallelism INTEGER NOT NULL,
                    happened_at_us INTEGER NOT NULL,
                    PRIMARY KEY (connection, project, workflow, job)
                ) WITHOUT ROWID;
                -- The rate card that provisional credits are reckoned with, where it is not the built-in one; one row.
                CREATE TABLE rate_card (card TEXT NOT NULL, happened_at_us INTEGER NOT NULL, event_id TEXT NOT NULL);
                -- What persons are called in the tables; one row.
                CREATE TABLE person_policy (fingerprint TEXT NOT NULL);
                CREATE INDEX resources_by_job ON resources (connection, project, workflow, job, day);
                -- Records on the log by what became of them. Repeated deliveries count here, and only here.
                CREATE TABLE records (
                    source TEXT NOT NULL, type TEXT NOT NULL, outcome TEXT NOT NULL, records INTEGER NOT NULL,
                    PRIMARY KEY (source, type, outcome)
                ) WITHOUT ROWID;
                -- Places of the log that are not readable.
                CREATE TABLE damages (
                    segment INTEGER NOT NULL, offset INTEGER NOT NULL, line INTEGER NOT NULL, message TEXT NOT NULL,
                    since_us INTEGER, until_us INTEGER,
                    PRIMARY KEY (segment, offset)
                ) WITHOUT ROWID;
                -- The runs behind the counters, for the reducer alone.
                CREATE TABLE partitions (
                    connection TEXT NOT NULL, pipeline_day TEXT NOT NULL, piece INTEGER NOT NULL, runs BLOB NOT NULL,
                    PRIMARY KEY (connection, pipeline_day, piece)
                );
                """
        )
        try database.execute(sql: "PRAGMA user_version = \(userVersion)")
    }

    /// `project` in the rows is the project's id (its slug where no event had an id): join `project_slugs` for names.
    private static func definition(of table: UsageTable) -> String {
        let keys = ["connection", table.dayColumn] + table.keyColumns
        var columns = keys.map { "\($0) TEXT NOT NULL" } + table.valueColumns.map { "\($0) INTEGER NOT NULL" }
        if table.hasDurations {
            columns += ["p50_ms INTEGER NOT NULL", "p95_ms INTEGER NOT NULL", "durations BLOB NOT NULL"]
        }
        return """
            CREATE TABLE \(table.rawValue) (
                \(columns.joined(separator: ", ")), PRIMARY KEY (\(keys.joined(separator: ", ")))
            ) WITHOUT ROWID
            """
    }
}

extension UsageTable {
    /// All columns of a row's key.
    var keyNames: [String] { ["connection", dayColumn] + keyColumns }

    /// All columns of a row's values, in the order in which they are stored.
    var valueNames: [String] { valueColumns + (hasDurations ? ["p50_ms", "p95_ms", "durations"] : []) }
}
