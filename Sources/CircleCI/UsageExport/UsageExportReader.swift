public import Wire

/// Reads a usage export of CircleCI: gzip or plain CSV, columns by name. Each row is checked as it is read.
///
/// Blocking, and for one thread at a time. Memory follows the longest row, which is bounded.
public final class UsageExportReader {
    private let table: ExportTable
    private let columns: ExportColumns
    private(set) var row = ExportRow()
    /// Rows read, without the header.
    public private(set) var rowCount = 0

    /// - Parameters:
    ///   - name: what the file is called in errors.
    ///   - read: fills a buffer from the start and says how far; 0 is the end.
    /// - Throws: where there is no header, or columns are missing.
    public convenience init(
        name: String,
        read: @escaping (UnsafeMutableRawBufferPointer) throws -> Int
    ) throws(UsageExportError) {
        try self.init(name: name, bufferBytes: 1 << 18, read: read)
    }

    init(
        name: String,
        bufferBytes: Int,
        read: @escaping (UnsafeMutableRawBufferPointer) throws -> Int
    ) throws(UsageExportError) {
        let table = ExportTable(ExportInput(name: name, read: read), name: name, initialBytes: bufferBytes)
        self.table = table
        guard try table.next() else {
            throw UsageExportError(.emptyFile, "there is nothing in it, not even a header", file: name)
        }
        let names = table.fields.map { String(decoding: table.bytes($0), as: UTF8.self) }
        columns = try ExportColumns(header: names, file: name)
    }

    /// Of the file as it is, compressed or not: what a progress bar goes by.
    public var consumedBytes: Int { table.consumedBytes }

    /// Reads and checks the next row; false at the end.
    public func next() throws(UsageExportError) -> Bool {
        guard try table.next() else { return false }
        guard table.fields.count == columns.count else {
            throw UsageExportError(
                .fieldCount,
                "\(table.fields.count) fields where the header has \(columns.count)",
                file: table.name,
                line: table.line
            )
        }
        rowCount += 1
        guard let id = text(.jobID), !id.isEmpty else {
            throw UsageExportError(
                .missingJobID,
                "a row without a job's id",
                file: table.name,
                line: table.line,
                column: ExportColumns.Column.jobID.name
            )
        }
        row.job = Identity.of(id)
        guard let created = try time(.pipelineCreatedAt) else { throw bad(.pipelineCreatedAt, "no time") }
        row.pipelineCreatedAt = created
        row.queuedAt = try time(.jobQueuedAt)
        row.startedAt = try time(.jobStartedAt)
        row.stoppedAt = try time(.jobStoppedAt)
        row.workflowStoppedAt = try time(.workflowStoppedAt)
        row.pipelineNumber = try integer(.pipelineNumber)
        row.jobNumber = try integer(.jobRunNumber)
        row.parallelism = try integer(.parallelism)
        row.seconds = try value(.seconds, "no number of seconds", ExportCells.thousandths).map { $0 / 1000 }
        row.medianCPU = try value(.medianCPU, "no percentage", ExportCells.hundredths)
        row.maximumCPU = try value(.maximumCPU, "no percentage", ExportCells.hundredths)
        row.medianMemory = try value(.medianMemory, "no percentage", ExportCells.hundredths)
        row.maximumMemory = try value(.maximumMemory, "no percentage", ExportCells.hundredths)
        row.isUnregistered = try value(.isUnregisteredUser, "neither true nor false", ExportCells.bool)
        row.totalCredits = try value(.totalCredits, "no number of credits", ExportCells.thousandths) ?? 0
        row.credits.removeAll(keepingCapacity: true)
        for column in columns.credits {
            let field = table.fields[column.place]
            guard !field.isNull, field.end > field.start else { continue }
            guard let credits = ExportCells.thousandths(table.bytes(field)) else {
                throw UsageExportError(
                    .badValue,
                    "no number of credits",
                    file: table.name,
                    line: table.line,
                    column: column.column
                )
            }
            if credits != 0 { row.credits.append((column.feature, credits)) }
        }
        try checkTexts()
        return true
    }

    /// The UTC day on which the row's job ran, as a run's day is told.
    public var day: Day { (row.startedAt ?? row.pipelineCreatedAt).day }
    public var pipelineCreatedAt: Timestamp { row.pipelineCreatedAt }
    /// As a run's identity on the log.
    public var job: UInt128 { row.job }
    public var jobID: String { text(.jobID).map { String(decoding: $0, as: UTF8.self) } ?? "" }
    /// Thousandths of a credit.
    public var totalCredits: Int64 { row.totalCredits }
    /// The organization that the row names.
    public var organizationID: String? { text(.organizationID).map { String(decoding: $0, as: UTF8.self) } }

    /// A text cell of the present row; nil where the column is not there, is NULL or empty.
    func text(_ column: ExportColumns.Column) -> UnsafeRawBufferPointer? {
        guard let place = columns.place(column) else { return nil }
        let field = table.fields[place]
        guard !field.isNull, field.end > field.start else { return nil }
        return table.bytes(field)
    }

    /// Cells of columns that are not known, with their names.
    var others: [(name: String, text: UnsafeRawBufferPointer)] {
        columns.others.compactMap { other in
            let field = table.fields[other.place]
            return field.isNull ? nil : (other.name, table.bytes(field))
        }
    }

    private func time(_ column: ExportColumns.Column) throws(UsageExportError) -> Timestamp? {
        try value(column, "no time, as 2026-01-31 08:00:00.000 is") { Timestamp($0) }
    }

    private func integer(_ column: ExportColumns.Column) throws(UsageExportError) -> Int64? {
        try value(column, "no whole number", ExportCells.integer)
    }

    private func value<Value>(
        _ column: ExportColumns.Column,
        _ problem: @autoclosure () -> String,
        _ parse: (UnsafeRawBufferPointer) -> Value?
    ) throws(UsageExportError) -> Value? {
        guard let text = text(column) else { return nil }
        guard let value = parse(text) else { throw bad(column, problem()) }
        return value
    }

    private func bad(_ column: ExportColumns.Column, _ message: String) -> UsageExportError {
        UsageExportError(.badValue, message, file: table.name, line: table.line, column: column.name)
    }

    /// All text is to be UTF-8, or it could not stand in an event.
    private func checkTexts() throws(UsageExportError) {
        for (index, field) in table.fields.enumerated() {
            let bytes = table.bytes(field)
            guard !ExportCells.isASCII(bytes) else { continue }
            guard String(validating: bytes, as: UTF8.self) != nil else {
                throw UsageExportError(
                    .badValue,
                    "no UTF-8 in field \(index + 1)",
                    file: table.name,
                    line: table.line
                )
            }
        }
    }
}

/// What a row says in values; its texts stay in the table.
struct ExportRow {
    var job: UInt128 = 0
    var pipelineCreatedAt = Timestamp(microseconds: 0)
    var queuedAt: Timestamp?
    var startedAt: Timestamp?
    var stoppedAt: Timestamp?
    var workflowStoppedAt: Timestamp?
    var pipelineNumber: Int64?
    var jobNumber: Int64?
    var parallelism: Int64?
    var seconds: Int64?
    /// Hundredths of a percent.
    var medianCPU: Int64?
    var maximumCPU: Int64?
    var medianMemory: Int64?
    var maximumMemory: Int64?
    var isUnregistered: Bool?
    /// Thousandths of a credit, those that are not zero.
    var credits: [(feature: String, thousandths: Int64)] = []
    var totalCredits: Int64 = 0
}
