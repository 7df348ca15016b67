import CircleCI
import Wire

/// Failures of calls in a row. One hiccup is no state, and neither is one failure of another kind within a long outage.
struct CallTrouble: Sendable {
    /// What a failed call says of a connection.
    enum Kind: Hashable, Sendable {
        case rateLimit
        /// No use of CircleCI, with the reason that is shown.
        case trouble(String)
        /// 401 of another call than `/me`: reason enough to ask `/me`.
        case rejection
        /// Nothing: an answer about one thing, or none since the caller gave up.
        case none

        init(_ error: CircleCIError) {
            typealias Reason = ConnectionCondition.Reason
            switch error.code {
            case .rateLimited: self = .rateLimit
            case .unreachable: self = .trouble(Reason.network)
            case .timedOut: self = .trouble(Reason.timedOut)
            case .serverError: self = .trouble(Reason.serverError)
            case .unexpectedAnswer: self = .trouble(Reason.unexpectedAnswer)
            case .forbidden: self = .trouble(Reason.forbidden)
            case .invalidURL: self = .trouble(Reason.invalidURL)
            case .unauthorized: self = .rejection
            default: self = .none
            }
        }
    }

    /// Failures in a row from which on the connection is unreachable, and those of a new kind that change the reason.
    static let failuresUntilShown = 3

    private var failureCount = 0
    private var firstFailedAt: Timestamp?
    private var latestReason: String?
    private var latestReasonCount = 0
    private var latestReasonSince: Timestamp?
    private var shownReason: String?

    init() {}

    /// Trouble that was shown before a restart.
    init(restored reason: String) {
        failureCount = CallTrouble.failuresUntilShown
        shownReason = reason
        latestReason = reason
    }

    /// Counts a failure. What is to be shown from now on; nil where that is nothing, or what is shown already.
    mutating func count(_ reason: String, at now: Timestamp) -> (reason: String, since: Timestamp)? {
        failureCount += 1
        firstFailedAt = firstFailedAt ?? now
        if reason == latestReason {
            latestReasonCount += 1
        } else {
            latestReason = reason
            latestReasonCount = 1
            latestReasonSince = now
        }
        if shownReason == nil {
            guard failureCount >= CallTrouble.failuresUntilShown else { return nil }
            shownReason = reason
            return (reason, firstFailedAt ?? now)
        }
        guard reason != shownReason, latestReasonCount >= CallTrouble.failuresUntilShown else { return nil }
        shownReason = reason
        return (reason, latestReasonSince ?? now)
    }
}
