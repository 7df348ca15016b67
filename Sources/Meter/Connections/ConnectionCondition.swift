package import Wire

/// How a connection is, why, and since when.
package struct ConnectionCondition: Hashable, Sendable {
    /// In growing severity. The words are a contract: they are on the log, in answers and in metrics.
    package enum State: String, Sendable, CaseIterable, Comparable {
        case connected
        /// The date that was entered for the key is at most 30 days away, or past.
        case expiring
        /// CircleCI has runs that no webhook told, or a connection without a key hears nothing for unusually long.
        case silent
        /// Some projects answer 404 while the key is accepted.
        case limited
        case rateLimited = "rate_limited"
        /// CircleCI does not answer, or not as its API should.
        case unreachable
        /// The key is dead: `/me` has answered 401 twice.
        case reconnectRequired = "reconnect_required"

        package static func < (first: State, second: State) -> Bool {
            first.severity < second.severity
        }

        private var severity: Int { State.allCases.firstIndex(of: self) ?? 0 }
    }

    package var state: State
    /// A word for programs, of those in ``Reason`` or of ``KeyExpiry``.
    package var reason: String
    /// When the condition of this state and reason began; a restart does not move it.
    package var since: Timestamp

    package init(state: State, reason: String, since: Timestamp) {
        self.state = state
        self.reason = reason
        self.since = since
    }

    /// Whether both say the same, whenever it began.
    package func isSame(as other: ConnectionCondition) -> Bool {
        state == other.state && reason == other.reason
    }

    package enum Reason {
        // connected
        package static let webhooksOnly = "webhooks_only"
        package static let keyNotChecked = "key_not_checked"
        package static let keyAccepted = "key_accepted"
        // silent
        package static let webhooksMissing = "webhooks_missing"
        package static let unusuallyQuiet = "unusually_quiet"
        // limited
        package static let projectsGone = "projects_gone"
        // rate_limited
        package static let tooManyCalls = "too_many_calls"
        // unreachable
        package static let network = "network"
        package static let timedOut = "timed_out"
        package static let serverError = "server_error"
        package static let unexpectedAnswer = "unexpected_answer"
        package static let forbidden = "forbidden"
        package static let invalidURL = "invalid_url"
        // reconnect_required
        package static let keyRejected = "rejected"
        package static let keyExpired = "expired"
    }
}
