extension ConnectionCondition {
    /// One sentence for people: what it is, and what to do about it.
    package var message: String {
        switch state {
        case .connected: connectedMessage
        case .expiring: expiringMessage
        case .silent:
            reason == Reason.unusuallyQuiet
                ? "No webhook has come for unusually long; look at the webhooks of the projects at CircleCI"
                : "CircleCI has runs that no webhook told; look at the webhooks of the projects, or repair them"
        case .limited: "Some projects are gone, or the key may not see them any more"
        case .rateLimited: "CircleCI asks for fewer calls; what is missing is filled in more slowly"
        case .unreachable: unreachableMessage
        case .reconnectRequired:
            reason == Reason.keyExpired
                ? "The API key has expired; reconnect with a new one"
                : "CircleCI rejects the API key; reconnect with a new one"
        }
    }

    private var connectedMessage: String {
        switch reason {
        case Reason.webhooksOnly: "Webhooks are taken; without an API key nothing can be filled in"
        case Reason.keyNotChecked: "Webhooks are taken; the API key has not been used yet"
        default: "Webhooks are taken, and CircleCI accepts the API key"
        }
    }

    private var expiringMessage: String {
        guard reason != KeyExpiry.expiredByDate else {
            return "By the date that was entered the API key has expired; connect a new one"
        }
        let days = KeyExpiry.steps.first { KeyExpiry.reason(step: $0) == reason } ?? 30
        return days == 1
            ? "The API key expires within a day; connect a new one before"
            : "The API key expires within \(days) days; connect a new one before"
    }

    private var unreachableMessage: String {
        let what =
            switch reason {
            case Reason.network: "CircleCI cannot be reached"
            case Reason.timedOut: "CircleCI does not answer in time"
            case Reason.serverError: "CircleCI answers with errors of its own"
            case Reason.forbidden: "CircleCI refuses this address or a right is lacking (403)"
            case Reason.invalidURL: "The URL of CircleCI is none that can be asked"
            default: "CircleCI does not answer as its API should"
            }
        return what + "; webhooks are taken, and what is missing is filled in later"
    }
}
