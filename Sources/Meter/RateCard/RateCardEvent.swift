import CircleCI
import EventLog
import Usage
import Wire

/// That another rate card counts from now on, as the service says it on the log.
enum RateCardEvent {
    /// A rate card is no connection's, and a record names one.
    static let connection = "meter"

    /// - Parameter now: when it was changed.
    static func entry(_ card: RateCard, at now: Timestamp) -> LogEntry {
        let content = RateCardScanner.text(of: card)
        let identity = content.withUnsafeBytes { bytes in
            Identity.combine(Identity.of("rate-card-changed \(now)"), Identity.of(bytes))
        }
        var json = JSONWriter()
        json.object { json in
            json.member("id", Identity.uuidString(identity))
            json.member("type", "rate-card-changed")
            json.member("happened_at", now.description)
            json.name("rate_card")
            json.raw(content)
        }
        return LogEntry(receivedAt: now, source: .meter, connection: connection, body: json.bytes, isKnownJSON: true)
    }
}
