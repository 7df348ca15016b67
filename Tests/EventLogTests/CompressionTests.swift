import FakeCircleCI
import Glibc
import TestSupport
import Testing
import Wire

@testable import EventLog

/// A sealed segment that is compressed is the same segment: nothing that is read of the log changes.
struct CompressionTests {
    /// Segments and frames of a few records.
    private static func options(_ frameBytes: Int = 700) -> EventLog.Options {
        var options = EventLog.Options()
        options.maximumSegmentBytes = 3_000
        options.frameBytes = frameBytes
        return options
    }

    /// Records with short, long and multi-line bodies over several segments, in a log that is left open.
    private func open(
        _ fixture: LogFixture,
        count: Int = 60,
        seed: UInt64,
        options: EventLog.Options = options(),
        fileSystem: any FileSystem = PosixFileSystem()
    ) async throws -> EventLog {
        var random = SeededGenerator(seed: seed)
        let log = try fixture.open(options, fileSystem: fileSystem)
        for index in 1...count {
            let length = Int.random(in: 0..<10, using: &random) == 0 ? Int.random(in: 0..<4_000, using: &random) : 40
            let text = String((0..<length).map { _ in Character("abcdef".randomElement(using: &random)!.description) })
            let isFolded = Int.random(in: 0..<5, using: &random) == 0
            let body = "{\"n\":\(index),\(isFolded ? "\n" : "")\"t\":\"\(text)\"}"
            _ = try await log.append(LogFixture.entry(body))
        }
        return log
    }

    private func contents(_ fixture: LogFixture) -> [String: [UInt8]] {
        DirectoryState(fixture.directory).files
    }

    private func backwards(_ fixture: LogFixture, before sequence: Int?, through end: LogPosition) throws -> [Int] {
        var sequences: [Int] = []
        _ = try LogReader(directory: fixture.directory).readBackward(before: sequence, through: end) { item in
            if case .record(let record) = item { sequences.append(record.sequence) } else { Issue.record("\(item)") }
            return true
        }
        return sequences
    }

