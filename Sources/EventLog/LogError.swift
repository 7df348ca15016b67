/// What went wrong with the log, where, why, and what to do next.
public struct LogError: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// Another process holds the log.
        case locked
        /// The directory or a file in it cannot be used at all.
        case unusable
        /// Nothing can be made durable at present; the log tries again by itself.
        case unavailable
        /// More bytes wait to be written than the log holds in memory.
        case queueFull = "queue_full"
        /// The log has been closed.
        case closed
        /// The entry cannot be written as a record.
        case invalidEntry = "invalid_entry"
        /// No record ends at the position asked for.
        case positionNotFound = "position_not_found"
        /// The log was written by a newer circlemeter.
        case unsupportedVersion = "unsupported_version"
    }

    public let code: Code
    public let message: String
    /// The file or directory concerned.
    public let path: String?
    /// The byte position in the file.
    public let offset: Int?
    /// The system call that failed.
    public let cause: SystemError?
    /// The next step for an operator.
    public let hint: String?

    public init(
        code: Code,
        message: String,
        path: String? = nil,
        offset: Int? = nil,
        cause: SystemError? = nil,
        hint: String? = nil
    ) {
        self.code = code
        self.message = message
        self.path = path
        self.offset = offset
        self.cause = cause
        self.hint = hint
    }

    public var description: String {
        var text = "\(code.rawValue): \(message)"
        if let path { text += " (\(path)\(offset.map { ", byte \($0)" } ?? ""))" }
        if let cause { text += ": \(cause)" }
        if let hint { text += ". \(hint)" }
        return text
    }
}

extension LogError {
    /// A call failed that the log cannot do without.
    static func unusable(_ message: String, path: String, cause: SystemError) -> LogError {
        LogError(
            code: .unusable,
            message: message,
            path: path,
            cause: cause,
            hint: "Check the directory's owner, permissions and file system"
        )
    }

    static func unavailable(_ message: String, path: String, cause: SystemError) -> LogError {
        LogError(
            code: .unavailable,
            message: message,
            path: path,
            cause: cause,
            hint: cause.isOutOfSpace
                ? "Make room on the file system; the log goes on by itself then"
                : "Check the disk; the log tries a new segment by itself"
        )
    }

    static let closed = LogError(code: .closed, message: "The log has been closed")
}
