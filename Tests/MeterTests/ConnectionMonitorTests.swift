import CircleCI
import EventLog
import Foundation
import Logging
import Synchronization
import Testing
import Wire

@testable import Meter

/// A log in memory that can refuse, and a clock.
final class RecordedEvents: Sendable {
    private struct State {
        var entries: [LogEntry] = []
        var isRefusing = false
        var now = Timestamp("2026-11-22T08:00:00Z")!
        var notices: [Notice] = []
    }

    private let state = Mutex(State())

    var entries: [LogEntry] { state.withLock { $0.entries } }
    var notices: [Notice] { state.withLock { $0.notices } }
    var now: Timestamp { state.withLock { $0.now } }

    /// `state reason`, in the order of the log.
    var said: [String] { entries.map { "\(Self.member("state", $0)) \(Self.member("reason", $0))" } }

    func refuse(_ isRefusing: Bool) { state.withLock { $0.isRefusing = isRefusing } }

    func advance(seconds: Int64) { state.withLock { $0.now = $0.now.adding(wholeSeconds: seconds) } }

    func append(_ entry: LogEntry) throws {
        try state.withLock { state in
            if state.isRefusing { throw MeterError(.unwritableFile, "made up") }
            state.entries.append(entry)
        }
    }

    func notify(_ notice: Notice) { state.withLock { $0.notices.append(notice) } }

    static func member(_ name: String, _ entry: LogEntry) -> String {
        let object = (try? JSONSerialization.jsonObject(with: Data(entry.body))) as? [String: Any]
        return object?[name] as? String ?? "?"
    }

    func monitor() -> ConnectionMonitor {
        ConnectionMonitor(
            append: { [self] in try append($0) },
            notify: { [self] in notify($0) },
            now: { [self] in now },
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        )
    }
}

func testConnection(_ id: String = "acme", apiKey: String? = "key-one", keyExpires: Day? = nil) throws -> Connection {
    try Connection(
        id: id,
        organization: "gh/acme",
        webhookSecrets: [.init(Secret(Array("hunter123-is-secret".utf8)))],
        addedAt: Timestamp("2026-11-01T00:00:00Z")!,
        apiKey: apiKey.map { Secret(Array($0.utf8)) },
        keyExpires: keyExpires
    )
}

@Suite("The monitor of connections")
struct ConnectionMonitorTests {
    private let events = RecordedEvents()

    @Test("Each change is one event, with the time of the change and the beginning of the condition")
    func changes() async throws {
        let monitor = events.monitor()
        await monitor.track(try testConnection(), said: nil)
        await monitor.observe(.keyAccepted, of: "acme")
        await monitor.observe(.keyAccepted, of: "acme")
        events.advance(seconds: 60)
        await monitor.observe(.keyRejected, of: "acme")
        events.advance(seconds: 5)
        await monitor.observe(.keyRejected, of: "acme")
        #expect(events.said == ["connected key_accepted", "reconnect_required rejected"])
        let last = try #require(events.entries.last)
        #expect(last.source == .meter)
        #expect(last.connection == "acme")
        #expect(RecordedEvents.member("type", last) == "connection-changed")
        #expect(RecordedEvents.member("happened_at", last) == "2026-11-22T08:01:05.000Z")
        #expect(RecordedEvents.member("since", last) == "2026-11-22T08:01:00.000Z")
        #expect(Set(events.entries.map(\.deduplicationKey)).count == 2)
        #expect(await monitor.condition(of: "acme")?.state == .reconnectRequired)
        #expect(events.notices.map(\.kind) == [.reconnectRequired])
    }

