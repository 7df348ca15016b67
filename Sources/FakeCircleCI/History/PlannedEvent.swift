import Wire

/// An event of a workflow run, and how one delivery tells it. The body is written only when its time has come.
struct PlannedEvent: Sendable {
    enum Subject: Sendable {
        /// Index into the workflow's jobs.
        case job(Int)
        /// Index into the workflow's stops.
        case workflow(Int)
        case ping
        case unknown
    }

    let workflow: FakeWorkflow
    let subject: Subject
    /// Index into the project's webhooks.
    let webhook: Int
    let id: String
    /// What the body says.
    let happenedAt: Timestamp
    let happenedAtPrecision: TimePrecision
    let sentAt: Timestamp
    let omitsStop: Bool
    let omitsWorkflow: Bool
    /// For how the body is written.
    let seed: UInt64

    var webhookID: String { workflow.pipeline.project.webhooks[webhook].id }

    /// The end that the body tells; nil where it tells none.
    var stoppedAt: Timestamp? {
        guard !omitsStop else { return nil }
        return switch subject {
        case .job(let index): workflow.jobs[index].stoppedAt
        case .workflow(let index): workflow.stops[index]
        case .ping, .unknown: nil
        }
    }
}

/// Lays out the deliveries of a workflow run: the same for whoever asks.
struct EventPlanner {
    private let options: FakeHistoryOptions
    private let workflow: FakeWorkflow
    private var random: SeededGenerator
    private var planned: [PlannedEvent] = []

    /// The deliveries of `workflow`, job by job and then the workflow's, not yet in the order of sending.
    static func events(of workflow: FakeWorkflow, options: FakeHistoryOptions) -> [PlannedEvent] {
        let seed = UInt64(truncatingIfNeeded: Identity.of(workflow.id)) ^ options.eventSeed
        var planner = EventPlanner(options: options, workflow: workflow, random: SeededGenerator(seed: seed))
        planner.plan()
        return planner.planned
    }

    private init(options: FakeHistoryOptions, workflow: FakeWorkflow, random: SeededGenerator) {
        self.options = options
        self.workflow = workflow
        self.random = random
    }

    private mutating func plan() {
        for (index, job) in workflow.jobs.enumerated() {
            add(.job(index), start: job.startedAt, stop: job.stoppedAt, delay: 20...70)
        }
        for (index, stop) in workflow.stops.enumerated() {
            // Some tens of milliseconds after the event of the last job.
            add(.workflow(index), start: workflow.createdAt, stop: stop, delay: 80...150)
        }
        if random.chance(options.oddities.unknownTypes) {
            add(.unknown, start: workflow.createdAt, stop: workflow.stoppedAt, delay: 200...900)
        }
        if random.chance(options.oddities.pings) {
            add(.ping, start: workflow.createdAt, stop: workflow.stoppedAt, delay: 1000...90_000)
        }
    }

    private mutating func add(
        _ subject: PlannedEvent.Subject,
        start: Timestamp,
        stop: Timestamp,
        delay: ClosedRange<Int>
    ) {
        let rates = options.oddities
        let project = workflow.pipeline.project
        let isPing = if case .ping = subject { true } else { false }
        let isJob = if case .job = subject { true } else { false }
        let moment = stop.adding(milliseconds: random.integer(in: delay))
            .adding(seconds: Double(random.integer(in: 0...999)) / 1_000_000)
        let isEarly = random.chance(rates.earlyEvents)
        let told = isEarly ? start.adding(seconds: -86_400 * Double(random.integer(in: 1...60))) : moment
        let otherPrecision = random.element(of: [TimePrecision.milliseconds, .seconds])
        let precision = random.chance(rates.timeForms) ? otherPrecision : .microseconds
        let omitsStop = random.chance(rates.missingStops)
        // Times told in whole seconds lie up to a second back; nothing is sent before the workflow's true start.
        let sendable = max(moment, workflow.createdAt.adding(seconds: 1))
        let id = random.uuid(version: isPing ? 4 : 3)
        for webhook in project.webhooks.indices where webhook == 0 || !isPing {
            let ownID = random.uuid(version: 3)
            planned.append(
                PlannedEvent(
                    workflow: workflow,
                    subject: subject,
                    webhook: webhook,
                    id: webhook == 0 || project.sharesEventIDs ? id : ownID,
                    happenedAt: precision.truncated(told),
                    happenedAtPrecision: precision,
                    sentAt: sendable.adding(milliseconds: random.integer(in: 1...8)),
                    omitsStop: omitsStop,
                    omitsWorkflow: random.chance(rates.missingWorkflows) && isJob && project.kind.isAppStyle,
                    seed: random.next()
                )
            )
        }
    }
}
