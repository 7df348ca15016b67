import EventLog
import Foundation
import GRDB
import Usage
import Wire

/// `usage.sqlite`: the published snapshot and what the reducer needs to go on from it. One transaction per advance, so
/// that a reader never sees half of one.
///
/// Calls block; make them off the cooperative pool.
final class UsageStore: Sendable {
    /// A reader whose sums are not kept is busy for long, others are not to wait for it.
    private static let maximumReaderCount = 12

    let path: String
    /// The reducer that wrote it; where it is not this program's, the store can be shown but not gone on from.
    let reducerVersion: Int
    let database: any DatabaseWriter
    /// Of this store alone: another one's rows have other versions.
    let sums: KeptSums

    /// How a store is used, which decides how SQLite keeps it.
    enum Purpose {
        /// One writer, many readers, consistent after a power cut.
        case service
        /// Made from nothing, seen by nobody until it is complete.
        case rebuild
        /// A rebuild that was closed before it was complete, to go on with.
        case resume
        case reading
    }

    /// Opens the store at `path`; nil where there is none, or one with other tables, and `purpose` is not `rebuild`.
    ///
    /// - Throws: `damaged_snapshot` where the file is not as it was written, as far as opening shows.
    convenience init?(path: String, purpose: Purpose, sumsBudgetBytes: Int = SumsMemory.usualBudgetBytes) throws {
        do {
            try self.init(opening: path, purpose: purpose, sumsBudgetBytes: sumsBudgetBytes)
        } catch {
            throw SnapshotDamage.named(error, at: path)
        }
    }

    private init?(opening path: String, purpose: Purpose, sumsBudgetBytes: Int) throws {
        try SnapshotDamage.keepChecksums()
        self.path = path
        sums = KeptSums(budgetBytes: sumsBudgetBytes)
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        switch purpose {
        case .service, .reading:
            guard FileManager.default.fileExists(atPath: path) else { return nil }
            configuration.readonly = purpose == .reading
            configuration.maximumReaderCount = UsageStore.maximumReaderCount
            database = try DatabasePool(path: path, configuration: configuration)
            let userVersion = try database.read { try Int.fetchOne($0, sql: "PRAGMA user_version") } ?? 0
            reducerVersion = UsageSchema.reducerVersion(userVersion)
            guard UsageSchema.isReadable(userVersion) else {
                try database.close()
                return nil
            }
            try database.read(SnapshotDamage.expectChecksums)
        case .rebuild:
            try UsageStore.remove(path)
            database = try UsageStore.unjournaled(path, configuration, isNew: true)
            reducerVersion = Reducer.version
            try database.write { try UsageSchema.create(in: $0) }
        case .resume:
            guard FileManager.default.fileExists(atPath: path) else { return nil }
            database = try UsageStore.unjournaled(path, configuration)
            reducerVersion = Reducer.version
            guard try database.read({ try Int.fetchOne($0, sql: "PRAGMA user_version") }) == UsageSchema.userVersion
            else {
                try database.close()
                return nil
            }
            try database.read(SnapshotDamage.expectChecksums)
        }
        chmod(path, 0o600)
    }

