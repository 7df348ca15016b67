public import Wire

/// How far a project has been compared with what CircleCI's API says, as one event on the log states it. The latest
/// event about a project counts, so after a restart the reconciler goes on from the log alone.
public struct Reconciliation: Hashable, Sendable {
    /// A pipeline whose workflows had not all ended.
    public struct OpenPipeline: Hashable, Sendable {
        public var id: String
        public var number: Int
        public var createdAt: Timestamp

        public init(id: String, number: Int, createdAt: Timestamp) {
            self.id = id
            self.number = number
            self.createdAt = createdAt
        }
    }

    /// What CircleCI names and did not tell more of.
    public struct MissingItem: Hashable, Sendable {
        /// `pipeline`: its workflows could not be fetched; `workflow`: its jobs could not.
        public var kind: String
        public var id: String
        /// Its pipeline, to ask for it again.
        public var pipeline: OpenPipeline
        /// The UTC day under which it counts as missing.
        public var day: Day
        /// The error's code.
        public var reason: String

        public init(kind: String, id: String, pipeline: OpenPipeline, day: Day, reason: String) {
            self.kind = kind
            self.id = id
            self.pipeline = pipeline
            self.day = day
            self.reason = reason
        }
    }

    /// Every pipeline created before it has been looked at.
    public var through: Timestamp
    public var open: [OpenPipeline]
    public var missing: [MissingItem]
    /// Damaged places of the log, `segment:offset`, whose time has been asked for again.
    public var refilled: [String]
    /// Job numbers that are no run's, such as an approval's. They add up over all events.
    public var explained: [Int]

    public init(
        through: Timestamp,
        open: [OpenPipeline] = [],
        missing: [MissingItem] = [],
        refilled: [String] = [],
        explained: [Int] = []
    ) {
        self.through = through
        self.open = open
        self.missing = missing
        self.refilled = refilled
        self.explained = explained
    }
}

/// The latest reconciliation of a project.
public struct ProjectReconciliation: Hashable, Sendable {
    public var connection: String
    /// As in the rows: its id.
    public var project: String
    public var happenedAt: Timestamp
    public var eventID: String
    public var reconciliation: Reconciliation

    public init(
        connection: String,
        project: String,
        happenedAt: Timestamp,
        eventID: String,
        reconciliation: Reconciliation
    ) {
        self.connection = connection
        self.project = project
        self.happenedAt = happenedAt
        self.eventID = eventID
        self.reconciliation = reconciliation
    }

    /// By time, then id, then what is said, so that any set of events has one latest.
    func precedes(_ other: ProjectReconciliation) -> Bool {
        if happenedAt != other.happenedAt { return happenedAt < other.happenedAt }
        if eventID != other.eventID { return eventID.precedesInBytes(other.eventID) }
        return reconciliation.encoded.lexicographicallyPrecedes(other.reconciliation.encoded)
    }
}

/// The job numbers of a project that events have told.
public struct ProjectNumbers: Hashable, Sendable {
    public var connection: String
    public var project: String
    public var numbers: NumberSet

    public init(connection: String, project: String, numbers: NumberSet) {
        self.connection = connection
        self.project = project
        self.numbers = numbers
    }
}
