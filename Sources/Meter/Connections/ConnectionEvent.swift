import EventLog
import Wire

/// What the service says on the log about a connection, so that a replay tells that story too.
enum ConnectionEvent {
    /// A connection that takes webhooks and has no key for the API.
    static func added(_ connection: Connection) -> LogEntry {
        changed(connection.id, state: "connected", reason: "webhooks_only", at: connection.addedAt)
    }

    private static func changed(_ connection: String, state: String, reason: String, at now: Timestamp) -> LogEntry {
        // The id is a function of what is said, so that saying it twice is one event.
        let identity = Identity.of("\(connection) \(state) \(reason) \(now.microseconds)")
        var json = JSONWriter()
        json.object { json in
            json.member("id", Identity.uuidString(identity))
            json.member("type", "connection-changed")
            json.member("happened_at", now.description)
            json.member("state", state)
            json.member("reason", reason)
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
