import CircleCI
import EventLog
import FakeCircleCI
import Foundation
import Meter
import Wire

/// A data directory with a log of made-up deliveries, as a service would have written it.
struct DataSet: Sendable {
    /// A little more than a record takes on the log, and its share of the snapshot.
    private static let recordByteCount = 2600
    /// Appends on their way at a time; they share syncs.
    private static let concurrency = 2048
    private static let firstDay = Day(daysSinceEpoch: 20_458)
    /// Whatever the number of records: what a day's counters add up decides what they cost.
    private static let recordsPerDay = 8000

    let directory: String
    let recordCount: Int

    /// `count` deliveries of one organization with twenty projects, the same each time.
    /// - Parameter dayCount: How many days they are spread over.
    static func deliveries(count: Int, dayCount: Int) -> some Sequence<GeneratedDelivery> {
        var options = FakeHistoryOptions(seed: 7, firstDay: firstDay)
        options.projectCount = 20
        options.dayCount = dayCount
        // A pipeline makes about ten deliveries, and a week has five working days and two quarters of one.
        options.pipelinesPerDay = 1 + count / (dayCount * 6)
        options.oddities = .usual
        // A body of several lines is kept as base64, which DuckDB's reader of JSON would not see into.
        options.oddities.prettyBodies = 0
        return FakeHistory(options: options).deliveries.prefix(count)
    }

    private var deliveries: some Sequence<GeneratedDelivery> {
        DataSet.deliveries(count: recordCount, dayCount: max(1, recordCount / DataSet.recordsPerDay))
    }

    /// Throws where the disk has no room for it.
    func requireRoom() throws {
        let needed = recordCount * DataSet.recordByteCount
        let parent = URL(filePath: directory).deletingLastPathComponent().path
        let attributes = try FileManager.default.attributesOfFileSystem(forPath: parent)
        let free = (attributes[.systemFreeSize] as? NSNumber)?.intValue ?? 0
        guard free > needed + (1 << 30) else {
            throw BenchFailure(
                "\(recordCount) records take \(needed >> 20) MiB and \(parent) has \(free >> 20) MiB free: "
                    + "lower --records or choose another --directory"
            )
        }
    }

    /// Writes the log, signatures and all.
    func make() async throws {
        try DataDirectory(directory).make()
        let logDirectory = DataDirectory(directory).log
        let log = try await onOwnThread("bench.log") {
            try EventLog.open(directory: logDirectory, now: { Timestamp.now }, deduplicationKey: { _ in nil })
        }
        let secret = try WebhookSecret(Array("a secret of the benchmark".utf8))
        let begin = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            var startedCount = 0
            for delivery in deliveries {
                if startedCount >= DataSet.concurrency { try await group.next() }
                startedCount += 1
                if startedCount % 100_000 == 0 { Stage.note("making a log: \(startedCount) of \(recordCount) records") }
                group.addTask {
                    let entry = LogEntry(
                        receivedAt: delivery.sentAt,
                        source: .webhook,
                        connection: PreparedRequests.connection,
                        signature: WebhookSignature.header(for: delivery.body, secret: secret),
                        body: delivery.body
                    )
                    _ = try await log.append(entry)
                }
            }
            try await group.waitForAll()
        }
        let written = log.durableEnd.sequence
        await log.close()
        guard written == recordCount else { throw BenchFailure("only \(written) of \(recordCount) records were made") }
        Stage.note(
            "a log of \(recordCount) records is made, in \(Report.number((ContinuousClock.now - begin).milliseconds / 1000)) s"
        )
    }

    /// The bytes of the log.
    func logByteCount() throws -> Int {
        try LogStatistics.read(directory: DataDirectory(directory).log).byteCount
    }
}