    @Test(arguments: 0..<8)
    func `a compressed log reads as before, from every position, both ways`(_ round: UInt64) async throws {
        let seed = TestSeed.of(round: round)
        var random = SeededGenerator(seed: seed)
        let fixture = LogFixture()
        let options = CompressionTests.options(Int.random(in: 60...1_500, using: &random))
        let log = try await open(fixture, seed: seed, options: options)
        let plain = contents(fixture)
        let before = try fixture.read()
        let report = try log.compressSealed()
        let sealed = log.statistics.segments.dropLast()
        #expect(report.segments == sealed.map(\.segment) && report.isComplete, "seed \(seed)")
        #expect(report.byteCount == sealed.reduce(0) { $0 + $1.byteCount }, "seed \(seed)")
        let names = Files.names(fixture.directory)
        #expect(names.count { $0.hasSuffix(".ndjson.zst") } == sealed.count && names.count == plain.count)
        for name in names { #expect(Files.mode("\(fixture.directory)/\(name)") == 0o600) }

        let after = try fixture.read()
        #expect(after.records == before.records && after.damages.isEmpty && after.end == before.end, "seed \(seed)")
        let end = log.durableEnd
        for record in before.records {
            let reading = try Reading(directory: fixture.directory, after: record.position)
            #expect(reading.records == Array(before.records[record.sequence...]), "seed \(seed), \(record.sequence)")
            let earlier = try backwards(fixture, before: record.sequence, through: end)
            #expect(earlier == (1..<record.sequence).reversed(), "seed \(seed), \(record.sequence)")
        }
        let verification = try LogVerifier(directory: fixture.directory).verify()
        #expect(verification.isIntact && verification.byteCount == plain.values.reduce(0) { $0 + $1.count })
        await log.close()

        let statistics = try LogStatistics.read(directory: fixture.directory)
        #expect(statistics.segments == log.statistics.segments, "seed \(seed)")
        #expect(statistics.storedByteCount == contents(fixture).values.reduce(0) { $0 + $1.count })
        let again = try fixture.open(options)
        #expect(again.recovery.damages.isEmpty && again.durableEnd == end, "seed \(seed)")
        #expect(try again.compressSealed().segments.isEmpty)
        await again.close()

        let lock = try LogLock.acquire(directory: fixture.directory)
        defer { lock.release() }
        #expect(try lock.expand().segments == sealed.map(\.segment))
        #expect(contents(fixture) == plain, "seed \(seed)")
    }

    @Test func `zstdcat shows the segment byte for byte`() async throws {
        let fixture = LogFixture()
        let log = try await open(fixture, seed: 1)
        let plain = contents(fixture)
        _ = try log.compressSealed()
        await log.close()
        for name in Files.names(fixture.directory) {
            guard name.hasSuffix(".zst") else { continue }
            let shown = try Program.run("/usr/bin/zstdcat", ["\(fixture.directory)/\(name)"])
            #expect(shown.status == 0 && Array(shown.output.utf8) == plain[String(name.dropLast(4))], "\(name)")
        }
    }

    @Test func `a pass that was cancelled leaves each segment in one form, and the next one goes on`() async throws {
        let fixture = LogFixture()
        let log = try await open(fixture, seed: 2)
        let before = try fixture.read()
        var compressed: [Int] = []
        var count = 1
        while true {
            var asked = 0
            let report = try log.compressSealed { _ in
                asked += 1
                return asked <= count
            }
            compressed += report.segments
            let names = Files.names(fixture.directory)
            #expect(names.count == log.statistics.segments.count && !names.contains { $0.hasSuffix(".tmp") })
            #expect(try fixture.read().records == before.records)
            if report.isComplete { break }
            count += 5
        }
        #expect(compressed == log.statistics.segments.dropLast().map(\.segment))
        await log.close()
        #expect(throws: LogError.closed) { try log.compressSealed() }
    }

    @Test func `a reader that has begun is not disturbed, and appending goes on`() async throws {
        let fixture = LogFixture()
        let log = try await open(fixture, seed: 3)
        let before = try fixture.read()
        var sequences: [Int] = []
        try LogReader(directory: fixture.directory).read(after: nil) { item in
            guard case .record(let record) = item else {
                Issue.record("\(item)")
                return true
            }
            if sequences.isEmpty {
                let report = try log.compressSealed()
                #expect(!report.segments.isEmpty)
            }
            sequences.append(record.sequence)
            return true
        }
        #expect(sequences == before.sequences)
        #expect(try await log.append(LogFixture.entry("61")) == .accepted(sequence: 61))
        #expect(try await log.append(LogFixture.entry(before.bodies[59])) == .duplicate(sequence: 60))
        await log.close()
    }

    @Test func `a damaged segment and the one before a damaged header stay as they are`() async throws {
        let fixture = LogFixture()
        let log = try await open(fixture, seed: 4)
        let segments = log.statistics.segments.map(\.segment)
        try #require(segments.count > 6)
        Files.patch(fixture.path(segments[1]), at: 400, 0)
        Files.patch(fixture.path(segments[4]), at: 30, 0)
        let before = try fixture.read()
        try #require(before.damages.count == 2)
        let report = try log.compressSealed()
        let left = [segments[1], segments[3], segments[4]]
        #expect(report.leftSegments == left && report.isComplete)
        #expect(report.segments == segments.dropLast().filter { !left.contains($0) })
        let after = try fixture.read()
        #expect(after.records == before.records && after.damages == before.damages)
        #expect(try log.compressSealed(leaving: Set(left)).leftSegments.isEmpty)
        await log.close()
    }

    @Test func `where both files are, the plain one counts until the next pass`() async throws {
        let fixture = LogFixture()
        let log = try await open(fixture, seed: 5)
        let before = try fixture.read()
        let plain = contents(fixture)
        _ = try log.compressSealed()
        let name = LogDirectory.name(ofSegment: 1)
        // What a crash leaves; and for the sake of the test it is another segment's content.
        Files.write(plain[name] ?? [], to: fixture.path(1))
        let other = log.statistics.segments[1].segment
        Files.write(Files.bytes(fixture.path(other) + ".zst"), to: fixture.path(1) + ".zst")
        #expect(try fixture.read().records == before.records)
        #expect(try log.compressSealed().segments == [1])
        #expect(!Files.names(fixture.directory).contains(name))
        #expect(try fixture.read().records == before.records)
        await log.close()
    }

    @Test func `a last segment that is compressed is written on all the same`() async throws {
        let fixture = LogFixture()
        let log = try await open(fixture, seed: 6)
        let before = try fixture.read()
        _ = try log.compressSealed()
        let last = try #require(log.statistics.segments.last?.segment)
        await log.close()
        Files.remove(fixture.path(last))
        let again = try fixture.open(CompressionTests.options())
        #expect(try await again.append(LogFixture.entry("61")) == .accepted(sequence: last))
        await again.close()
        #expect(try fixture.read().bodies == before.bodies.prefix(last - 1) + ["61"])
    }

    @Test func `a stopped log is compressed under its lock, and a pass cancelled before a segment leaves it plain`()
        async throws
    {
        let fixture = LogFixture()
        let log = try await open(fixture, seed: 11)
        let before = try fixture.read()
        let sealed = log.statistics.segments.map(\.segment).dropLast()
        await log.close()
        let lock = try LogLock.acquire(directory: fixture.directory)
        defer { lock.release() }
        let cancelled = try lock.compressSealed { _ in false }
        #expect(!cancelled.isComplete && cancelled.segments.isEmpty)
        #expect(!Files.names(fixture.directory).contains { $0.hasSuffix(".zst") })
        let report = try lock.compressSealed()
        #expect(report.isComplete && report.segments == Array(sealed))
        #expect(try fixture.read().records == before.records)
    }

    @Test func `the content of a compressed segment is what the plain one had, and a damaged frame is an error`()
        async throws
    {
        let fixture = LogFixture()
        let log = try await open(fixture, seed: 12)
        let plain = Files.bytes(fixture.path(1))
        _ = try log.compressSealed()
        await log.close()
        let path = fixture.path(1) + ".zst"
        let content = try SegmentContent(path)
        for (offset, count) in [(0, plain.count), (0, 1 << 20), (100, 50), (plain.count, 1), (plain.count + 9, 9)] {
            let bytes = try content.bytes(at: offset, count: count)
            #expect(bytes == Array(plain.dropFirst(offset).prefix(count)), "\(count) from \(offset)")
        }
        Files.patch(path, at: 20, ~Files.bytes(path)[20])
        let damaged = try SegmentContent(path)
        var error: SystemError?
        do throws(SystemError) { _ = try damaged.bytes(at: 0, count: plain.count) } catch let thrown { error = thrown }
        #expect(error?.number == EIO)
        do throws(SystemError) { _ = try SegmentContent(path + "-") } catch let thrown { error = thrown }
        #expect(error?.number == ENOENT)
    }

    /// Whether or not a crash left the plain file beside the compressed one.
    @Test(arguments: [false, true])
    func `erasing makes a segment plain, and leaves no copy of what was`(_ isCrashed: Bool) async throws {
        let fixture = LogFixture()
        let log = try await open(fixture, seed: 8)
        _ = try await log.append(LogFixture.entry(#"{"who":"\#(LogRun.name)"}"#))
        let held = log.durableEnd.segment
        for number in 100...140 { _ = try await log.append(LogFixture.entry("{\"n\":\(number)}")) }
        let before = try fixture.read()
        let plain = Files.bytes(fixture.path(held))
        let compressed = try log.compressSealed().segments
        try #require(compressed.contains(held))
        if isCrashed { Files.write(plain, to: fixture.path(held)) }
        let plan = try ErasurePlan(directory: fixture.directory) { _, body in
            let text = String(decoding: body, as: UTF8.self)
            return text.contains(LogRun.name) ? RecordErasure(texts: [8..<(8 + LogRun.name.utf8.count)]) : nil
        }
        try await log.erase(plan)
        let names = Files.names(fixture.directory)
        #expect(names.contains(LogDirectory.name(ofSegment: held)))
        #expect(names.count { $0.hasSuffix(".zst") } == compressed.count - 1)
        #expect(!names.contains(LogDirectory.name(ofCompressedSegment: held)))
        let after = try fixture.read()
        #expect(after.records.map(\.position) == before.records.map(\.position) && after.damages.isEmpty)
        #expect(!after.bodies.contains { $0.contains(LogRun.name) })
        #expect(try log.compressSealed().segments == [held])
        #expect(try fixture.read().records == after.records)
        await log.close()
    }

    /// Changes a bit of what is written to compressed files.
    private struct BadCopies: WrappingFileSystem {
        let base = PosixFileSystem()

        func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SystemError) -> Int {
            var changed = Array(bytes)
            let isFrame = changed.starts(with: [0x28, 0xb5, 0x2f, 0xfd])
            if isFrame { changed[changed.count / 2] ^= 1 }
            var outcome: Result<Int, SystemError> = .success(0)
            changed.withUnsafeBytes { pointer in
                do throws(SystemError) { outcome = .success(try base.write(descriptor, pointer, at: offset)) } catch {
                    outcome = .failure(error)
                }
            }
            return try outcome.get()
        }
    }

    @Test func `a compressed file that does not read as it should takes no segment's place`() async throws {
        let fixture = LogFixture()
        let log = try await open(fixture, seed: 7, fileSystem: BadCopies())
        let plain = contents(fixture)
        #expect {
            try log.compressSealed()
        } throws: {
            ($0 as? LogError)?.code == .unusable
        }
        #expect(contents(fixture) == plain)
        await log.close()
    }
}
