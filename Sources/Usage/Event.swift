public import Wire

/// What one record says, found in place: every text is an offset into the record's body, so an event is only
/// meaningful together with those bytes. A member that the body lacks, or has in another type, is nil.
///
/// The field names follow CircleCI's webhook payload (outbound webhooks reference).
public struct Event: Sendable {
    public enum Kind: Sendable {
        case workflowCompleted
        case jobCompleted
        case ping
        /// The service's own word on a connection's state.
        case connectionChanged
        /// The service's own word on how far a project is reconciled.
        case projectReconciled
        /// The service's own word that a person was erased from records.
        case personErased
        /// A row of the usage export: what a job run cost.
        case jobSettled
        /// Rows of a later usage export that say what earlier ones said.
        case usageConfirmed
        /// The service's own word on which days a usage export holds completely.
        case usageSettled
        /// What job details say of a job's machine.
        case jobDescribed
        /// The rate card was changed.
        case rateCardChanged
        case unknown

        /// The only source from which such an event counts; nil where any will do.
        public var source: RecordSource? {
            switch self {
            case .jobCompleted, .workflowCompleted, .ping, .unknown: nil
            case .connectionChanged, .projectReconciled, .personErased, .usageSettled, .rateCardChanged: .meter
            case .jobSettled, .usageConfirmed: .export
            case .jobDescribed: .api
            }
        }
    }

    public struct Project: Sendable {
        public var id: JSONText?
        public var slug: JSONText?
        public var name: JSONText?

        public init() {}
    }

    public struct Workflow: Sendable {
        public var id: JSONText?
        public var name: JSONText?
        public var status: JSONText?
        public var createdAt: Timestamp?
        public var stoppedAt: Timestamp?

        public init() {}
    }

    public struct Job: Sendable {
        public var id: JSONText?
        public var name: JSONText?
        public var number: Int64?
        public var status: JSONText?
        public var startedAt: Timestamp?
        public var stoppedAt: Timestamp?

        public init() {}
    }

    public struct Pipeline: Sendable {
        public var id: JSONText?
        public var number: Int64?
        public var createdAt: Timestamp?
        public var triggerType: JSONText?
        /// Login of who triggered it, in `api` events.
        public var triggerActor: JSONText?

        public init() {}
    }

    /// Where the code came from and who wrote it.
    public struct Commit: Sendable {
        public var branch: JSONText?
        public var tag: JSONText?
        public var authorName: JSONText?
        public var authorEmail: JSONText?

        public init() {}
    }

    /// A connection's new state and why (`meter` records).
    public struct Connection: Sendable {
        public var state: JSONText?
        public var reason: JSONText?
        /// When the state began; nil in events of older versions, whose `happened_at` it was.
        public var since: Timestamp?

        public init() {}
    }

    public var kind = Kind.unknown
    public var id: JSONText?
    public var type: JSONText?
    public var happenedAt: Timestamp?
    public var webhookID: JSONText?
    public var project = Project()
    public var workflow = Workflow()
    public var job = Job()
    public var pipeline = Pipeline()
    public var commit = Commit()
    public var connection = Connection()
    /// Of `projectReconciled` alone.
    @Rare public var reconciliation: Reconciliation?
    /// Of `jobSettled`, `usageConfirmed` and `usageSettled`: when the usage export was made.
    public var exportedAt: Timestamp?
    /// Of `jobSettled`, and of `jobDescribed` as far as job details tell it.
    @Rare public var usage: EventUsage?
    /// Of `usageConfirmed`: each run whose row says what it said before.
    public var confirmations: [Confirmation] = []
    /// Of `usageSettled`: the days that the export holds completely.
    public var settledDays: ClosedRange<Day>?
    /// Of `rateCardChanged`.
    @Rare public var rateCard: RateCard?

    public init() {}
}

/// A value that few events have, held apart: an event is passed on several times, and costs by its size.
@propertyWrapper
public struct Rare<Value: Sendable>: Sendable {
    private indirect enum Box: Sendable {
        case value(Value)
    }

    private var box: Box?

    public init() {}

    public var wrappedValue: Value? {
        get {
            guard case .value(let value)? = box else { return nil }
            return value
        }
        set { box = newValue.map { .value($0) } }
    }
}
