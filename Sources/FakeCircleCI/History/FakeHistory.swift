public import Wire

/// A made-up history of organizations at CircleCI: what ran, what was told about it, and what is true.
///
/// All three are sequences that are made while they are walked, the same each time, in memory that follows the work in
/// progress and not the length of the history.
/// ```swift
/// let history = FakeHistory(options: FakeHistoryOptions(seed: 7, firstDay: Day("2026-11-02")!))
/// for delivery in history.deliveries { post(delivery.body) }
/// let truth = Array(history.runs)
/// ```
public struct FakeHistory: Sendable {
    public let options: FakeHistoryOptions
    public let organizations: [FakeOrganization]

    public init(options: FakeHistoryOptions) {
        precondition(options.organizationCount > 0 && options.projectCount > 0 && !options.projectKinds.isEmpty)
        self.options = options
        var maker = OrganizationMaker(options: options, random: SeededGenerator(seed: options.seed))
        organizations = maker.organizations()
    }

    /// The workflow runs in the order of their start.
    public var workflows: FakeWorkflows {
        FakeWorkflows(options: options, organizations: organizations)
    }

    /// The deliveries in the order of sending.
    public var deliveries: FakeDeliveries {
        FakeDeliveries(workflows: workflows)
    }

    /// The true runs, workflow by workflow in the order of their start. No body is written for them.
    public var runs: some Sequence<TrueRun> & Sendable {
        FakeRuns(workflows: workflows) { _ in true }
    }

    /// The runs as a part of the deliveries tells them, for when not all arrived. A run that none of them tells is none.
    ///
    /// - Parameter isTold: Whether the delivery of this webhook's id and event id counts.
    public func runs(
        toldBy isTold: @escaping @Sendable (_ webhookID: String, _ eventID: String) -> Bool
    ) -> some Sequence<TrueRun> & Sendable {
        FakeRuns(workflows: workflows) { isTold($0.webhookID, $0.id) }
    }
}

/// One delivery, ready to be signed and posted.
public struct GeneratedDelivery: Sendable {
    public let eventType: String
    /// The event's id.
    public let eventID: String
    public let body: [UInt8]
    /// When CircleCI sends it. Never before that of the delivery before.
    public let sentAt: Timestamp
    /// What the body says, which can be long before.
    public let happenedAt: Timestamp
    public let organizationIndex: Int
    /// The project's place in its organization; nil for a ping, which names none.
    public let projectIndex: Int?
    public let webhookID: String
    /// The job's id or the workflow's; nil where the event is of no run.
    public let runID: String?
}

/// The deliveries of a history in the order of sending.
public struct FakeDeliveries: Sequence, Sendable {
    let workflows: FakeWorkflows

    public func makeIterator() -> Iterator {
        Iterator(options: workflows.options, workflows: workflows.makeIterator())
    }

    public struct Iterator: IteratorProtocol, Sendable {
        private let options: FakeHistoryOptions
        private var workflows: FakeWorkflows.Iterator
        private var waiting = TimeQueue<Timestamp, PlannedEvent>()

        init(options: FakeHistoryOptions, workflows: FakeWorkflows.Iterator) {
            self.options = options
            self.workflows = workflows
        }

        /// How many events wait for their time.
        var waitingCount: Int { waiting.count }

        public mutating func next() -> GeneratedDelivery? {
            while let start = workflows.nextStart {
                if let first = waiting.firstKey, first <= start { break }
                guard let workflow = workflows.next() else { break }
                for event in EventPlanner.events(of: workflow, options: options) {
                    waiting.add(event, at: event.sentAt)
                }
            }
            return waiting.removeFirst().map { GeneratedDelivery($0, options) }
        }
    }
}

extension GeneratedDelivery {
    init(_ event: PlannedEvent, _ options: FakeHistoryOptions) {
        let pipeline = event.workflow.pipeline
        let project = pipeline.project
        var writer = EventWriter(event: event, rates: options.oddities)
        eventType = writer.type
        eventID = event.id
        body = writer.body()
        sentAt = event.sentAt
        happenedAt = event.happenedAt
        organizationIndex = project.organizationIndex
        webhookID = event.webhookID
        switch event.subject {
        case .job(let index): (projectIndex, runID) = (project.index, event.workflow.jobs[index].id)
        case .workflow: (projectIndex, runID) = (project.index, event.workflow.id)
        case .unknown: (projectIndex, runID) = (project.index, nil)
        case .ping: (projectIndex, runID) = (nil, nil)
        }
    }
}
