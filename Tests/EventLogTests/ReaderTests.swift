import EventLog
import FakeCircleCI
import Glibc
import Testing
import Wire

struct ReaderTests {
    private func body(_ index: Int) -> String { #"{"n":\#(index)}"# }

    @Test func readingGoesOnFromEveryPosition() async throws {
        let fixture = LogFixture()
        var options = EventLog.Options()
        options.maximumSegmentBytes = 900
        let log = try fixture.open(options, fileSystem: UnsyncedFileSystem())
        var ends: [LogPosition] = []
        for index in 1...12 {
            _ = try await log.append(LogFixture.entry(body(index)))
            ends.append(log.durableEnd)
        }
        await log.close()
        let all = try fixture.read()
        #expect(all.records.map(\.position) == ends)
        for (index, position) in ends.enumerated() {
            let rest = try Reading(directory: fixture.directory, after: position)
            #expect(rest.sequences == Array((index + 2)..<13))
            #expect(rest.end == ends.last)
            #expect(rest.damages.isEmpty)
            for (last, end) in ends.enumerated() {
                let part = try Reading(directory: fixture.directory, after: position, through: end)
                #expect(part.sequences == (last > index ? Array((index + 2)...(last + 1)) : []))
                #expect(part.end == (last > index ? end : position))
                #expect(part.damages.isEmpty && part.tornTail == nil)
            }
        }
    }

    @Test func aPositionOfAnotherLogIsNotFound() async throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        for index in 1...3 { _ = try await log.append(LogFixture.entry(body(index))) }
        let end = log.durableEnd
        await log.close()
        var positions = Array(repeating: end, count: 6)
        positions[0].crc ^= 1
        positions[1].offset -= 1
        positions[2].offset += 1
        positions[3].segment = 2
        positions[4].sequence = 2
        positions[5].offset = 1 << 40
        for position in positions {
            let error = #expect(throws: LogError.self) { try Reading(directory: fixture.directory, after: position) }
            #expect(error?.code == .positionNotFound)
        }
    }

    @Test func aPositionInVoidBytesIsNotFound() async throws {
        let fixture = LogFixture()
        let faulty = FaultyFileSystem()
        let log = try fixture.open(fileSystem: faulty)
        _ = try await log.append(LogFixture.entry(body(1)))
        faulty.set(FaultyFileSystem.Fault(kind: .synchronizeData, index: 0, isSticky: false, effect: .error(5)))
        await #expect(throws: LogError.self) { try await log.append(LogFixture.entry(body(2))) }
        // A reader without an end has seen the record that became void.
        let copy = LogFixture()
        mkdir(copy.directory, 0o700)
        Files.write(Files.bytes(fixture.path(1)), to: copy.path(1))
        let void = try #require(try copy.read().end)
        #expect(void.sequence == 2)
        _ = try await log.append(LogFixture.entry(body(3)))
        let error = #expect(throws: LogError.self) { try Reading(directory: fixture.directory, after: void) }
        #expect(error?.code == .positionNotFound)
        await log.close()
    }

    @Test func aReaderFollowsAWriter() async throws {
        let fixture = LogFixture()
        var options = EventLog.Options()
        options.maximumSegmentBytes = 4_000
        let log = try fixture.open(options)
        let count = 200
        async let writing: Void = {
            for index in 1...count { _ = try await log.append(LogFixture.entry(body(index))) }
        }()
        var position: LogPosition?
        var sequences: [Int] = []
        for await end in log.advances() {
            let reading = try Reading(directory: fixture.directory, after: position, through: end)
            #expect(reading.damages.isEmpty && reading.tornTail == nil)
            sequences += reading.sequences
            position = reading.end
            #expect((position?.sequence ?? 0) == end.sequence)
            if end.sequence == count { break }
        }
        try await writing
        #expect(sequences == Array(1...count))
        await log.close()
    }

    @Test func linesLongerThanAChunkAreRead() async throws {
        let seed = UInt64.random(in: 0..<1_000_000)
        var generator = SeededGenerator(seed: seed)
        let fixture = LogFixture()
        let log = try fixture.open(fileSystem: UnsyncedFileSystem())
        var bodies: [String] = []
        for count in [10, 1 << 20, 3 << 20, 20, (1 << 20) - 180, 5 << 20, 7] {
            let letter = ["a", "b", "c"].randomElement(using: &generator) ?? "a"
            bodies.append("\"\(String(repeating: letter, count: count))\"")
        }
        for body in bodies { _ = try await log.append(LogFixture.entry(body)) }
        await log.close()
        #expect(try fixture.read().bodies == bodies, "seed \(seed)")
    }

    @Test func readingStopsWhenTold() async throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        for index in 1...3 { _ = try await log.append(LogFixture.entry(body(index))) }
        await log.close()
        let reached = try LogReader(directory: fixture.directory).read(after: nil) { item in
            guard case .record(let record) = item else { return true }
            return record.sequence < 2
        }
        #expect(reached?.sequence == 2)
    }

    @Test func theVerifierCountsReportsAndCanBeCancelled() async throws {
        let fixture = LogFixture()
        var options = EventLog.Options()
        options.maximumSegmentBytes = 6 << 20
        let log = try fixture.open(options, fileSystem: UnsyncedFileSystem())
        let text = String(repeating: "x", count: 1 << 20)
        for index in 1...12 { _ = try await log.append(LogFixture.entry("\"\(index)\(text)\"")) }
        await log.close()
        let verifier = LogVerifier(directory: fixture.directory)
        var told: [LogProgress] = []
        var inspected = 0
        let whole = try verifier.verify(
            progress: {
                told.append($0)
                return true
            },
            inspect: { _ in inspected += 1 }
        )
        #expect(whole.isIntact)
        #expect(whole.recordCount == 12 && whole.batchCount == 12 && inspected == 12)
        #expect(whole.segmentCount == 3)
        #expect(whole.firstReceivedAt == LogFixture.time && whole.lastReceivedAt == LogFixture.time)
        #expect(told.count > 2 && told.last?.doneBytes == whole.byteCount)
        #expect(told.map(\.doneBytes) == told.map(\.doneBytes).sorted())
        let statistics = try LogStatistics.read(directory: fixture.directory)
        #expect(statistics.byteCount == whole.byteCount && statistics.recordCount == 12)
        #expect(statistics.segments == log.statistics.segments)

        let cancelled = try verifier.verify(progress: { _ in false })
        #expect(!cancelled.isComplete && cancelled.recordCount < 12)

        var bytes = Files.bytes(fixture.path(1))
        bytes[2_000_000] ^= 1
        Files.write(bytes, to: fixture.path(1))
        let damaged = try verifier.verify()
        #expect(!damaged.isIntact && damaged.recordCount == 11)
        #expect(damaged.damages.map(\.line) == [3])
        #expect(damaged.damages.map(\.sequences) == [2...2])
    }
}
