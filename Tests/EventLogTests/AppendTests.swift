import EventLog
import Glibc
import TestSupport
import Testing
import Wire

@Suite(.timeLimit(.minutes(5)))
struct AppendTests {
    @Test func concurrentAppendsShareASyncAndABatch() async throws {
        let fixture = LogFixture()
        let gate = GatedFileSystem()
        let log = try fixture.open(fileSystem: gate)
        gate.hold()
        try await withThrowingTaskGroup(of: AppendOutcome.self) { group in
            group.addTask { try await log.append(LogFixture.entry("0")) }
            await waitUntil { gate.isWaiting }
            for index in 1...64 { group.addTask { try await log.append(LogFixture.entry("\(index)")) } }
            await waitUntil { log.statistics.activity?.queuedCount == 65 }
            #expect(log.durableEnd == .start)
            gate.release()
            var sequences: Set<Int> = []
            for try await outcome in group {
                guard case .accepted(let sequence) = outcome else {
                    Issue.record("\(outcome)")
                    continue
                }
                sequences.insert(sequence)
            }
            #expect(sequences == Set(1...65))
        }
        #expect(log.statistics.activity?.syncCount == 2)
        await log.close()
        let reading = try fixture.read()
        #expect(reading.records.map(\.batch) == [1] + Array(repeating: 2, count: 64))
        #expect(Set(reading.bodies) == Set((0...64).map(String.init)))
    }

    @Test func `entries that go together are answered when the last of them is durable, and share syncs`() async throws
    {
        let fixture = LogFixture()
        let gate = GatedFileSystem()
        let log = try fixture.open(fileSystem: gate)
        gate.hold()
        let task = Task { try await log.append((0..<300).map { LogFixture.entry("\($0)") }) }
        await waitUntil { gate.isWaiting && log.statistics.activity?.queuedCount == 300 }
        #expect(log.durableEnd == .start)
        gate.release()
        try await task.value
        #expect(log.durableEnd.sequence == 300)
        #expect(log.statistics.activity?.syncCount ?? 9 <= 2)
        try await log.append([])
        await log.close()
        #expect(try fixture.read().bodies == (0..<300).map(String.init))
    }

