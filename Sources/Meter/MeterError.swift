/// What went wrong in the running service or in what it was given. Never holds a key, a secret, a token or a body.
public struct MeterError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable, CaseIterable {
        /// A connection id that does not match `[a-z0-9][a-z0-9_-]{0,62}`.
        case invalidConnectionId = "invalid_connection_id"
        /// An organization, project or other plain field of a connection that cannot be used.
        case invalidConnection = "invalid_connection"
        /// A webhook secret or key of no bytes.
        case emptySecret = "empty_secret"
        case connectionExists = "connection_exists"
        case unknownConnection = "unknown_connection"
        /// A connection without an API key where one is needed.
        case noAPIKey = "no_api_key"
        /// A key that CircleCI answers 401.
        case keyRejected = "key_rejected"
        /// An organization that the key's owner does not work in.
        case organizationNotFound = "organization_not_found"
        /// A key that can read none of a connection's projects.
        case projectsNotReadable = "projects_not_readable"
        /// CircleCI gave no answer that can be used: no sign of a bad key.
        case circleCIUnavailable = "circleci_unavailable"
        /// The key is dead: nothing is asked until there is another.
        case reconnectRequired = "reconnect_required"
        /// An invitation that never was, was used, revoked, or has expired.
        case invalidInvitation = "invalid_invitation"

        /// A master key that is not 32 bytes as 64 hexadecimal digits or base64.
        case invalidMasterKey = "invalid_master_key"
        /// A master key that cannot be replaced here, since it does not come from a file.
        case masterKeyNotInFile = "master_key_not_in_file"
        /// Sealed under a master key that is not at hand.
        case sealedWithAnotherKey = "sealed_with_another_key"
        /// A sealed value that was cut, changed, or moved from another connection or purpose.
        case sealedValueDamaged = "sealed_value_damaged"
        /// The cryptographic library refused to work.
        case cryptography

        /// An access token that is too short, or the same for both roles.
        case invalidToken = "invalid_token"

        /// A private file that others may read or write.
        case permissionsTooWide = "permissions_too_wide"
        /// A file that cannot be read or is not what it should be.
        case unreadableFile = "unreadable_file"
        /// A file that cannot be written durably.
        case unwritableFile = "unwritable_file"

        /// A system that does not let memory be kept out of dumps.
        case cannotProtectMemory = "cannot_protect_memory"

        /// A snapshot that is not readable. It can be made again from the log.
        case damagedSnapshot = "damaged_snapshot"

        /// A parameter of a report that cannot be used.
        case invalidParameter = "invalid_parameter"
        /// A text that is no person's identity.
        case invalidPerson = "invalid_person"
        /// A people file with a mistake.
        case invalidPeople = "invalid_people"
        /// Days that no contract in the rate card covers, where costs are asked for.
        case noPrice = "no_price"
        /// A setting that cannot be used.
        case invalidSetting = "invalid_setting"
        /// A certificate or its key that cannot be used.
        case invalidCertificate = "invalid_certificate"
        /// An address that cannot be listened on.
        case cannotListen = "cannot_listen"
        /// A clock that is not CircleCI's.
        case wrongClock = "wrong_clock"
        /// A snapshot is being made anew already.
        case replayUnderWay = "replay_under_way"

        /// A page's template that cannot be parsed.
        case invalidTemplate = "invalid_template"
    }

    public let code: Code
    /// One sentence for people.
    public let message: String
    /// Where: a file's path, a connection's id, the name of a setting.
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

extension MeterError {
    /// There is no connection of that id.
    static func noConnection(_ id: String) -> MeterError {
        MeterError(
            .unknownConnection,
            "There is no connection of that id",
            at: Connection.isValidId(id) ? id : nil,
            hint: "circlemeter connection list shows all"
        )
    }

    /// The connection takes webhooks only.
    static func noKey(_ id: String) -> MeterError {
        MeterError(
            .noAPIKey,
            "The connection has no API key, so CircleCI cannot be asked",
            at: id,
            hint: "circlemeter connection reconnect \(id) --api-key-file FILE gives it one"
        )
    }

    /// Nothing is asked until there is another key.
    static func deadKey(_ id: String) -> MeterError {
        MeterError(
            .reconnectRequired,
            "CircleCI rejects the connection's API key",
            at: id,
            hint: "circlemeter connection reconnect \(id) --api-key-file FILE"
        )
    }
}
