import EventLog
import Glibc
import Synchronization
import Testing
import Wire

@Suite(.timeLimit(.minutes(5)))
struct TakeoverTests {
    /// Turns observations into something to await.
    private final class Observer: Sendable {
        let events: AsyncStream<LogObservation>
        private let continuation: AsyncStream<LogObservation>.Continuation

        init() { (events, continuation) = AsyncStream.makeStream() }

        var options: EventLog.Options {
            var options = EventLog.Options()
            options.takeoverRetryInterval = .milliseconds(10)
            options.observe = { [continuation] in continuation.yield($0) }
            return options
        }

        /// The segment of the next takeover.
        func takeover() async -> Int? {
            for await event in events {
                if case .tookOver(let segment) = event { return segment }
            }
            return nil
        }
    }

    private func body(_ index: Int) -> String { #"{"n":\#(index)}"# }

    private func expectUnavailable(_ log: EventLog, _ body: String) async {
        let error = await #expect(throws: LogError.self) { try await log.append(LogFixture.entry(body)) }
        #expect(error?.code == .unavailable)
        #expect(error?.cause != nil && error?.path != nil && error?.hint != nil)
    }

    @Test func aFullDiskIsLeftBehindWithoutTrafficOnceThereIsRoom() async throws {
        let fixture = LogFixture()
        let observer = Observer()
        let faulty = FaultyFileSystem()
        let log = try fixture.open(observer.options, fileSystem: faulty)
        for index in 1...3 { _ = try await log.append(LogFixture.entry(body(index))) }

        // Neither records nor new files find room.
        faulty.set(FaultyFileSystem.Fault(kind: .write, index: 0, isSticky: true, effect: .partial(20, ENOSPC)))
        await expectUnavailable(log, body(4))
        await expectUnavailable(log, body(5))
        // Without it no takeover would come, which is awaited below.
        try #require(log.statistics.activity?.failing?.cause?.isOutOfSpace == true)
        #expect(log.durableEnd.sequence == 3)
        // Readers go on.
        #expect(try Reading(directory: fixture.directory, through: log.durableEnd).sequences == [1, 2, 3])

        faulty.set(nil)
        #expect(await observer.takeover() == 4)
        #expect(log.statistics.activity?.failing == nil)
        #expect(try await log.append(LogFixture.entry(body(6))) == .accepted(sequence: 4))
        #expect(log.statistics.segments.map(\.segment) == [1, 4])
        await log.close()
        let reading = try fixture.read()
        #expect(reading.sequences == [1, 2, 3, 4])
        #expect(reading.bodies == [1, 2, 3, 6].map(body))
        #expect(reading.damages.isEmpty && reading.tornTail == nil)
    }

    @Test func recordsOfAFailedBatchAreVoid() async throws {
        let fixture = LogFixture()
        let observer = Observer()
        let faulty = FaultyFileSystem()
        let log = try fixture.open(observer.options, fileSystem: faulty)
        _ = try await log.append(LogFixture.entry(body(1)))
        faulty.set(FaultyFileSystem.Fault(kind: .synchronizeData, index: 0, isSticky: false, effect: .error(EIO)))
        await expectUnavailable(log, body(2))
        // The record is complete in the first segment, and was not acknowledged.
        #expect(String(decoding: Files.bytes(fixture.path(1)), as: UTF8.self).contains(body(2)))
        #expect(try await log.append(LogFixture.entry(body(3))) == .accepted(sequence: 2))
        await log.close()
        #expect(try fixture.read().bodies == [body(1), body(3)])
        let again = try fixture.open()
        #expect(again.recovery.damages.isEmpty && again.recovery.tornTail == nil)
        #expect(try await again.append(LogFixture.entry(body(2))) == .accepted(sequence: 3))
        await again.close()
        #expect(try fixture.read().bodies == [body(1), body(3), body(2)])
    }

    @Test func aSegmentThatNeverHeldARecordIsReplaced() async throws {
        let fixture = LogFixture()
        let observer = Observer()
        let faulty = FaultyFileSystem(
            FaultyFileSystem.Fault(kind: .synchronizeData, index: 0, isSticky: false, effect: .error(EIO))
        )
        let log = try fixture.open(observer.options, fileSystem: faulty)
        let header = Files.bytes(fixture.path(1))
        await expectUnavailable(log, body(1))
        #expect(await observer.takeover() == 1)
        #expect(Files.bytes(fixture.path(1)) == header)
        #expect(try await log.append(LogFixture.entry(body(2))) == .accepted(sequence: 1))
        #expect(log.statistics.segments.count == 1)
        await log.close()
        #expect(try fixture.read().bodies == [body(2)])
        #expect(Files.names(fixture.directory) == ["00000000000000000001.ndjson"])
    }

    @Test func aFailedSegmentIsNeverSyncedAgain() async throws {
        let fixture = LogFixture()
        let observer = Observer()
        let faulty = FaultyFileSystem()
        let log = try fixture.open(observer.options, fileSystem: faulty)
        _ = try await log.append(LogFixture.entry(body(1)))
        faulty.set(FaultyFileSystem.Fault(kind: .synchronizeData, index: 0, isSticky: false, effect: .error(EIO)))
        await expectUnavailable(log, body(2))
        let size = Files.bytes(fixture.path(1)).count
        for index in 3...5 { _ = try await log.append(LogFixture.entry(body(index))) }
        #expect(Files.bytes(fixture.path(1)).count == size)
        #expect(log.durableEnd.segment == 2)
        await log.close()
    }

    @Test func everyWaitingEntryFailsWithTheBatch() async throws {
        let fixture = LogFixture()
        let gate = GatedFileSystem()
        let observer = Observer()
        let log = try fixture.open(observer.options, fileSystem: gate)
        gate.hold(failing: EIO)
        var tasks = [Task { try await log.append(LogFixture.entry(body(1))) }]
        await waitUntil { gate.isWaiting }
        for index in 2...3 { tasks.append(Task { try await log.append(LogFixture.entry(body(index))) }) }
        await waitUntil { log.statistics.activity?.queuedCount == 3 }
        gate.release()
        for task in tasks {
            let error = await #expect(throws: LogError.self) { try await task.value }
            #expect(error?.code == .unavailable)
        }
        #expect(log.statistics.activity?.queuedBytes == 0)
        await log.close()
        #expect(try fixture.read().records.isEmpty)
    }
}
