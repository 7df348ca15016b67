/// What went wrong in talk with CircleCI, or in what was configured for it. Never holds a key, a secret or a body.
public struct CircleCIError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable, CaseIterable {
        /// A webhook secret of no bytes: it would let anybody sign.
        case emptySecret = "empty_secret"
        /// The cryptographic library refused to set up a key.
        case cryptography
        /// A text that is no http or https URL.
        case invalidURL = "invalid_url"
        /// No answer: the name does not resolve, the connection is refused or breaks, TLS fails.
        case unreachable
        /// No complete answer before the deadline.
        case timedOut = "timed_out"
        /// The caller's task was cancelled.
        case cancelled

        /// An API key that cannot be sent.
        case invalidKey = "invalid_key"
        /// 401. Only of `/me` does it mean that the key is dead.
        case unauthorized
        /// 403: a right is lacking, or the edge network refused the address. No sign of a dead key.
        case forbidden
        /// 404: not there, no longer there, or not for this key.
        case notFound = "not_found"
        /// 429, after all tries that the deadline allowed.
        case rateLimited = "rate_limited"
        /// Any other 4xx.
        case refused
        /// 5xx, after all tries.
        case serverError = "server_error"
        /// An answer that is not what the API's description says: HTML, no JSON, a member missing, too long.
        case unexpectedAnswer = "unexpected_answer"
    }

    public let code: Code
    /// One sentence for people.
    public let message: String
    /// The address that was asked, without user information, query and fragment.
    public let location: String?
    public let cause: (any Error)?
    /// The next step to try.
    public let hint: String?
    /// Of the answer; nil where there was none.
    public let status: Int?
    /// CircleCI's name for the request, for its support; nil where the answer had none.
    public let requestID: String?
    /// How long CircleCI asks to wait; nil where it does not.
    public internal(set) var retryAfter: Duration?

    /// Of 403: whether the edge network answered, in HTML, which says nothing of the key's rights.
    public internal(set) var isOfEdgeNetwork = false

    public init(
        _ code: Code,
        _ message: String,
        at location: String? = nil,
        cause: (any Error)? = nil,
        hint: String? = nil,
        status: Int? = nil,
        requestID: String? = nil,
        retryAfter: Duration? = nil
    ) {
        self.code = code
        self.message = message
        self.location = location
        self.cause = cause
        self.hint = hint
        self.status = status
        self.requestID = requestID
        self.retryAfter = retryAfter
    }

    /// One line: the code, the message and whatever else is known.
    public var description: String {
        var text = "\(code.rawValue): \(message)"
        if let location { text += " at \(location)" }
        if let status { text += " [\(status)]" }
        if let requestID { text += " [request \(requestID)]" }
        if let cause { text += " (\(cause))" }
        if let hint { text += "; \(hint)" }
        return text
    }
}