    @Test(
        "The latest word has the latest time, also where the clock is set back, in one millisecond, and after a restart"
    )
    func clockSetBack() async throws {
        let monitor = events.monitor()
        await monitor.track(try testConnection(), said: nil)
        await monitor.observe(.keyAccepted, of: "acme")
        events.advance(seconds: -30 * 3600)
        await monitor.observe([.keyRejected, .keyRejected], of: "acme")
        await monitor.observe(.keyAccepted, of: "acme")
        #expect(await monitor.timeToSay(of: "acme") == Timestamp("2026-11-22T08:00:00.003Z"))
        #expect(events.said == ["connected key_accepted", "reconnect_required rejected", "connected key_accepted"])
        #expect(
            events.entries.map { RecordedEvents.member("happened_at", $0) } == [
                "2026-11-22T08:00:00.000Z", "2026-11-22T08:00:00.001Z", "2026-11-22T08:00:00.002Z",
            ]
        )
        // The condition began when it began, as far as the clock can tell.
        #expect(
            events.entries.dropFirst().map { RecordedEvents.member("since", $0) } == [
                "2026-11-21T02:00:00.000Z", "2026-11-21T02:00:00.000Z",
            ]
        )
        let restarted = events.monitor()
        await restarted.remember(["acme": SaidCondition(nil, at: Timestamp("2026-11-22T09:00:00Z")!)])
        await restarted.track(try testConnection(), said: nil)
        await restarted.observe(.keyAccepted, of: "acme")
        #expect(events.entries.last.map { RecordedEvents.member("happened_at", $0) } == "2026-11-22T09:00:00.001Z")
    }

    @Test("What the log refused is said with the next observation, in order and with its own time")
    func refused() async throws {
        let monitor = events.monitor()
        await monitor.track(try testConnection(), said: nil)
        events.refuse(true)
        await monitor.observe(.keyAccepted, of: "acme")
        events.advance(seconds: 60)
        await monitor.observe(.projectLost("github/acme/web"), of: "acme")
        #expect(events.entries.isEmpty)
        events.advance(seconds: 60)
        events.refuse(false)
        await monitor.observe(.timePassed, of: "acme")
        #expect(events.said == ["connected key_accepted", "limited projects_gone"])
        #expect(
            events.entries.map { RecordedEvents.member("happened_at", $0) } == [
                "2026-11-22T08:00:00.000Z", "2026-11-22T08:01:00.000Z",
            ]
        )
        await monitor.tick()
        #expect(events.entries.count == 2)
    }

    @Test("What was said before a restart is not said again; a step that passed meanwhile is")
    func restart() async throws {
        let said = ConnectionCondition(
            state: .expiring,
            reason: "key_expires_in_30_days",
            since: Timestamp("2026-11-10T00:00:00Z")!
        )
        let monitor = events.monitor()
        await monitor.track(try testConnection(keyExpires: Day("2026-12-20")), said: said)
        await monitor.observe([.keyAccepted, .callSucceeded], of: "acme")
        #expect(events.entries.isEmpty)
        #expect(events.notices.isEmpty)
        await monitor.track(try testConnection(keyExpires: Day("2026-12-01")), said: said)
        await monitor.tick()
        #expect(events.said == ["expiring key_expires_in_15_days"])
        #expect(events.notices.map(\.daysLeft) == [9])
    }

    @Test("Several observations together are one change")
    func together() async throws {
        let monitor = events.monitor()
        let dead = ConnectionCondition(state: .reconnectRequired, reason: "rejected", since: events.now)
        await monitor.track(try testConnection(), said: dead)
        events.advance(seconds: 60)
        await monitor.observe([.keyReplaced(expires: nil), .keyAccepted, .callSucceeded], of: "acme")
        #expect(events.said == ["connected key_accepted"])
        #expect(events.notices.map(\.kind) == [.recovered])
    }

    @Test("Subscribers hear each change; an unknown connection is passed over")
    func subscribers() async throws {
        let monitor = events.monitor()
        await monitor.track(try testConnection(), said: nil)
        var changes = await monitor.changes().makeAsyncIterator()
        await monitor.observe(.keyAccepted, of: "nobody")
        await monitor.observe(.callFailed(CircleCIError(.rateLimited, "made up")), of: "acme")
        #expect(await changes.next()?.condition.state == .rateLimited)
        await monitor.forget("acme")
        await monitor.observe(.keyAccepted, of: "acme")
        #expect(events.said == ["rate_limited too_many_calls"])
        #expect(await monitor.all.isEmpty)
    }

    @Test("Observations from many tasks: the log ends with what holds, and never repeats itself")
    func manyTasks() async throws {
        let monitor = events.monitor()
        await monitor.track(try testConnection(), said: nil)
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<200 {
                group.addTask {
                    await monitor.observe(index % 3 == 0 ? .projectLost("p") : .projectFound("p"), of: "acme")
                }
            }
        }
        let condition = try #require(await monitor.condition(of: "acme"))
        let said = events.said
        #expect(said.last == "\(condition.state.rawValue) \(condition.reason)")
        #expect(zip(said, said.dropFirst()).allSatisfy { $0 != $1 })
    }
}
