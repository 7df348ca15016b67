import CircleCI
import EventLog
import FakeCircleCI
import Foundation
import Logging
import TestSupport
import Usage
import Wire

@testable import Meter

/// A history's deliveries on a log, as the receiver would have put them there.
struct LoggedHistory {
    let directory = TemporaryDirectory()
    let data: DataDirectory
    let recordCount: Int
    private let spare: [UInt8]

    var reader: LogReader { LogReader(directory: data.log) }

    /// - Parameter isSigned: whether the deliveries have signatures, of some secret or other.
    init(seed: UInt64, isSigned: Bool = false) async throws {
        data = DataDirectory(directory.path)
        var options = FakeHistoryOptions(seed: seed, firstDay: Day("2026-11-02")!)
        options.dayCount = 3
        options.pipelinesPerDay = 10
        options.oddities = OddityRates(all: 0.1)
        let path = data.log
        let log = try await onOwnThread("log") {
            try EventLog.open(directory: path, now: { Timestamp.now }, deduplicationKey: { _ in nil })
        }
        let deliveries = Array(FakeHistory(options: options).deliveries)
        spare = deliveries[0].body
        try await withThrowingTaskGroup(of: Void.self) { group in
            for delivery in deliveries {
                let entry = LogEntry(
                    receivedAt: delivery.sentAt,
                    source: .webhook,
                    connection: "acme",
                    signature: isSigned ? "v1=\(Hex.encode(Randomness.sha256(delivery.body)))" : nil,
                    body: delivery.body
                )
                group.addTask { _ = try await log.append(entry) }
            }
            try await group.waitForAll()
        }
        recordCount = log.durableEnd.sequence
        await log.close()
    }

    /// Appends so many records more, as a batch of their own.
    func append(_ count: Int) async throws {
        let log = try await open()
        for _ in 0..<count {
            _ = try await log.append(
                LogEntry(receivedAt: .now, source: .webhook, connection: "acme", body: spare)
            )
        }
        await log.close()
    }

    /// The snapshot without any store: one reducer, all records, in memory.
    func directSnapshot() throws -> Snapshot {
        var tables = UsageTables()
        var reducer = try Reducer(storage: tables)
        var position: SnapshotPosition?
        _ = try reader.read(after: nil) { item in
            guard case .record(let record) = item else { return true }
            position = SnapshotPosition(sequence: record.sequence, crc: record.crc)
            try record.withBody { body in
                guard let event = try? EventScanner.event(in: body) else { return }
                try reducer.fold(
                    event,
                    in: body,
                    connection: record.connectionText.raw(in: record.line),
                    source: record.source,
                    storage: tables
                )
            }
            return true
        }
        tables.apply(reducer.takeChanges())
        return tables.snapshot(position: position)
    }
}

extension LoggedHistory {
    /// To be closed by whoever opens it.
    func open() async throws -> EventLog {
        let path = data.log
        return try await onOwnThread("log") {
            try EventLog.open(directory: path, now: { Timestamp.now }, deduplicationKey: { _ in nil })
        }
    }

    /// With nobody to tell.
    func projector(_ log: EventLog) throws -> Projector {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let people = try PeopleSource(data, environment: [:], logger: logger)
        return Projector(directory: data, log: log, people: people, logger: logger)
    }

    /// Runs a projector until `body` is done; then the log is closed, by which the projector ends.
    func withProjector(_ body: (Projector) async throws -> Void) async throws {
        let log = try await open()
        let projector = try projector(log)
        let running = Task { try await projector.run() }
        // One that cannot publish would not end by itself at a test's time limit.
        try await withTaskCancellationHandler {
            try await body(projector)
            await log.close()
            try await running.value
        } onCancel: {
            running.cancel()
        }
    }
}
