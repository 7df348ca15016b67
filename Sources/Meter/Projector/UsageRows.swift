import Foundation
import GRDB
import Usage
import Wire

/// Adds changes to the stored rows of one table.
struct RowWriter {
    let table: UsageTable
    let database: Database
    /// False for the first changes of a new store: nothing has to be looked up then.
    private let mayHaveRows: Bool
    private let selectDay: Statement
    private let select: Statement
    private let replace: Statement
    private let delete: Statement

    init(table: UsageTable, database: Database, mayHaveRows: Bool) throws {
        self.table = table
        self.database = database
        self.mayHaveRows = mayHaveRows
        let name = table.rawValue
        let condition = table.keyNames.map { "\($0) = ?" }.joined(separator: " AND ")
        var stored = table.valueColumns
        if table.hasDurations { stored.append("durations") }
        selectDay = try database.cachedStatement(
            sql: "SELECT 1 FROM \(name) WHERE connection = ? AND \(table.dayColumn) = ? LIMIT 1"
        )
        select = try database.cachedStatement(
            sql: "SELECT \(stored.joined(separator: ", ")) FROM \(name) WHERE \(condition)"
        )
        let columns = table.keyNames + table.valueNames
        replace = try database.cachedStatement(
            sql: """
                INSERT OR REPLACE INTO \(name) (\(columns.joined(separator: ", ")))
                VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))
                """
        )
        delete = try database.cachedStatement(sql: "DELETE FROM \(name) WHERE \(condition)")
    }

    /// - Parameter rows: No key twice.
    func add(_ rows: [(key: RowKey, change: Tally)]) throws {
        var last: (day: Day, text: String)?
        // In a replay nearly all days are new, and their rows need not be looked for one by one.
        var daysWithRows: [ConnectionDay: Bool] = [:]
        for (key, change) in rows {
            let day = last?.day == key.day ? last?.text ?? "" : table.isMonthly ? key.day.month : key.day.description
            last = (key.day, day)
            var tally = change
            let place = ConnectionDay(connection: key.connection, day: key.day)
            let mayBeStored = try daysWithRows[place] ?? (mayHaveRows && hasRows(key.connection, day))
            daysWithRows[place] = mayBeStored
            if mayBeStored {
                bind(key, day, to: select)
                if let row = try Row.fetchOne(select) { tally.add(try RowReader.tally(row, table)) }
                guard !tally.isZero else {
                    bind(key, day, to: delete)
                    try delete.execute()
                    continue
                }
            }
            var binding = bind(key, day, to: replace)
            for column in table.valueColumns.indices { binding.add(tally[column]) }
            if table.hasDurations {
                binding.add(tally.durations.percentile(50))
                binding.add(tally.durations.percentile(95))
                binding.add(Data(tally.durations.encoded))
            }
            try replace.execute()
        }
    }

    private struct ConnectionDay: Hashable {
        var connection: String
        var day: Day
    }

    private func hasRows(_ connection: String, _ day: String) throws -> Bool {
        var binding = Binding(selectDay)
        binding.add(connection)
        binding.add(day)
        return try Row.fetchOne(selectDay) != nil
    }

    /// - Returns: where the row's other values go on.
    @discardableResult
    private func bind(_ key: RowKey, _ day: String, to statement: Statement) -> Binding {
        var binding = Binding(statement)
        binding.add(key.connection)
        binding.add(day)
        for text in key.texts { binding.add(text) }
        return binding
    }

    /// Binds a statement's values one after the other. `StatementArguments` of so many rows would take longer to make than
    /// the rows to write.
    private struct Binding {
        private let statement: Statement
        private var index: CInt = 0

        init(_ statement: Statement) {
            self.statement = statement
            // Resets it, and tells it that nothing is missing.
            statement.setUncheckedArguments(StatementArguments())
        }

        mutating func add(_ value: some StatementBinding) {
            index += 1
            let code = value.bind(to: statement.sqliteStatement, at: index)
            // It touches no file: one value too many makes it fail, or a statement that was not reset.
            precondition(code == ResultCode.SQLITE_OK.rawValue, "value \(index) cannot be bound: \(statement.sql)")
        }
    }
}

/// Reads the stored rows of one table.
struct RowReader {
    let table: UsageTable
    let database: Database

    func rows(_ filter: SnapshotFilter) throws -> [(RowKey, Tally)] {
        let (condition, arguments) = conditions(filter)
        return try rows(arguments, from: table.rawValue + condition)
    }

