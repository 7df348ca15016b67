public import Wire

/// Reads a usage export of CircleCI: gzip or plain CSV, columns by name. Each row is checked as it is read.
///
/// Blocking, and for one thread at a time. Memory follows the longest row, which is bounded.
public final class UsageExportReader {
    private let table: ExportTable
    let columns: ExportColumns
    private(set) var row = ExportRow()
    let digest = ContentDigest()
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
        let cells = table.row
        guard cells.count == columns.count else {
            throw UsageExportError(
                .fieldCount,
                "\(cells.count) fields where the header has \(columns.count)",
                file: table.name,
                line: table.line
            )
        }
        rowCount += 1
        // Kept here and not in the reader, because reaching into an object costs as much as a cell.
        var row = row
        self.row = ExportRow()
        defer { self.row = row }
        try readRun(cells, into: &row)
        try readUsage(cells, into: &row)
        try checkTexts(cells)
        return true
    }

    /// Which run it is, and when it was.
    private func readRun(_ cells: ExportTable.Row, into row: inout ExportRow) throws(UsageExportError) {
        guard let id = text(.jobID, cells) else {
            throw UsageExportError(
                .missingJobID,
                "a row without a job's id",
                file: table.name,
                line: table.line,
                column: ExportColumns.Column.jobID.name
            )
        }
        row.job = Identity.of(id)
        guard let created = try time(.pipelineCreatedAt, cells) else { throw bad(.pipelineCreatedAt, "no time") }
        row.pipelineCreatedAt = created
        row.queuedAt = try time(.jobQueuedAt, cells)
        row.startedAt = try time(.jobStartedAt, cells)
        row.stoppedAt = try time(.jobStoppedAt, cells)
        row.workflowStoppedAt = try time(.workflowStoppedAt, cells)
        row.pipelineNumber = try integer(.pipelineNumber, cells)
        row.jobNumber = try integer(.jobRunNumber, cells)
    }

    /// What it used, and what that cost.
    private func readUsage(_ cells: ExportTable.Row, into row: inout ExportRow) throws(UsageExportError) {
        row.parallelism = try integer(.parallelism, cells)
        row.seconds = try value(.seconds, cells, "no number of seconds", ExportCells.thousandths).map { $0 / 1000 }
        row.medianCPU = try percentage(.medianCPU, cells)
        row.maximumCPU = try percentage(.maximumCPU, cells)
        row.medianMemory = try percentage(.medianMemory, cells)
        row.maximumMemory = try percentage(.maximumMemory, cells)
        row.isUnregistered = try value(.isUnregisteredUser, cells, "neither true nor false", ExportCells.bool)
        row.totalCredits = try value(.totalCredits, cells, "no number of credits", ExportCells.thousandths) ?? 0
        row.credits.removeAll(keepingCapacity: true)
        for (index, column) in columns.credits.enumerated() {
            guard let text = cells.text(at: column.place) else { continue }
            guard let credits = ExportCells.thousandths(text) else {
                throw UsageExportError(
                    .badValue,
                    "no number of credits",
                    file: table.name,
                    line: table.line,
                    column: column.column
                )
            }
            if credits != 0 { row.credits.append((index, credits)) }
        }
    }

    /// The UTC day on which the row's job ran, as a run's day is told.
    public var day: Day { (row.startedAt ?? row.pipelineCreatedAt).day }
    public var pipelineCreatedAt: Timestamp { row.pipelineCreatedAt }
    /// As a run's identity on the log.
    public var job: UInt128 { row.job }
    public var isJobUUID: Bool { text(.jobID).flatMap { Identity.uuid($0) } != nil }
    public var jobID: String { text(.jobID).map { String(decoding: $0, as: UTF8.self) } ?? "" }
    /// Thousandths of a credit.
    public var totalCredits: Int64 { row.totalCredits }
    /// The organization that the row names.
    public var organizationID: String? { text(.organizationID).map { String(decoding: $0, as: UTF8.self) } }

    /// The cells of the present row.
    var cells: ExportTable.Row { table.row }

    private func text(_ column: ExportColumns.Column) -> UnsafeRawBufferPointer? { text(column, cells) }

    /// A text cell; nil where the column is not there, is NULL or empty.
    @inline(__always)
    private func text(_ column: ExportColumns.Column, _ cells: ExportTable.Row) -> UnsafeRawBufferPointer? {
        columns.place(column).flatMap { cells.text(at: $0) }
    }

    private func time(
        _ column: ExportColumns.Column,
        _ cells: ExportTable.Row
    ) throws(UsageExportError) -> Timestamp? {
        try value(column, cells, "no time, as 2026-01-31 08:00:00.000 is") { Timestamp($0) }
    }

    private func integer(_ column: ExportColumns.Column, _ cells: ExportTable.Row) throws(UsageExportError) -> Int64? {
        try value(column, cells, "no whole number", ExportCells.integer)
    }

    private func percentage(
        _ column: ExportColumns.Column,
        _ cells: ExportTable.Row
    ) throws(UsageExportError) -> Int64? {
        try value(column, cells, "no percentage", ExportCells.hundredths)
    }

    @inline(__always)
    private func value<Value>(
        _ column: ExportColumns.Column,
        _ cells: ExportTable.Row,
        _ problem: @autoclosure () -> String,
        _ parse: (UnsafeRawBufferPointer) -> Value?
    ) throws(UsageExportError) -> Value? {
        guard let text = text(column, cells) else { return nil }
        guard let value = parse(text) else { throw bad(column, problem()) }
        return value
    }

    private func bad(_ column: ExportColumns.Column, _ message: String) -> UsageExportError {
        UsageExportError(.badValue, message, file: table.name, line: table.line, column: column.name)
    }

    /// All text is to be UTF-8, or it could not stand in an event.
    private func checkTexts(_ cells: ExportTable.Row) throws(UsageExportError) {
        guard !cells.isPlain else { return }
        for (index, field) in table.fields.enumerated() {
            let bytes = table.bytes(field)
            guard !ExportCells.isASCII(bytes), String(validating: bytes, as: UTF8.self) == nil else { continue }
            throw UsageExportError(
                .badValue,
                "no UTF-8 in field \(index + 1)",
                file: table.name,
                line: table.line
            )
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
    /// Thousandths of a credit, those that are not zero, with the column's place in ``ExportColumns/credits``.
    var credits: [(column: Int, thousandths: Int64)] = []
    var totalCredits: Int64 = 0
}
