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
    }

    public let code: Code
    /// One sentence for people.
    public let message: String
    /// The address that was asked, without user information, query and fragment.
    public let location: String?
    public let cause: (any Error)?
    /// The next step to try.
    public let hint: String?

    public init(
        _ code: Code,
        _ message: String,
        at location: String? = nil,
        cause: (any Error)? = nil,
        hint: String? = nil
    ) {
        self.code = code
        self.message = message
        self.location = location
        self.cause = cause
        self.hint = hint
    }

    /// One line: the code, the message and whatever else is known.
    public var description: String {
        var text = "\(code.rawValue): \(message)"
        if let location { text += " at \(location)" }
        if let cause { text += " (\(cause))" }
        if let hint { text += "; \(hint)" }
        return text
    }
}
