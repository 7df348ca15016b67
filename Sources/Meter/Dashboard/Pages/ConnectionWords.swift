import CircleCI
import Wire

// What people read of connections. Programs read the words of the types themselves.

extension ConnectionCondition {
    /// The state in two or three words.
    var word: String {
        switch state {
        case .connected: reason == Reason.webhooksOnly ? "Webhooks only" : "Connected"
        case .expiring: reason == KeyExpiry.expiredByDate ? "Key past its date" : "Key expires"
        case .silent: "No webhooks"
        case .limited: "Some projects gone"
        case .rateLimited: "Rate limited"
        case .unreachable: "Unreachable"
        case .reconnectRequired: "Reconnect needed"
        }
    }

    /// The badge's class in the style sheet.
    var tone: String {
        switch state {
        case .connected: reason == Reason.webhooksOnly ? "plain" : "good"
        case .reconnectRequired: "bad"
        default: "warning"
        }
    }

    /// Whether it stays until a person does something. What CircleCI itself has to mend does not.
    var needsSomebody: Bool {
        switch state {
        case .connected, .rateLimited, .unreachable: false
        case .expiring, .silent, .limited, .reconnectRequired: true
        }
    }
}

extension HookOutcome {
    /// What was done about the hook, and what is to be done where that was not enough.
    var sentence: String {
        switch self {
        case .created: "Webhook made"
        case .kept: "Webhook was there, and is right"
        case .repaired: "Webhook repaired"
        case .rotated: "Webhook has the new secret"
        case .deleted: "Webhook deleted"
        case .absent: "There was no webhook of ours"
        case .limitReached:
            "No room: the project has five webhooks, all that CircleCI allows. Delete one there, then repair hooks"
        case .forbidden: "Not allowed: it takes the key of an organization admin to change webhooks"
        case .notFound:
            "CircleCI does not show the project to the key's owner: it is gone, renamed, or not theirs to see"
        case .failed(let code): capitalized(CircleCIWords.reason(code))
        case .noPublicURL: "No webhook: the service was not told its public URL (setting public-url)"
        case .notAsked: "Left as it is"
        }
    }
}

extension HookProblem {
    var sentence: String {
        switch self {
        case .missing: "There is no webhook of ours"
        case .limitReached:
            "There is no webhook of ours, and no room for one: CircleCI allows five, which are others'"
        case .urlChanged: "It posts to another URL"
        case .eventsChanged: "It does not send both events"
        case .tlsOff: "It does not check the certificate (TLS verification is off)"
        case .duplicated: "Another one of ours is there, too; harmless: every event comes twice and counts once"
        case .noPublicURL: "The URL cannot be compared: the service was not told its public URL (setting public-url)"
        case .unreadable(let code): "Cannot be seen: \(CircleCIWords.reason(code))"
        }
    }
}

/// Why CircleCI could not be asked, by the codes of ``CircleCIError``.
enum CircleCIWords {
    static func reason(_ code: String) -> String {
        switch CircleCIError.Code(rawValue: code) {
        case .unreachable: "CircleCI cannot be reached"
        case .timedOut: "CircleCI did not answer in time"
        case .unauthorized: "CircleCI rejects the key"
        case .forbidden: "CircleCI refuses this to the key's owner"
        case .notFound: "CircleCI does not find it, or does not show it to the key's owner"
        case .rateLimited: "CircleCI asked for fewer calls"
        case .serverError: "CircleCI answers with an error of its own"
        case .unexpectedAnswer: "CircleCI's answer is not what its API promises"
        case .refused: "CircleCI refused the request"
        case .cancelled: "interrupted"
        default: code.replacing("_", with: " ")
        }
    }
}

/// An instant for people, in UTC.
struct ShownTime {
    /// `2026-11-22T08:16:08.123Z`, for programs.
    let instant: String
    /// `2026-11-22 08:16 UTC`.
    let minute: String
    /// `5 min ago`.
    let distance: String

    init(_ time: Timestamp, now: Timestamp) {
        instant = time.description
        minute = "\(instant.prefix(10)) \(instant.dropFirst(11).prefix(5)) UTC"
        distance = ShownTime.distance(seconds: (now.microseconds - time.microseconds) / 1_000_000)
    }

    private static func distance(seconds: Int64) -> String {
        switch seconds {
        case ..<0: "in the future"
        case 0..<60: "just now"
        case 60..<3600: "\(seconds / 60) min ago"
        case 3600..<172_800: "\(seconds / 3600) h ago"
        default: "\(seconds / 86_400) days ago"
        }
    }
}

/// The text with a capital first letter.
func capitalized(_ text: String) -> String {
    text.prefix(1).uppercased() + text.dropFirst()
}

/// The text as a sentence, or as several, with a capital first letter and a full stop.
func sentence(_ text: String) -> String {
    let text = capitalized(text)
    return text.hasSuffix(".") || text.hasSuffix("!") || text.hasSuffix("?") ? text : text + "."
}
