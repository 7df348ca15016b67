import EventLog
import Glibc
import Testing

/// Records of a batch each but for the last one, of three, over two segments.
struct CorruptionSample {
    let fixture = LogFixture()
    var bodies: [String] = []
    var segments: [Int: [UInt8]] = [:]
    let lastBatch = 7...9

    init() async throws {
        var options = EventLog.Options()
        options.maximumSegmentBytes = 1_000
        // Batches are made by holding the log's thread while three appends queue.
        let gate = GatedFileSystem()
        let log = try fixture.open(options, fileSystem: gate)
        for index in 1...5 {
            let body = #"{"n":\#(index)}"#
            bodies.append(body)
            _ = try await log.append(LogFixture.entry(body, signature: index == 2 ? "v1=\"x" : nil))
        }
        gate.hold()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 6...9 {
                let body = #"{"n":\#(index)}"#
                bodies.append(body)
                group.addTask { _ = try await log.append(LogFixture.entry(body)) }
                await waitUntil { gate.isWaiting && log.statistics.activity?.queuedCount == index - 5 }
            }
            gate.release()
            try await group.waitForAll()
        }
        await log.close()
        let reading = try fixture.read()
        try #require(reading.bodies == bodies && reading.damages.isEmpty && reading.tornTail == nil)
        try #require(reading.records.map(\.batch) == [1, 2, 3, 4, 5, 6, 7, 7, 7])
        for name in Files.names(fixture.directory) where name.hasSuffix(".ndjson") {
            let segment = try #require(Int(name.prefix(20)))
            segments[segment] = Files.bytes("\(fixture.directory)/\(name)")
        }
        // The last segment has batches before its last one.
        try #require(segments.keys.sorted() == [1, 6])
    }

    func make(_ segment: Int, _ bytes: [UInt8]) -> LogFixture {
        let changed = LogFixture()
        mkdir(changed.directory, 0o700)
        for (other, original) in segments {
            Files.write(other == segment ? bytes : original, to: changed.path(other))
        }
        return changed
    }
}
