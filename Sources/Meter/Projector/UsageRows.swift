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
        var values: [DatabaseValue] = []
        for (key, change) in rows {
            let day = table.isMonthly ? key.day.month : key.day.description
            values.removeAll(keepingCapacity: true)
            values.append(key.connection.databaseValue)
            values.append(day.databaseValue)
            for text in key.texts { values.append(text.databaseValue) }
            var tally = change
            if mayHaveRows {
                let arguments = StatementArguments(values)
                if let row = try Row.fetchOne(select, arguments: arguments) {
                    tally.add(try RowReader.tally(row, table))
                }
                guard !tally.isZero else {
                    try delete.execute(arguments: arguments)
                    continue
                }
            }
            for column in table.valueColumns.indices { values.append(tally[column].databaseValue) }
            if table.hasDurations {
                values.append(tally.durations.percentile(50).databaseValue)
                values.append(tally.durations.percentile(95).databaseValue)
                values.append(Data(tally.durations.encoded).databaseValue)
            }
            try replace.execute(arguments: StatementArguments(values))
        }
    }
}

/// Reads the stored rows of one table.
struct RowReader {
    let table: UsageTable
    let database: Database

    func rows(_ filter: SnapshotFilter) throws -> [(RowKey, Tally)] {
        var conditions: [String] = []
        var arguments = StatementArguments()
        if let connection = filter.connection {
            conditions.append("connection = ?")
            arguments += [connection]
        }
        if let from = filter.from {
            conditions.append("\(table.dayColumn) >= ?")
            arguments += [table.isMonthly ? from.month : from.description]
        }
        if let to = filter.to {
            conditions.append("\(table.dayColumn) <= ?")
            arguments += [table.isMonthly ? to.month : to.description]
        }
        return try rows(conditions.isEmpty ? "" : " WHERE " + conditions.joined(separator: " AND "), arguments)
    }

    /// Of each job the rows of its last day before `day`.
    func lastRows(before day: Day) throws -> [(RowKey, Tally)] {
        try rows(
            """
             JOIN (
                SELECT connection, project, workflow, job, max(day) AS day FROM \(table.rawValue)
                WHERE day < ? GROUP BY connection, project, workflow, job
            ) USING (connection, project, workflow, job, day)
            """,
            [day.description]
        )
    }

    private func rows(_ condition: String, _ arguments: StatementArguments) throws -> [(RowKey, Tally)] {
        var columns = table.valueColumns
        if table.hasDurations { columns.append("durations") }
        columns += table.keyNames
        let cursor = try Row.fetchCursor(
            database,
            sql: "SELECT \(columns.joined(separator: ", ")) FROM \(table.rawValue)\(condition)",
            arguments: arguments
        )
        var rows: [(RowKey, Tally)] = []
        while let row = try cursor.next() {
            let first = table.valueColumns.count + (table.hasDurations ? 1 : 0)
            let day: String = row[first + 1]
            guard let day = Day(table.isMonthly ? day + "-01" : day) else {
                throw MeterError(
                    .damagedSnapshot,
                    "A row's day is no day",
                    at: table.rawValue,
                    hint: "circlemeter replay"
                )
            }
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
        return Tally(values: table.valueColumns.indices.map { row[$0] as Int }, durations: durations)
    }
}
