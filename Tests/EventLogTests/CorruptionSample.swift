import Dispatch
import FakeCircleCI
import Glibc
import Synchronization
import Testing
import Wire

@testable import EventLog

/// A log of several segments and batches whose bytes are changed.
struct CorruptionSample {
    /// A second goes by with each record.
    private final class Clock: Sendable {
        private let seconds = Mutex<Int64>(0)

        func next() -> Timestamp {
            seconds.withLock { seconds in
                seconds += 1
                return Timestamp(microseconds: LogFixture.time.microseconds + seconds * 1_000_000)
            }
        }
    }

    let fixture = LogFixture()
    private(set) var bodies: [String] = []
    /// When each record was received.
    private(set) var times: [Timestamp] = []
    private(set) var segments: [Int: [UInt8]] = [:]
    /// The records of the last batch.
    private(set) var lastBatch = 1...1

    private var batchSizes: [Int] = []
    private let clock = Clock()

    /// Records of a batch each but for the last one, of three, over two segments.
    init() async throws {
        let log = try open(segmentBytes: 1_000)
        for index in 1...5 {
            try await append(log, [#"{"n":\#(index)}"#], signature: index == 2 ? "v1=\"x" : nil)
        }
        try await append(log, [#"{"n":6}"#])
        try await append(log, (7...9).map { #"{"n":\#($0)}"# })
        try await finish(log)
        // The last segment has batches before its last one.
        try #require(segments.keys.sorted() == [1, 6] && lastBatch == 7...9)
    }

    /// Batches of one or two records with bodies of all kinds, over two or three segments.
    init(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let log = try open(segmentBytes: Int.random(in: 650...800, using: &generator))
        let wantedCount = Int.random(in: 2...3, using: &generator)
        var segmentCount = 1
        var batchesInLast = 0
        while segmentCount < wantedCount || batchesInLast < 2 {
            let batch = (0..<Int.random(in: 1...2, using: &generator)).map { index in
                let text = String(repeating: "x", count: Int.random(in: 0...20, using: &generator))
                let isFolded = Int.random(in: 0..<5, using: &generator) == 0
                return "{\"n\":\(bodies.count + index),\(isFolded ? "\n" : "")\"text\":\"\(text)\"}"
            }
            try await append(log, batch, signature: Bool.random(using: &generator) ? "v1=\"x" : nil)
            batchesInLast = log.statistics.segments.count == segmentCount ? batchesInLast + 1 : 1
            segmentCount = log.statistics.segments.count
        }
        try await finish(log)
    }

    private func open(segmentBytes: Int) throws -> EventLog {
        var options = EventLog.Options()
        options.maximumSegmentBytes = segmentBytes
        return try EventLog.open(
            directory: fixture.directory,
            options: options,
            fileSystem: UnsyncedFileSystem(),
            now: { [clock] in clock.next() },
            deduplicationKey: { _ in nil }
        )
    }

    /// Appends a batch, by callers who come while the log's thread is busy.
    private mutating func append(_ log: EventLog, _ batch: [String], signature: String? = nil) async throws {
        await log.suspendThread()
        await withTaskGroup(of: Void.self) { group in
            for (index, body) in batch.enumerated() {
                var entry = LogFixture.entry(body, signature: signature)
                entry.receivedAt = clock.next()
                bodies.append(body)
                times.append(entry.receivedAt)
                group.addTask { [entry] in _ = try? await log.append(entry) }
                await waitUntil { log.statistics.activity?.queuedCount == index + 1 }
            }
            log.committer.thread.resume()
        }
        batchSizes.append(batch.count)
        lastBatch = (bodies.count - batch.count + 1)...bodies.count
    }

    private mutating func finish(_ log: EventLog) async throws {
        await log.close()
        let reading = try fixture.read()
        try #require(reading.bodies == bodies && reading.damages.isEmpty && reading.tornTail == nil)
        let batches = batchSizes.enumerated().flatMap { index, size in [Int](repeating: index + 1, count: size) }
        try #require(reading.records.map(\.batch) == batches)
        for name in Files.names(fixture.directory) where name.hasSuffix(".ndjson") {
            let segment = try #require(Int(name.prefix(20)))
            segments[segment] = Files.bytes("\(fixture.directory)/\(name)")
        }
    }

    var lastSegment: Int { segments.keys.max() ?? 1 }

    func make(_ segment: Int, _ bytes: [UInt8]) -> LogFixture {
        make(segments.merging([segment: bytes]) { $1 })
    }

    func make(_ segments: [Int: [UInt8]]) -> LogFixture {
        let changed = LogFixture()
        mkdir(changed.directory, 0o700)
        for (segment, bytes) in segments { Files.write(bytes, to: changed.path(segment)) }
        return changed
    }
}