    /// Without a journal: a crash leaves a file that is of no use, and costs only time.
    private static func unjournaled(
        _ path: String,
        _ configuration: Configuration,
        isNew: Bool = false
    ) throws -> DatabaseQueue {
        var configuration = configuration
        configuration.prepareDatabase { database in
            if isNew { try SnapshotDamage.beginChecksums(database) }
            try database.execute(sql: "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
            try database.execute(sql: "PRAGMA cache_size = -32768")
        }
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    func close() throws { try database.close() }

    /// Removes a store with all that SQLite may keep beside it, and would read into the next file of that name.
    ///
    /// - Throws: `unwritable_file`.
    static func remove(_ path: String) throws(MeterError) {
        #if SABOTAGE
            if Sabotage.plants("old-journal-kept") {
                for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
                return
            }
        #endif
        for suffix in ["", "-wal", "-shm", "-journal"] where unlink(path + suffix) != 0 && errno != ENOENT {
            let cause = SystemError.last("unlink")
            throw MeterError(.unwritableFile, "The file cannot be removed", at: path + suffix, cause: cause)
        }
    }

    /// Makes a rebuilt store durable before it takes another's place.
    func sync() throws {
        // As a service wants it: changed under the published name, a kill meanwhile would leave a journal there.
        try database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = WAL") }
        try close()
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw UsageStore.unwritable(path, SystemError.last("open")) }
        defer { Foundation.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw UsageStore.unwritable(path, SystemError.last("fsync")) }
    }

    private static func unwritable(_ path: String, _ cause: SystemError) -> MeterError {
        MeterError(.unwritableFile, "The snapshot cannot be made durable", at: path, cause: cause)
    }

    /// The end of the last record that the tables count; nil before the first.
    func position() throws -> LogPosition? {
        try database.read { database in
            try Row.fetchOne(database, sql: "SELECT * FROM position").map { row in
                LogPosition(
                    sequence: row["sequence"],
                    crc: UInt32(truncatingIfNeeded: row["crc"] as Int64),
                    batch: row["batch"],
                    segment: row["segment"],
                    offset: row["offset"]
                )
            }
        }
    }

    /// Adds an advance's changes and moves the position, all or nothing.
    func publish(_ advance: Advance) throws {
        try database.write { database in
            let hasRows = try Row.fetchOne(database, sql: "SELECT 1 FROM position") != nil
            #if SABOTAGE
                if Sabotage.plants("position-before-rows"), let position = advance.position {
                    try UsageStore.write(position, in: database)
                    try database.execute(sql: "COMMIT; BEGIN IMMEDIATE")
                }
            #endif
            for (table, rows) in advance.changes.rows {
                try RowWriter(table: table, database: database, mayHaveRows: hasRows).add(rows)
            }
            let versions = try VersionWriter(advance, database)
            try UsageStore.write(advance.changes, in: database)
            try UsageStore.writeReconciliations(advance.changes, in: database)
            try UsageStore.writeSettlements(advance.changes, in: database)
            try versions.write()
            for (key, count) in advance.records {
                try database.execute(
                    sql: """
                        INSERT INTO records VALUES (?, ?, ?, ?)
                        ON CONFLICT DO UPDATE SET records = records + excluded.records
                        """,
                    arguments: [key.source.rawValue, key.type, key.outcome.rawValue, count]
                )
            }
            for damage in advance.damages {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO damages VALUES (?, ?, ?, ?, ?, ?)",
                    arguments: [
                        damage.segment, damage.offset, damage.line, damage.description,
                        damage.since?.microseconds, damage.until?.microseconds,
                    ]
                )
            }
            #if SABOTAGE
                if Sabotage.plants("advance-in-two-transactions") {
                    try database.execute(sql: "COMMIT; BEGIN IMMEDIATE")
                }
            #endif
            if let position = advance.position { try UsageStore.write(position, in: database) }
        }
    }

    private static func write(_ position: LogPosition, in database: Database) throws {
        try database.execute(sql: "DELETE FROM position")
        try database.execute(
            sql: "INSERT INTO position VALUES (?, ?, ?, ?, ?)",
            arguments: [position.sequence, Int64(position.crc), position.batch, position.segment, position.offset]
        )
    }

    private static func write(_ changes: UsageChanges, in database: Database) throws {
        for piece in changes.partitions {
            let key: StatementArguments = [piece.connection, piece.day.description]
            if piece.replacesEarlier {
                try database.execute(
                    sql: "DELETE FROM partitions WHERE connection = ? AND pipeline_day = ?",
                    arguments: key
                )
            }
            try database.execute(
                sql: """
                    INSERT INTO partitions SELECT ?1, ?2, coalesce(max(piece), 0) + 1, ?3
                    FROM partitions WHERE connection = ?1 AND pipeline_day = ?2
                    """,
                arguments: key + [Data(piece.bytes)]
            )
        }
        for project in changes.projects {
            try database.execute(
                sql: "INSERT OR REPLACE INTO projects VALUES (?, ?, ?, ?, ?)",
                arguments: [
                    project.connection, project.id, project.slug, project.name, project.lastSeen.microseconds,
                ]
            )
        }
        for state in changes.connections {
            try database.execute(
                sql: "INSERT OR REPLACE INTO connections VALUES (?, ?, ?, ?, ?, ?)",
                arguments: [
                    state.connection, state.state, state.reason, state.since.microseconds,
                    state.happenedAt.microseconds, state.eventID,
                ]
            )
        }
    }
}

