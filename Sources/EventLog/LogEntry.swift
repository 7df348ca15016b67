public import Wire

/// What is to be appended.
public struct LogEntry: Sendable {
    /// Kept with milliseconds.
    public var receivedAt: Timestamp
    public var source: RecordSource
    /// The connection's id: `[a-z0-9][a-z0-9_-]{0,62}`.
    public var connection: String
    /// The `circleci-signature` header as received; nil where there was none, and for every source but `webhook`.
    public var signature: String?
    /// The event, byte for byte.
    public var body: [UInt8]
    /// Entries with the same key are the same event; nil: never a duplicate.
    public var deduplicationKey: UInt128?
    /// Whether the caller has found the body to be JSON, with `JSONScanner`; otherwise the log looks for itself.
    public var isKnownJSON: Bool

    public init(
        receivedAt: Timestamp,
        source: RecordSource,
        connection: String,
        signature: String? = nil,
        body: [UInt8],
        deduplicationKey: UInt128? = nil,
        isKnownJSON: Bool = false
    ) {
        self.receivedAt = receivedAt
        self.source = source
        self.connection = connection
        self.signature = signature
        self.body = body
        self.isKnownJSON = isKnownJSON
        self.deduplicationKey = deduplicationKey
    }
}

/// What became of an entry.
public enum AppendOutcome: Hashable, Sendable {
    /// On disk as this record.
    case accepted(sequence: Int)
    /// Not written: this record, which is on disk, holds the same event.
    case duplicate(sequence: Int)
}
