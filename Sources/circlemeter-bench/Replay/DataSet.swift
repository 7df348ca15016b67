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
    /// How many days the records are spread over.
    let dayCount: Int
    var projectCount = 20
    /// The projects are dealt out to them.
    var connectionCount = 1

    /// - Parameter dayCount: nil: as many as 8,000 records a day fill.
    init(directory: String, recordCount: Int, dayCount: Int? = nil) {
        self.directory = directory
        self.recordCount = recordCount
        self.dayCount = dayCount ?? max(1, recordCount / DataSet.recordsPerDay)
    }

    /// `count` deliveries of one organization, the same each time.
    /// - Parameter dayCount: How many days they are spread over.
    static func deliveries(count: Int, dayCount: Int, projectCount: Int = 20) -> some Sequence<GeneratedDelivery> {
        var options = FakeHistoryOptions(seed: 7, firstDay: firstDay)
        options.projectCount = projectCount
        options.dayCount = dayCount
        // A pipeline makes about ten deliveries, and a week has five working days and two quarters of one.
        options.pipelinesPerDay = 1 + count / (dayCount * 6)
        options.oddities = .usual
        // A body of several lines is kept as base64, which DuckDB's reader of JSON would not see into.
        options.oddities.prettyBodies = 0
        return FakeHistory(options: options).deliveries.prefix(count)
    }

    private var deliveries: some Sequence<GeneratedDelivery> {
        DataSet.deliveries(count: recordCount, dayCount: dayCount, projectCount: projectCount)
    }

    func bodyByteCount(ofFirst count: Int) -> Int {
        deliveries.prefix(count).reduce(0) { $0 + $1.body.count }
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
        let secret = try BenchSecret.make()
        let connectionCount = connectionCount
        let begin = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            var startedCount = 0
            for delivery in deliveries {
                if startedCount >= DataSet.concurrency { try await group.next() }
                startedCount += 1
                if startedCount % 500_000 == 0 { Stage.note("making a log: \(startedCount) of \(recordCount) records") }
                group.addTask {
                    let entry = LogEntry(
                        receivedAt: delivery.sentAt,
                        source: .webhook,
                        connection: DataSet.connection((delivery.projectIndex ?? 0) % connectionCount),
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

    private static func connection(_ index: Int) -> String {
        index == 0 ? PreparedRequests.connection : "\(PreparedRequests.connection)-\(index)"
    }

    func remove() throws {
        try FileManager.default.removeItem(atPath: directory)
    }

    /// The files of the log.
    func logFiles() throws -> [String] {
        let log = DataDirectory(directory).log
        return try FileManager.default.contentsOfDirectory(atPath: log).filter { $0.hasSuffix(".ndjson") }.sorted()
            .map { "\(log)/\($0)" }
    }

    /// The bytes of the log.
    func logByteCount() throws -> Int {
        try LogStatistics.read(directory: DataDirectory(directory).log).byteCount
    }
}
