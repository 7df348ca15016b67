public import Wire

/// A run as CircleCI itself would state it: what a meter must arrive at once it has every delivery.
public struct TrueRun: Hashable, Sendable {
    public enum Kind: String, Sendable {
        case job
        case workflow
    }

    public let kind: Kind
    /// The job's id or the workflow's.
    public let id: String
    public let organizationIndex: Int
    /// The project's place in its organization.
    public let projectIndex: Int
    public let projectID: String
    /// The long form.
    public let projectSlug: String
    public let projectName: String
    public let pipelineID: String
    public let pipelineCreatedAt: Timestamp
    /// Empty where no delivery of the run names its workflow.
    public let workflowName: String
    /// Empty for a workflow.
    public let jobName: String
    /// Empty where there is none.
    public let branch: String
    /// Empty where there is none.
    public let authorEmail: String
    /// As CircleCI says it, also where the webhook's documentation does not know the word.
    public let status: String
    /// A job's start, a workflow's creation.
    public let startedAt: Timestamp
    /// Nil where the version that wins does not tell it.
    public let stoppedAt: Timestamp?
    /// From the start to the stop, rounded down; 0 where there is no stop.
    public let durationMilliseconds: Int
    /// Whether a delivery tells the run.
    public let isToldByWebhook: Bool
    /// Whether the API adds to the run: where no delivery tells it, or its end not as late as the API does.
    public let isToldByAPI: Bool

    /// The UTC day under which the run counts.
    public var day: Day { startedAt.day }
}

extension TrueRun {
    /// The runs of a workflow as `events` tell them, and the API where it is asked: the jobs in their order, then the
    /// workflow. A run that neither tells is none.
    static func runs(of workflow: FakeWorkflow, _ events: [PlannedEvent], api: APIView? = nil) -> [TrueRun] {
        var jobs: [[PlannedEvent]] = Array(repeating: [], count: workflow.jobs.count)
        var ends: [PlannedEvent] = []
        for event in events {
            switch event.subject {
            case .job(let index): jobs[index].append(event)
            case .workflow: ends.append(event)
            case .ping, .unknown: break
            }
        }
        var runs: [TrueRun] = []
        for (job, versions) in zip(workflow.jobs, jobs) {
            let isAnswered = api?.tells(job, of: workflow) ?? false
            if let run = TrueRun(workflow, job: job, versions, isAnswered: isAnswered) { runs.append(run) }
        }
        let isAnswered = api?.tells(workflow) ?? false
        if let run = TrueRun(workflow, job: nil, ends, isAnswered: isAnswered) { runs.append(run) }
        return runs
    }

    /// - Parameter isAnswered: Whether the API tells that the run has ended.
    private init?(_ workflow: FakeWorkflow, job: FakeJob?, _ versions: [PlannedEvent], isAnswered: Bool) {
        let pipeline = workflow.pipeline
        let start = job?.startedAt ?? workflow.createdAt
        let stop = job?.stoppedAt ?? workflow.stoppedAt
        // A version without a stop comes before all that have one.
        let toldStop = versions.lazy.compactMap(\.stoppedAt).max()
        let answeredStop = TimePrecision.seconds.truncated(stop)
        isToldByWebhook = !versions.isEmpty
        isToldByAPI = isAnswered && toldStop.map { $0.adding(seconds: 1) <= answeredStop } ?? true
        guard isToldByWebhook || isToldByAPI else { return nil }
        kind = job == nil ? .workflow : .job
        id = job?.id ?? workflow.id
        organizationIndex = pipeline.project.organizationIndex
        projectIndex = pipeline.project.index
        projectID = pipeline.project.id
        projectSlug = pipeline.project.slug
        projectName = pipeline.project.name
        pipelineID = pipeline.id
        let isNamed = isToldByAPI || job == nil || versions.contains { !$0.omitsWorkflow }
        workflowName = isNamed ? workflow.name : ""
        jobName = job?.name ?? ""
        branch = pipeline.commit.branch ?? ""
        // The API's pipelines name no author.
        authorEmail = isToldByWebhook ? pipeline.commit.authorEmail ?? "" : ""
        status = job?.status ?? workflow.status
        let precision: TimePrecision = isToldByAPI ? .seconds : .microseconds
        pipelineCreatedAt = precision.truncated(pipeline.createdAt)
        startedAt = precision.truncated(start)
        stoppedAt = isToldByAPI ? answeredStop : toldStop
        durationMilliseconds =
            stoppedAt.map { [startedAt] in
                Int(max(0, ($0.microseconds - startedAt.microseconds) / 1000))
            } ?? 0
    }
}
