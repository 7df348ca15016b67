public import Wire

/// An organization at CircleCI and what the service needs to take its webhooks and, with a key, to ask about it.
public struct Connection: Sendable {
    /// A secret that webhooks are signed with, and when it counts.
    public struct WebhookSecret: Sendable {
        public var secret: Secret
        /// The first instant at which it counts; nil: always has.
        public var validFrom: Timestamp?
        /// The first instant at which it counts no longer; nil: always will.
        public var validUntil: Timestamp?

        public init(_ secret: Secret, validFrom: Timestamp? = nil, validUntil: Timestamp? = nil) {
            self.secret = secret
            self.validFrom = validFrom
            self.validUntil = validUntil
        }
    }

    /// Names the connection on the log, in paths and in files: `[a-z0-9][a-z0-9_-]{0,62}`.
    public let id: String
    /// The organization's slug (`gh/acme`, `circleci/<base58>`) or id.
    public var organization: String
    public var webhookSecrets: [WebhookSecret]
    /// Slugs of projects that were named by hand.
    public var projects: [String]
    public var addedAt: Timestamp
    /// A personal API token; nil: webhooks only.
    public var apiKey: Secret?
    /// The day on which the key expires, as its owner entered it: no call tells it.
    public var keyExpires: Day?
    /// The webhooks at CircleCI, one for each project, as they were last known.
    public var hooks: [ProjectHook]

    /// - Throws: `invalid_connection_id`, `invalid_connection`, `empty_secret`.
    public init(
        id: String,
        organization: String,
        webhookSecrets: [WebhookSecret],
        projects: [String] = [],
        addedAt: Timestamp,
        apiKey: Secret? = nil,
        keyExpires: Day? = nil,
        hooks: [ProjectHook] = []
    ) throws(MeterError) {
        self.id = id
        self.organization = organization
        self.webhookSecrets = webhookSecrets
        self.projects = projects
        self.addedAt = addedAt
        self.apiKey = apiKey
        self.keyExpires = keyExpires
        self.hooks = hooks
        try validate()
    }

    /// The secret that CircleCI is to sign with: the one that began to count last.
    var currentSecret: WebhookSecret {
        var current = webhookSecrets[0]
        for secret in webhookSecrets.dropFirst() {
            guard let from = secret.validFrom else { continue }
            if current.validFrom.map({ $0 <= from }) ?? true { current = secret }
        }
        return current
    }

    /// Whether `text` can name a connection.
    public static func isValidId(_ text: some StringProtocol) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, bytes.count <= 63 else { return false }
        func isLetterOrDigit(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        return isLetterOrDigit(first)
            && bytes.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
    }

    /// Checks what a caller may have changed since the initializer did.
    func validate() throws(MeterError) {
        guard Connection.isValidId(id) else {
            throw MeterError(
                .invalidConnectionId,
                "A connection's id has 1 to 63 lowercase letters, digits, '_' and '-', a letter or digit first",
                at: Connection.printable(id)
            )
        }
        guard Connection.isPlain(organization) else {
            throw MeterError(
                .invalidConnection,
                "The organization must be a slug or an id, printable and without spaces",
                at: id,
                hint: "for example gh/acme"
            )
        }
        guard projects.allSatisfy(Connection.isPlain) else {
            throw MeterError(
                .invalidConnection,
                "A project must be a slug, printable and without spaces",
                at: id,
                hint: "for example gh/acme/web"
            )
        }
        guard !webhookSecrets.isEmpty, webhookSecrets.allSatisfy({ !$0.secret.isEmpty }) else {
            throw MeterError(
                .emptySecret,
                "A connection needs a webhook secret that is not empty: anybody could sign without one",
                at: id,
                hint: "give the secret that was entered for the webhook at CircleCI"
            )
        }
        guard apiKey?.isEmpty != true else {
            throw MeterError(
                .emptySecret,
                "The API key must not be empty",
                at: id,
                hint: "leave it out for webhooks only"
            )
        }
    }

    private static func isPlain(_ text: String) -> Bool {
        (1...512).contains(text.utf8.count) && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }
    }

    private static func printable(_ text: String) -> String {
        String(decoding: text.utf8.prefix(80).map { $0 > 0x20 && $0 < 0x7f ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }
}
