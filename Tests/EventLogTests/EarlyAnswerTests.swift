import EventLog
import Glibc
import Synchronization
import Testing

/// Answers that could come before their time, or never where they should come at once.
struct EarlyAnswerTests {
    private final class Flag: Sendable {
        private let value = Mutex(false)

        var isRaised: Bool { value.withLock { $0 } }

        func raise() { value.withLock { $0 = true } }
    }

    @Test func `a duplicate of an entry in flight is answered with it, not before`() async throws {
        let fixture = LogFixture()
        let gate = GatedFileSystem()
        var options = EventLog.Options()
        options.takeoverRetryInterval = .zero
        let log = try fixture.open(options, fileSystem: gate)
        gate.hold(failing: EIO)
        let first = Task { try await log.append(LogFixture.entry("1")) }
        await waitUntil { gate.isWaiting }
        let answered = Flag()
        let second = Task {
            defer { answered.raise() }
            return try await log.append(LogFixture.entry("1"))
        }
        await waitUntil { log.statistics.activity?.duplicateWaiterCount == 1 || answered.isRaised }
        #expect(!answered.isRaised)
        gate.release()
        for task in [first, second] { await #expect(throws: LogError.self) { try await task.value } }
        // The failed entry has claimed nothing: sent again it is new.
        #expect(try await log.append(LogFixture.entry("1")) == .accepted(sequence: 1))
        await log.close()
    }

    @Test func `what finds the queue full is refused at once`() async throws {
        let fixture = LogFixture()
        let gate = GatedFileSystem()
        var options = EventLog.Options()
        options.maximumQueuedBytes = 1_000
        let log = try fixture.open(options, fileSystem: gate)
        gate.hold()
        let first = Task { try await log.append(LogFixture.entry("\"\(String(repeating: "x", count: 2_000))\"")) }
        await waitUntil { gate.isWaiting }
        let answered = Flag()
        let second = Task {
            defer { answered.raise() }
            return try await log.append(LogFixture.entry("2"))
        }
        await waitUntil { log.statistics.activity?.queuedCount == 2 || answered.isRaised }
        #expect(answered.isRaised)
        gate.release()
        #expect(try await first.value == .accepted(sequence: 1))
        let error = await #expect(throws: LogError.self) { try await second.value }
        #expect(error?.code == .queueFull)
        await log.close()
    }
}
