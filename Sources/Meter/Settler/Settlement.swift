import CircleCI
import EventLog
import Logging
import Usage
import Wire

/// One settlement: every file is checked as a whole, then its rows go onto the log, those that it holds already not.
///
/// Cut at any place, what was added stays, and the same files settled again add the rest.
struct Settlement {
    let connection: String
    let request: SettleRequest
    let knowledge: any SettleKnowledge
    let append: @Sendable ([LogEntry]) async throws -> Void
    let now: @Sendable () -> Timestamp
    let progress: @Sendable (SettleProgress) async -> Void

    private static let batchRows = 1000
    private static let checkRows = 20_000

    private var report: SettleReport
    private var cache = SettlementCache()
    /// By the UTC day of their start.
    private var rowsByDay: [Day: Int] = [:]
    private var doneBytes = 0
    private var totalBytes = 0
    /// Rows that are to be confirmed, by partition.
    private var confirmations: [Day: [(jobID: String, contentID: UInt128)]] = [:]

    init(
        connection: String,
        request: SettleRequest,
        knowledge: any SettleKnowledge,
        append: @escaping @Sendable ([LogEntry]) async throws -> Void,
        now: @escaping @Sendable () -> Timestamp,
        progress: @escaping @Sendable (SettleProgress) async -> Void
    ) {
        self.connection = connection
        var request = request
        for index in request.files.indices {
            // As the log will have it, or the same export would look like a later one.
            let milliseconds = request.files[index].exportedAt.milliseconds
            request.files[index].exportedAt = Timestamp(microseconds: milliseconds * 1000)
        }
        request.exportedAt = request.exportedAt?.wholeMilliseconds
        self.request = request
        self.knowledge = knowledge
        self.append = append
        self.now = now
        self.progress = progress
        report = SettleReport(connection: connection)
    }

    /// - Throws: the log's errors, and `CancellationError`. What is wrong with a file is in the report.
    mutating func run() async throws -> SettleReport {
        var readers: [(SettleRequest.File, ExportFileReader)] = []
        for file in request.files {
            let reader = ExportFileReader(file)
            totalBytes += 2 * ((try? await reader.size()) ?? 0)
            readers.append((file, reader))
        }
        for (file, reader) in readers {
            // What was added before may not be published yet.
            try await knowledge.catchUp()
            var outcome = SettleReport.File(name: file.name)
            do {
                try await settle(file, reader, &outcome)
            } catch let error as UsageExportError {
                outcome.error = error
                // What was to be confirmed was in this file, and its export's time is not the next one's.
                confirmations.removeAll()
            } catch {
                await reader.close()
                throw error
            }
            await reader.close()
            report.files.append(outcome)
        }
        let exportedAt = request.exportedAt ?? request.files.map(\.exportedAt).min()
        if let days = request.days, report.isGood, let exportedAt {
            try await close(days, exportedAt: exportedAt)
        }
        return report
    }

    private mutating func close(_ days: ClosedRange<Day>, exportedAt: Timestamp) async throws {
        report.days = days
        if let correctionDays = request.correctionDays {
            report.days = ExportPlan.closedDays(
                days,
                rows: rowsByDay,
                runs: try await knowledge.runCounts(of: connection),
                exportedAt: exportedAt,
                correctionDays: correctionDays
            )
        }
        let end = report.days?.upperBound ?? days.lowerBound.advanced(by: -1)
        if end < days.upperBound { report.openDays = end.advanced(by: 1)...days.upperBound }
        guard let closed = report.days, !request.isDryRun else { return }
        let rows = report.files.reduce(0) { $0 + $1.rows }
        try await append([
            ExportEvents.settled(closed, rows: rows, exportedAt: exportedAt, connection: connection, at: now())
        ])
    }

    private mutating func settle(
        _ file: SettleRequest.File,
        _ reader: ExportFileReader,
        _ outcome: inout SettleReport.File
    ) async throws {
        try await reader.open()
        while try await reader.check(Settlement.checkRows) {
            try Task.checkCancellation()
            await tell(file, .checking, await reader.consumedBytes, await reader.rowCount)
        }
        rowsByDay.merge(await reader.rowsByDay, uniquingKeysWith: +)
        doneBytes += await reader.consumedBytes
        try await reader.open()
        var items = try await reader.items(Settlement.batchRows)
        while !items.isEmpty {
            try Task.checkCancellation()
            // The next rows are read while these are made durable.
            async let next = reader.items(Settlement.batchRows)
            try await add(items, file, &outcome)
            items = try await next
            #if SABOTAGE
                if Sabotage.plants("last-rows-dropped"), items.count < Settlement.batchRows { break }
            #endif
            await tell(file, .settling, await reader.consumedBytes, outcome.rows)
        }
        try await confirm(file, all: true)
        doneBytes += await reader.consumedBytes
    }

    private mutating func add(
        _ items: [ExportItem],
        _ file: SettleRequest.File,
        _ outcome: inout SettleReport.File
    ) async throws {
        var entries: [LogEntry] = []
        entries.reserveCapacity(items.count)
        let receivedAt = now()
        for item in items {
            outcome.rows += 1
            outcome.credits += item.credits
            var novelty = cache.see(item, exportedAt: file.exportedAt)
            if novelty == nil {
                let day = item.pipelineDay
                cache.add(try await knowledge.settlements(of: connection, day: day), of: day)
                novelty = cache.see(item, exportedAt: file.exportedAt)
            }
            switch novelty ?? .settlement {
            case .settlement: outcome.settled += 1
            case .correction: outcome.corrected += 1
            case .confirmation:
                outcome.confirmed += 1
                confirmations[item.pipelineDay, default: []].append((item.namedJob, item.contentID))
                continue
            case .none:
                outcome.known += 1
                continue
            }
            entries.append(
                LogEntry(
                    receivedAt: receivedAt,
                    source: .export,
                    connection: connection,
                    body: item.body,
                    isKnownJSON: true
                )
            )
        }
        if !request.isDryRun, !entries.isEmpty { try await append(entries) }
        try await confirm(file, all: false)
    }

    /// Adds the confirmations that fill a record, or all.
    private mutating func confirm(_ file: SettleRequest.File, all: Bool) async throws {
        var entries: [LogEntry] = []
        for (day, waiting) in confirmations where all || waiting.count >= ExportEvents.maximumConfirmations {
            confirmations[day] = nil
            for start in stride(from: 0, to: waiting.count, by: ExportEvents.maximumConfirmations) {
                entries.append(
                    ExportEvents.confirmed(
                        Array(waiting[start..<min(waiting.count, start + ExportEvents.maximumConfirmations)]),
                        pipelineDay: day,
                        exportedAt: file.exportedAt,
                        connection: connection,
                        at: now()
                    )
                )
            }
        }
        if !request.isDryRun, !entries.isEmpty { try await append(entries) }
    }

    private func tell(_ file: SettleRequest.File, _ phase: SettleProgress.Phase, _ bytes: Int, _ rows: Int) async {
        await progress(
            SettleProgress(
                connection: connection,
                file: file.name,
                phase: phase,
                bytes: doneBytes + bytes,
                totalBytes: totalBytes,
                rows: rows
            )
        )
    }
}
