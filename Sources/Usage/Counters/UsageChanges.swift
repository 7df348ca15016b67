public import Wire

/// The key of a published row.
public struct RowKey: Hashable, Comparable, Sendable {
    public var connection: String
    public var day: Day
    /// As many as the table has ``UsageTable/keyColumns``.
    public var texts: [String]

    public init(connection: String, day: Day, texts: [String]) {
        self.connection = connection
        self.day = day
        self.texts = texts
    }

    /// By bytes, not by locale, so that every machine sorts alike.
    public static func < (first: RowKey, second: RowKey) -> Bool {
        if first.connection != second.connection { return first.connection.precedesInBytes(second.connection) }
        if first.day != second.day { return first.day < second.day }
        return first.texts.precedesInBytes(second.texts)
    }

    // Swift's strings are equal where they are canonically equivalent; keys are equal where their bytes are.
    public static func == (first: RowKey, second: RowKey) -> Bool {
        first.day == second.day && first.connection == second.connection && first.texts.hasBytes(of: second.texts)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(connection)
        hasher.combine(day)
        for text in texts { hasher.combine(bytesOf: text) }
    }
}

/// A project as a connection's events name it. An id may have had several slugs (a rename); the latest is shown.
public struct ProjectName: Hashable, Sendable {
    public var connection: String
    /// CircleCI's project id.
    public var id: String
    /// Long form: `github/organization/repository`.
    public var slug: String
    public var name: String
    /// When an event last said so.
    public var lastSeen: Timestamp

    public init(connection: String, id: String, slug: String, name: String, lastSeen: Timestamp) {
        self.connection = connection
        self.id = id
        self.slug = slug
        self.name = name
        self.lastSeen = lastSeen
    }
}

/// The state of a connection as its latest `meter` event tells it.
public struct ConnectionState: Hashable, Sendable {
    public var connection: String
    public var state: String
    public var reason: String
    /// When the state began.
    public var since: Timestamp
    /// When the event says so: the latest counts.
    public var happenedAt: Timestamp
    public var eventID: String

    public init(
        connection: String,
        state: String,
        reason: String,
        since: Timestamp,
        happenedAt: Timestamp,
        eventID: String
    ) {
        self.connection = connection
        self.state = state
        self.reason = reason
        self.since = since
        self.happenedAt = happenedAt
        self.eventID = eventID
    }
}

/// Stored runs of a partition: all of them, or an addition to what is stored.
public struct PartitionPiece: Sendable {
    public var connection: String
    public var day: Day
    public var replacesEarlier: Bool
    public var bytes: [UInt8]
}

/// All that an advance changes, to be published in one transaction.
public struct UsageChanges: Sendable {
    /// Changes to add to rows, per table.
    public var rows: [UsageTable: [(key: RowKey, change: Tally)]] = [:]
    public var partitions: [PartitionPiece] = []
    public var projects: [ProjectName] = []
    public var connections: [ConnectionState] = []
    public var reconciliations: [ProjectReconciliation] = []
    public var jobNumbers: [ProjectNumbers] = []
    public var settledDays: [SettledDay] = []
    public var jobDescriptions: [JobDescription] = []
    /// Nil where it did not change.
    public var rateCard: RateCardState?

    public init() {}
}

/// Where the reducer finds what it stored before. Called while it folds.
public protocol UsageStorage {
    /// The pieces of a partition in the order in which they were stored.
    func partition(connection: String, day: Day) throws -> [[UInt8]]
    func projects() throws -> [ProjectName]
    func connections() throws -> [ConnectionState]
    func reconciliations() throws -> [ProjectReconciliation]
    func jobNumbers() throws -> [ProjectNumbers]
    func settledDays() throws -> [SettledDay]
    func jobDescriptions() throws -> [JobDescription]
    /// Nil where no event has changed it.
    func rateCard() throws -> RateCardState?
}
