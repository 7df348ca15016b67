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

    /// The UTC day under which the run counts.
    public var day: Day { startedAt.day }
}

extension TrueRun {
    /// The runs of a workflow as `events` tell them: the jobs in their order, then the workflow.
    static func runs(of workflow: FakeWorkflow, _ events: [PlannedEvent]) -> [TrueRun] {
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
        for (job, versions) in zip(workflow.jobs, jobs) where !versions.isEmpty {
            let isNamed = versions.contains { !$0.omitsWorkflow }
            runs.append(TrueRun(workflow, job: job, workflowName: isNamed ? workflow.name : "", versions))
        }
        if !ends.isEmpty { runs.append(TrueRun(workflow, job: nil, workflowName: workflow.name, ends)) }
        return runs
    }

    private init(_ workflow: FakeWorkflow, job: FakeJob?, workflowName: String, _ versions: [PlannedEvent]) {
        let pipeline = workflow.pipeline
        kind = job == nil ? .workflow : .job
        id = job?.id ?? workflow.id
        organizationIndex = pipeline.project.organizationIndex
        projectIndex = pipeline.project.index
        projectID = pipeline.project.id
        projectSlug = pipeline.project.slug
        projectName = pipeline.project.name
        pipelineID = pipeline.id
        pipelineCreatedAt = pipeline.createdAt
        self.workflowName = workflowName
        jobName = job?.name ?? ""
        branch = pipeline.commit.branch ?? ""
        authorEmail = pipeline.commit.authorEmail ?? ""
        status = job?.status ?? workflow.status
        startedAt = job?.startedAt ?? workflow.createdAt
        // A version without a stop comes before all that have one.
        stoppedAt = versions.lazy.compactMap(\.stoppedAt).max()
        durationMilliseconds =
            stoppedAt.map { [startedAt] in
                Int(max(0, ($0.microseconds - startedAt.microseconds) / 1000))
            } ?? 0
    }
}