extension UsageStore: UsageStorage {
    func partition(connection: String, day: Day) throws -> [[UInt8]] {
        // On the writer's connection, which is the reducer's own: it does not wait for readers.
        try database.writeWithoutTransaction { database in
            try Data.fetchAll(
                database,
                sql: "SELECT runs FROM partitions WHERE connection = ? AND pipeline_day = ? ORDER BY piece",
                arguments: [connection, day.description]
            ).map { Array($0) }
        }
    }

    func projects() throws -> [ProjectName] { try database.read { try UsageStore.projects($0) } }
    func connections() throws -> [ConnectionState] { try database.read(UsageStore.connections) }

    /// - Parameter connection: nil: of all.
    static func projects(_ database: Database, of connection: String? = nil) throws -> [ProjectName] {
        try Row.fetchAll(
            database,
            sql: "SELECT * FROM projects WHERE connection = coalesce(?, connection)",
            arguments: [connection]
        ).map { row in
            ProjectName(
                connection: row["connection"],
                id: row["project_id"],
                slug: row["slug"],
                name: row["name"],
                lastSeen: Timestamp(microseconds: row["last_seen_us"])
            )
        }
    }

    private static func connections(_ database: Database) throws -> [ConnectionState] {
        try Row.fetchAll(database, sql: "SELECT * FROM connections").map { row in
            ConnectionState(
                connection: row["connection"],
                state: row["state"],
                reason: row["reason"],
                since: Timestamp(microseconds: row["since_us"]),
                happenedAt: Timestamp(microseconds: row["happened_at_us"]),
                eventID: row["event_id"]
            )
        }
    }
}

extension UsageStore {
    /// The counters as of one transaction, for one connection and a range of days where given.
    func snapshot(_ filter: SnapshotFilter = SnapshotFilter()) throws -> Snapshot {
        try database.read { try snapshot(filter, in: $0) }
    }

    /// The same within a transaction.
    func snapshot(_ filter: SnapshotFilter, in database: Database) throws -> Snapshot {
        var parts = SnapshotParts()
        parts.tables = filter.tables
        let sources = filter.tables.reduce(into: Set<UsageTable>()) { $0.formUnion($1.sources) }
        for table in UsageTable.stored where sources.contains(table) {
            parts.rows[table] = try RowReader(table: table, database: database).rows(filter)
        }
        parts.projects = try UsageStore.projects(database)
        if filter.from != nil, sources.contains(.jobs) {
            parts.earlierResources = try RowReader(table: .resources, database: database)
                .lastRows(before: filter, projects: parts.projects)
        }
        let position = try Row.fetchOne(database, sql: "SELECT sequence, crc FROM position")
        parts.position = position.map { row in
            SnapshotPosition(sequence: row["sequence"], crc: UInt32(truncatingIfNeeded: row["crc"] as Int64))
        }
        parts.reducerVersion = reducerVersion
        parts.personPolicy = try UsageStore.personFingerprint(database)
        parts.connections = try UsageStore.connections(database)
        parts.reconciliations = try UsageStore.reconciliations(database)
        parts.settledDays = try UsageStore.settledDays(database)
        if sources.contains(.jobs) { parts.jobDescriptions = try UsageStore.jobDescriptions(database) }
        parts.rateCard = try UsageStore.rateCard(database)
        return Snapshot(parts).filtered(connection: filter.connection, from: filter.from, to: filter.to)
    }

    /// How many records of each kind the log holds.
    static func recordCounts(_ database: Database) throws -> [RecordCount] {
        try Row.fetchAll(database, sql: "SELECT * FROM records ORDER BY source, type, outcome").map { row in
            RecordCount(
                source: row["source"],
                type: row["type"],
                outcome: row["outcome"],
                records: row["records"]
            )
        }
    }

    /// Places of the log that were not readable.
    func damageMessages() throws -> [String] { try database.read(UsageStore.damageMessages) }

    static func damageMessages(_ database: Database) throws -> [String] {
        try String.fetchAll(database, sql: "SELECT message FROM damages ORDER BY segment, offset")
    }
}

/// What part of a snapshot is asked for; nil means all, both days are included.
struct SnapshotFilter: Hashable, Sendable {
    var connection: String?
    var from: Day?
    var to: Day?
    /// The others are empty.
    var tables = Set(UsageTable.allCases)
}

/// Records on the log of one kind.
struct RecordCount: Sendable {
    var source: String
    var type: String
    /// ``Reducer/Outcome``.
    var outcome: String
    var records: Int
}
