import Synchronization
import Wire

/// Values behind random texts that nobody can guess, each until it expires: sessions and links to sign in. Of the texts
/// only digests are kept. Bounded: where it is full, the ticket that expires first makes room.
final class Tickets<Value: Sendable>: Sendable {
    private struct Ticket {
        var value: Value
        var expires: Timestamp
    }

    private let lifetimeSeconds: Int64
    private let maximumCount: Int
    private let tickets = Mutex<[[UInt8]: Ticket]>([:])

    init(lifetimeSeconds: Int64, maximumCount: Int) {
        self.lifetimeSeconds = lifetimeSeconds
        self.maximumCount = maximumCount
    }

    /// A new text, 64 hexadecimal digits.
    func issue(_ value: Value, at now: Timestamp) -> String {
        let text = Randomness.text()
        let expires = Timestamp(microseconds: now.microseconds + lifetimeSeconds * 1_000_000)
        tickets.withLock { tickets in
            if tickets.count >= maximumCount {
                tickets = tickets.filter { $0.value.expires > now }
                if tickets.count >= maximumCount, let first = tickets.min(by: { $0.value.expires < $1.value.expires }) {
                    tickets[first.key] = nil
                }
            }
            tickets[Tickets.digest(text)] = Ticket(value: value, expires: expires)
        }
        return text
    }

    /// The value behind a text; nil where there is none, or none any more.
    func value(of text: String, at now: Timestamp) -> Value? {
        #if SABOTAGE
            if Sabotage.plants("expired-session-taken") { return tickets.withLock { $0[Tickets.digest(text)]?.value } }
        #endif
        // The look-up compares digests, so its time tells nothing about the texts.
        return tickets.withLock { tickets in
            tickets[Tickets.digest(text)].flatMap { $0.expires > now ? $0.value : nil }
        }
    }

    /// The same, for the last time.
    func redeem(_ text: String, at now: Timestamp) -> Value? {
        let ticket = tickets.withLock { $0.removeValue(forKey: Tickets.digest(text)) }
        return ticket.flatMap { $0.expires > now ? $0.value : nil }
    }

    private static func digest(_ text: String) -> [UInt8] {
        Randomness.sha256(Array(text.utf8))
    }
}