    /// Of each job that has rows in the range, the rows of its last day before it.
    /// - Parameter projects: all sightings, since rows of one project may stand under several texts.
    func lastRows(before filter: SnapshotFilter, projects: [ProjectName]) throws -> [(RowKey, Tally)] {
        guard let from = filter.from else { return [] }
        var shared: [[String]] = []
        for (connection, sightings) in Dictionary(grouping: projects, by: \.connection) {
            shared += ShownProjects(sightings).pairs.map { [connection, $0.text, $0.other] }
        }
        let (condition, arguments) = RowReader(table: .jobs, database: database).conditions(filter)
        // A look into the index for each job: the table has every settled day.
        let same = { (table: String) in
            ["connection", "project", "workflow", "job"].map { "\(table).\($0) = asked.\($0)" }
                .joined(separator: " AND ")
        }
        return try rows(
            arguments + [String(decoding: JSONEncoder().encode(shared), as: UTF8.self), from.description],
            with: """
                WITH present AS MATERIALIZED (
                    SELECT DISTINCT connection, project, workflow, job FROM jobs\(condition)
                ), shared (connection, project, other) AS MATERIALIZED (
                    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]')
                    FROM json_each(?)
                    WHERE json_extract(value, '$[1]') IN (SELECT project FROM present) AND EXISTS (
                        SELECT 1 FROM \(table.rawValue) WHERE connection = json_extract(value, '$[0]')
                        AND project = json_extract(value, '$[2]')
                    )
                ), asked AS MATERIALIZED (
                    SELECT connection, project, workflow, job FROM present
                    UNION
                    SELECT connection, other, workflow, job FROM present JOIN shared USING (connection, project)
                )
                """,
            from: """
                asked CROSS JOIN \(table.rawValue) AS earlier ON \(same("earlier"))
                AND earlier.day = (SELECT max(day) FROM \(table.rawValue) AS other WHERE \(same("other")) AND day < ?)
                """,
            columnsOf: "earlier."
        )
    }

    private func conditions(_ filter: SnapshotFilter) -> (sql: String, arguments: StatementArguments) {
        var conditions: [String] = []
        var arguments = StatementArguments()
        if let connection = filter.connection {
            conditions.append("connection = ?")
            arguments += [connection]
        } else if !table.isMonthly, filter.from != nil || filter.to != nil {
            // Rows are in order of connection and day: so only those days are looked at.
            conditions.append("connection IN (SELECT DISTINCT connection FROM day_versions)")
        }
        if let from = filter.from {
            conditions.append("\(table.dayColumn) >= ?")
            arguments += [table.isMonthly ? from.month : from.description]
        }
        if let to = filter.to {
            conditions.append("\(table.dayColumn) <= ?")
            arguments += [table.isMonthly ? to.month : to.description]
        }
        return (conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND "), arguments)
    }

    /// Reads rows of this table.
    /// - Parameters:
    ///   - common: what stands before the query.
    ///   - source: this table, and what it is joined with or chosen by.
    ///   - prefix: what its columns are named with.
    private func rows(
        _ arguments: StatementArguments,
        with common: String = "",
        from source: String,
        columnsOf prefix: String = ""
    ) throws -> [(RowKey, Tally)] {
        var columns = table.valueColumns
        if table.hasDurations { columns.append("durations") }
        columns += table.keyNames
        let cursor = try Row.fetchCursor(
            database,
            sql: """
                \(common) SELECT \(columns.map { prefix + $0 }.joined(separator: ", "))
                FROM \(source)
                """,
            arguments: arguments
        )
        var rows: [(RowKey, Tally)] = []
        var last: (text: String, day: Day)?
        while let row = try cursor.next() {
            let first = table.valueColumns.count + (table.hasDurations ? 1 : 0)
            let text: String = row[first + 1]
            // Rows of a day stand together.
            guard let day = last?.text == text ? last?.day : Day(table.isMonthly ? text + "-01" : text) else {
                throw MeterError(
                    .damagedSnapshot,
                    "A row's day is no day",
                    at: table.rawValue,
                    hint: "circlemeter replay"
                )
            }
            last = (text, day)
            let texts = (0..<table.keyColumns.count).map { row[first + 2 + $0] as String }
            rows.append((RowKey(connection: row[first], day: day, texts: texts), try RowReader.tally(row, table)))
        }
        return rows
    }

    /// The values of a row that begins with ``UsageTable/valueColumns`` and, where the table has them, durations.
    static func tally(_ row: Row, _ table: UsageTable) throws -> Tally {
        var durations = Histogram()
        if table.hasDurations {
            durations = try row.withUnsafeData(atIndex: table.valueColumns.count) { data throws in
                try Histogram(encoded: data.map { Array($0) } ?? [])
            }
        }
        var tally = Tally()
        for column in table.valueColumns.indices { tally[column] = row[column] }
        tally.durations = durations
        return tally
    }
}
