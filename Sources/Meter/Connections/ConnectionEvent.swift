import EventLog
import Wire

/// What the service says on the log about a connection, so that a replay tells that story too:
///
///     {"id","type":"connection-changed","happened_at","state","reason","since"}
///
/// `happened_at` is when the change was seen, and later than of the word before it, so that the latest event is the
/// latest condition also where the clock was set back; `since` is when the condition began, which may be earlier. Both
/// have milliseconds.
package enum ConnectionEvent {
    /// The word for a connection that is no longer there.
    package static let removedState = "removed"

    /// Of a connection that is added: with a key that has been accepted or not used yet, or with webhooks only.
    static func conditionWhenAdded(_ connection: Connection, isKeyAccepted: Bool = false) -> ConnectionCondition {
        typealias Reason = ConnectionCondition.Reason
        let reasonWithKey: String = isKeyAccepted ? Reason.keyAccepted : Reason.keyNotChecked
        return ConnectionCondition(
            state: .connected,
            reason: connection.apiKey == nil ? Reason.webhooksOnly : reasonWithKey,
            since: connection.addedAt
        )
    }

    static func changed(_ connection: String, to condition: ConnectionCondition, at now: Timestamp) -> LogEntry {
        entry(connection, state: condition.state.rawValue, reason: condition.reason, since: condition.since, at: now)
    }

    static func removed(_ connection: String, at now: Timestamp) -> LogEntry {
        entry(connection, state: removedState, reason: "removed_by_hand", since: now, at: now)
    }

    private static func entry(
        _ connection: String,
        state: String,
        reason: String,
        since: Timestamp,
        at now: Timestamp
    ) -> LogEntry {
        // The id is a function of what is said, so that saying it twice is one event.
        let identity = Identity.of("\(connection) \(state) \(reason) \(now.microseconds)")
        var json = JSONWriter()
        json.object { json in
            json.member("id", Identity.uuidString(identity))
            json.member("type", "connection-changed")
            json.member("happened_at", now.description)
            json.member("state", state)
            json.member("reason", reason)
            json.member("since", since.description)
        }
        return LogEntry(
            receivedAt: now,
            source: .meter,
            connection: connection,
            body: json.bytes,
            deduplicationKey: Identity.combine(Identity.of(connection), identity)
        )
    }
}
