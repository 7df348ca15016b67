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
        case unknown
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
    public var reconciliation: Reconciliation?

    public init() {}
}
