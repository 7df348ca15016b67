package import EventLog
package import Logging
import Synchronization
package import Wire

/// Knows the health of every connection, and says each change of state or reason: on the log, to people, and to who
/// asked to be told.
///
/// The order of saying is the order of happening, for each connection. What the log would not take is said with the
/// next observation, with the time at which it happened.
package actor ConnectionMonitor {
    private struct Entry {
        var health: ConnectionHealth
        var policy: NoticePolicy
        /// What was said last, or is about to be.
        var said: ConnectionCondition?
        var unsaid: [ConnectionChange] = []
        var saying: Task<Void, Never>?
    }

    /// Changes of one connection that wait for the log; beyond, the oldest are given up.
    static let maximumUnsaidCount = 1000

    private let append: @Sendable (LogEntry) async throws -> Void
    private let notify: @Sendable (Notice) -> Void
    private let now: @Sendable () -> Timestamp
    private let logger: Logger
    private var entries: [String: Entry] = [:]
    /// The time under which something was said last of a connection, also of one that is gone.
    private var saidAt: [String: Timestamp] = [:]
    private var subscribers: [Int: AsyncStream<ConnectionChange>.Continuation] = [:]
    private var subscriberCount = 0

    /// - Parameters:
    ///   - append: Makes an entry durable on the log.
    ///   - notify: Sends a notice; must not block. ``NoticeSender/send(_:)``.
    package init(
        append: @escaping @Sendable (LogEntry) async throws -> Void,
        notify: @escaping @Sendable (Notice) -> Void,
        now: @escaping @Sendable () -> Timestamp,
        logger: Logger
    ) {
        self.append = append
        self.notify = notify
        self.now = now
        self.logger = logger
    }

    /// Begins with a connection, or begins anew with one that has changed.
    ///
    /// - Parameter said: The last condition on the log; nil where there is none: the first observation says one then.
    package func track(_ connection: Connection, said: ConnectionCondition?) {
        let health = ConnectionHealth(
            hasKey: connection.apiKey != nil,
            keyExpires: connection.keyExpires,
            restored: said,
            at: now()
        )
        var policy = NoticePolicy(restored: said, at: now())
        // What stood in the shadow of a worse condition was told before the restart.
        if let said, said.state > .expiring { _ = policy.notices(of: connection.id, health: health, at: now()) }
        entries[connection.id] = Entry(health: health, policy: policy, said: said)
    }

    /// Of what stands on the log already, whether or not the connection is there still.
    package func remember(_ said: [String: SaidCondition]) {
        for (connection, said) in said { saidAt[connection] = max(said.at, saidAt[connection] ?? said.at) }
    }

    /// The time under which the next word of a connection goes onto the log, later than of the one before it.
    package func timeToSay(of connection: String) -> Timestamp {
        let at = Timestamp.ofWord(at: now(), after: saidAt[connection])
        saidAt[connection] = at
        return at
    }

    /// Ends with a connection. What has not been said of it is not said any more.
    package func forget(_ connection: String) {
        entries[connection] = nil
    }

    /// Takes in what was learned, in that order, as one change; returns when what changed is on the log or was refused
    /// by it. An unknown connection is passed over.
    package func observe(_ observations: [ConnectionObservation], of connection: String) async {
        guard var entry = entries[connection] else { return }
        let now = now()
        for observation in observations { entry.health.observe(observation, at: now) }
        let condition = entry.health.condition
        if entry.said.map({ !condition.isSame(as: $0) }) ?? true {
            entry.said = condition
            let change = ConnectionChange(
                connection: connection,
                condition: condition,
                happenedAt: timeToSay(of: connection)
            )
            if entry.unsaid.count >= ConnectionMonitor.maximumUnsaidCount { entry.unsaid.removeFirst() }
            entry.unsaid.append(change)
            for subscriber in subscribers.values { subscriber.yield(change) }
        }
        let notices = entry.policy.notices(of: connection, health: entry.health, at: now)
        entries[connection] = entry
        for notice in notices { notify(notice) }
        await say(connection)
    }

    package func observe(_ observation: ConnectionObservation, of connection: String) async {
        await observe([observation], of: connection)
    }

    /// Lets the time pass for every connection: expiry is counted down, and what the log refused is said again.
    package func tick() async {
        for connection in entries.keys.sorted() { await observe(.timePassed, of: connection) }
    }

    package func condition(of connection: String) -> ConnectionCondition? { entries[connection]?.health.condition }

    package func health(of connection: String) -> ConnectionHealth? { entries[connection]?.health }

    /// Every connection's health, by id.
    package var all: [String: ConnectionHealth] { entries.mapValues(\.health) }

    /// Changes of state or reason from now on. A reader that is slow loses the oldest.
    package func changes() -> AsyncStream<ConnectionChange> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: ConnectionChange.self,
            bufferingPolicy: .bufferingNewest(256)
        )
        subscriberCount += 1
        let number = subscriberCount
        subscribers[number] = continuation
        continuation.onTermination = { [weak self] _ in
            Task { [weak self] in await self?.unsubscribe(number) }
        }
        return stream
    }

    private func unsubscribe(_ number: Int) {
        subscribers[number] = nil
    }

    /// Waits until nothing is unsaid or the log has refused. One task says for all who wait: several at once would mix
    /// up the order, and one that is cancelled must not take the change with it.
    private func say(_ connection: String) async {
        guard let entry = entries[connection], !entry.unsaid.isEmpty else { return }
        let saying = entry.saying ?? Task { await sayUnsaid(connection) }
        entries[connection]?.saying = saying
        await saying.value
    }

    private func sayUnsaid(_ connection: String) async {
        while let change = entries[connection]?.unsaid.first {
            do {
                try await append(ConnectionEvent.changed(connection, to: change.condition, at: change.happenedAt))
            } catch {
                logger.error(
                    "a change of a connection is not on the log yet",
                    metadata: ["connection": "\(connection)", "error": "\(error)"]
                )
                break
            }
            if entries[connection]?.unsaid.first == change { entries[connection]?.unsaid.removeFirst() }
        }
        entries[connection]?.saying = nil
    }
}

/// A change of a connection's state or reason.
package struct ConnectionChange: Hashable, Sendable {
    package let connection: String
    package let condition: ConnectionCondition
    /// When it was seen; where the clock was set back meanwhile, right behind the change before it.
    package let happenedAt: Timestamp
}