    @Test func `of entries that go together, one that is not on the log is an error`() async throws {
        let log = try LogFixture().open()
        var wrong = LogFixture.entry("2")
        wrong.connection = "Not an id"
        let error = await #expect(throws: LogError.self) {
            try await log.append([LogFixture.entry("1"), wrong, LogFixture.entry("3")])
        }
        #expect(error?.code == .invalidEntry)
        #expect(log.durableEnd.sequence == 2)
        await log.close()
    }

    @Test func nothingIsAnsweredWhileItsSyncIsUnderWay() async throws {
        let gate = GatedFileSystem()
        let log = try LogFixture().open(fileSystem: gate)
        gate.hold()
        let first = Task { try await log.append(LogFixture.entry("1")) }
        await waitUntil { gate.isWaiting }
        #expect(log.durableEnd == .start)
        #expect(log.statistics.activity?.queuedCount == 1)
        #expect(log.statistics.activity?.appendedCount == 0)
        gate.release()
        #expect(try await first.value == .accepted(sequence: 1))
        await log.close()
    }

    @Test func anAcknowledgementComesAfterASyncThatCoversItsRecord() async throws {
        let fixture = LogFixture()
        let faulty = FaultyFileSystem()
        let log = try fixture.open(fileSystem: faulty)
        await withTaskGroup(of: Void.self) { group in
            for caller in 0..<8 {
                group.addTask {
                    for index in 0..<8 {
                        let body = "[\(caller),\(index)]"
                        let outcome = try? await log.append(LogFixture.entry(body))
                        guard case .accepted(let sequence)? = outcome else {
                            Issue.record("\(body) was not accepted")
                            return
                        }
                        // What is on disk for certain, at the moment of the answer.
                        let synced = faulty.disk.synced(fixture.path(1))
                        let text = String(decoding: synced, as: UTF8.self)
                        #expect(text.contains(#"{"sequence":\#(sequence),"#) && text.contains(body))
                    }
                }
            }
        }
        await log.close()
    }

    @Test func aDuplicateOfAnEntryInFlightGetsItsAnswer() async throws {
        let fixture = LogFixture()
        let gate = GatedFileSystem()
        let log = try fixture.open(fileSystem: gate)
        gate.hold()
        async let first = log.append(LogFixture.entry("1"))
        await waitUntil { gate.isWaiting }
        async let second = log.append(LogFixture.entry("1"))
        async let other = log.append(LogFixture.entry("2"))
        await waitUntil { log.statistics.activity?.queuedCount == 2 }
        gate.release()
        #expect(try await first == .accepted(sequence: 1))
        #expect(try await second == .duplicate(sequence: 1))
        #expect(try await other == .accepted(sequence: 2))
        #expect(try await log.append(LogFixture.entry("2")) == .duplicate(sequence: 2))
        #expect(log.statistics.activity?.duplicateCount == 2)
        await log.close()
        #expect(try fixture.read().bodies == ["1", "2"])
    }

    @Test func aDuplicateOfAnEntryInFlightFailsWithIt() async throws {
        let fixture = LogFixture()
        let gate = GatedFileSystem()
        var options = EventLog.Options()
        options.takeoverRetryInterval = .zero
        let log = try fixture.open(options, fileSystem: gate)
        gate.hold(failing: EIO)
        let first = Task { try await log.append(LogFixture.entry("1")) }
        await waitUntil { gate.isWaiting }
        let second = Task { try await log.append(LogFixture.entry("1")) }
        await waitUntil { log.statistics.activity?.duplicateWaiterCount == 1 }
        gate.release()
        for task in [first, second] {
            let error = await #expect(throws: LogError.self) { try await task.value }
            #expect(error?.code == .unavailable)
        }
        // The failed entry has claimed nothing: sent again it is new.
        #expect(try await log.append(LogFixture.entry("1")) == .accepted(sequence: 1))
        await log.close()
    }

    @Test func theWindowIsFilledFromTheLastTwoSegments() async throws {
        let fixture = LogFixture()
        var options = EventLog.Options()
        options.maximumSegmentBytes = 700
        let first = try fixture.open(options)
        for index in 1...9 { _ = try await first.append(LogFixture.entry("\(index)")) }
        await first.close()
        let segments = Files.names(fixture.directory).compactMap { Int($0.prefix(20)) }
        try #require(segments.count > 2)
        let known = segments[segments.count - 2]
        let second = try fixture.open(options)
        #expect(second.recovery.keysLoaded == 10 - known)
        #expect(try await second.append(LogFixture.entry("\(known)")) == .duplicate(sequence: known))
        #expect(try await second.append(LogFixture.entry("\(known - 1)")) == .accepted(sequence: 10))
        await second.close()
    }

    @Test func theOldestKeyLeavesAFullWindow() async throws {
        let fixture = LogFixture()
        var options = EventLog.Options()
        options.deduplicationWindowCount = 2
        let log = try fixture.open(options)
        for index in 1...3 { _ = try await log.append(LogFixture.entry("\(index)")) }
        #expect(try await log.append(LogFixture.entry("3")) == .duplicate(sequence: 3))
        #expect(try await log.append(LogFixture.entry("2")) == .duplicate(sequence: 2))
        #expect(try await log.append(LogFixture.entry("1")) == .accepted(sequence: 4))
        await log.close()
    }

    @Test func theQueueIsBoundedInBytes() async throws {
        let fixture = LogFixture()
        let gate = GatedFileSystem()
        var options = EventLog.Options()
        options.maximumQueuedBytes = 1_000
        let log = try fixture.open(options, fileSystem: gate)
        gate.hold()
        // Larger than the bound, but alone.
        async let first = log.append(LogFixture.entry("\"\(String(repeating: "x", count: 2_000))\""))
        await waitUntil { gate.isWaiting }
        do throws(LogError) {
            Issue.record("\(try await log.append(LogFixture.entry("2")))")
        } catch {
            #expect(error.code == .queueFull)
        }
        gate.release()
        #expect(try await first == .accepted(sequence: 1))
        #expect(try await log.append(LogFixture.entry("2")) == .accepted(sequence: 2))
        await log.close()
    }

    @Test func onlyOneProcessWrites() async throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        do throws(LogError) {
            _ = try fixture.open()
            Issue.record("The log was opened twice")
        } catch {
            #expect(error.code == .locked)
            #expect(error.path == fixture.directory)
            #expect(error.hint?.contains("running") == true)
        }
        await log.close()
        let again = try fixture.open()
        await again.close()
    }

    @Test func filesAndDirectoriesAreForTheOwnerAlone() async throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        await log.close()
        #expect(Files.mode(fixture.directory) == 0o700)
        #expect(Files.mode(fixture.path(1)) == 0o600)
    }

    @Test func whatWaitsWhenTheLogClosesIsWritten() async throws {
        let fixture = LogFixture()
        let gate = GatedFileSystem()
        let log = try fixture.open(fileSystem: gate)
        gate.hold()
        let first = Task { try await log.append(LogFixture.entry("1")) }
        await waitUntil { gate.isWaiting }
        let second = Task { try await log.append(LogFixture.entry("2")) }
        await waitUntil { log.statistics.activity?.queuedCount == 2 }
        async let closing: Void = log.close()
        gate.release()
        await closing
        #expect(try await first.value == .accepted(sequence: 1))
        #expect(try await second.value == .accepted(sequence: 2))
        #expect(try fixture.read().bodies == ["1", "2"])
    }

    @Test func aClosedLogRefusesEntries() async throws {
        let log = try LogFixture().open()
        await log.close()
        await log.close()
        do throws(LogError) {
            Issue.record("\(try await log.append(LogFixture.entry("1")))")
        } catch {
            #expect(error.code == .closed)
        }
    }

    @Test func theDurableEndAdvancesForEverySubscriberAndEndsWithTheLog() async throws {
        let log = try LogFixture().open()
        let streams = [log.advances(), log.advances()]
        _ = try await log.append(LogFixture.entry("1"))
        _ = try await log.append(LogFixture.entry("2"))
        for stream in streams {
            var iterator = stream.makeAsyncIterator()
            #expect(await iterator.next()?.sequence == 2)
        }
        await log.close()
        for stream in streams { for await _ in stream { Issue.record("An advance after the end") } }
        var late: [Int] = []
        for await position in log.advances() { late.append(position.sequence) }
        #expect(late == [2])
    }
}
