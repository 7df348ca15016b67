import CircleCI
import Usage
import Wire

/// What CircleCI said of a pipeline: its workflows, and the jobs of those that were asked about.
struct PipelineAnswer: Sendable {
    enum Part<Value: Sendable>: Sendable {
        case answered(Value)
        /// The error's code.
        case failed(String)
    }

    struct Workflow: Sendable {
        var workflow: APIWorkflow
        /// Nil where they were not asked for.
        var jobs: Part<[APIJob]>?
    }

    var pipeline: APIPipeline
    var workflows: Part<[Workflow]>

    var open: Reconciliation.OpenPipeline {
        Reconciliation.OpenPipeline(id: pipeline.id, number: pipeline.number, createdAt: pipeline.createdAt)
    }
}

/// What is to be done about a pipeline: a function of what CircleCI said, of what the log knows and of the time.
struct PipelinePlan {
    /// What the log lacks, workflows before their jobs.
    private(set) var events: [APIEvent] = []
    /// What CircleCI named and did not tell more of.
    private(set) var missing: [Reconciliation.MissingItem] = []
    /// Numbers of jobs that are no runs.
    private(set) var explained: [Int] = []
    /// Whether there is more to come: it has not ended, or has only just.
    private(set) var isOpen = false

    private let answer: PipelineAnswer
    private let known: KnownRuns
    private let project: ReconcileProject
    private let options: ReconcileOptions
    private let now: Timestamp

    init(
        _ answer: PipelineAnswer,
        known: KnownRuns,
        project: ReconcileProject,
        options: ReconcileOptions,
        now: Timestamp
    ) {
        self.answer = answer
        self.known = known
        self.project = project
        self.options = options
        self.now = now
        plan()
    }

    private mutating func plan() {
        switch answer.workflows {
        case .failed(let reason):
            addMissing("pipeline", id: answer.pipeline.id, day: answer.pipeline.createdAt.day, reason: reason)
        case .answered(let workflows):
            if workflows.isEmpty {
                isOpen =
                    answer.pipeline.state != "errored"
                    && now.seconds(since: answer.pipeline.createdAt) < options.emptySeconds
            }
            for workflow in workflows { plan(workflow) }
        }
    }

    private mutating func plan(_ answer: PipelineAnswer.Workflow) {
        let workflow = answer.workflow
        if RunState.hasEnded(workflow.status, stoppedAt: workflow.stoppedAt) {
            if workflow.status != "not_run", isDue(workflow.stoppedAt),
                isNews(.workflow, workflow.id, workflow.stoppedAt)
            {
                events.append(APIEvent.of(workflow, pipeline: self.answer.pipeline, project: project))
            }
        } else {
            isOpen = true
        }
        switch answer.jobs {
        case nil: isOpen = true
        case .failed(let reason):
            addMissing("workflow", id: workflow.id, day: workflow.createdAt.day, reason: reason)
        case .answered(let jobs):
            for job in jobs { plan(job, of: workflow) }
        }
    }

    private mutating func plan(_ job: APIJob, of workflow: APIWorkflow) {
        let hasEnded = RunState.hasEnded(workflow.status, stoppedAt: workflow.stoppedAt)
        let neverRan = hasEnded && job.startedAt == nil && !RunState.hasEnded(job.status, stoppedAt: job.stoppedAt)
        guard RunState.isRun(job), !neverRan else {
            if let number = job.number, hasEnded || job.type == "approval" { explained.append(number) }
            return
        }
        guard RunState.hasEnded(job.status, stoppedAt: job.stoppedAt) else {
            isOpen = true
            return
        }
        if isDue(job.stoppedAt), isNews(.job, job.id, job.stoppedAt) {
            events.append(APIEvent.of(job, workflow: workflow, pipeline: answer.pipeline, project: project))
        }
    }

    /// Whether the webhook had its time to come; a pipeline with an end that had not is looked at again.
    private mutating func isDue(_ stoppedAt: Timestamp?) -> Bool {
        guard let stoppedAt, now.seconds(since: stoppedAt) < options.graceSeconds else { return true }
        isOpen = true
        return false
    }

    /// Whether the log lacks the run, or knows an end that is a second or more before CircleCI's: then the last events of
    /// a cancellation were lost. Times of the API have whole seconds.
    private func isNews(_ kind: KnownRun.Kind, _ id: String, _ stoppedAt: Timestamp?) -> Bool {
        guard let run = known[kind, id] else { return true }
        #if SABOTAGE
            if Sabotage.plants("later-end-ignored") { return false }
        #endif
        guard let stoppedAt else { return false }
        guard let told = run.stoppedAt else { return true }
        return stoppedAt.microseconds - told.microseconds >= 1_000_000
    }

    private mutating func addMissing(_ kind: String, id: String, day: Day, reason: String) {
        #if SABOTAGE
            if Sabotage.plants("failed-item-forgotten") { return }
        #endif
        missing.append(
            Reconciliation.MissingItem(kind: kind, id: id, pipeline: answer.open, day: day, reason: reason)
        )
    }
}

/// What the API's words for states mean. The sets are open: a word that is not known has ended once there is an end.
enum RunState {
    private static let ended: Set<String> = [
        "success", "failed", "error", "canceled", "unauthorized", "not_run", "timedout", "infrastructure_fail",
        "terminated-unknown",
    ]
    private static let unended: Set<String> = [
        "running", "failing", "on_hold", "queued", "not_running", "blocked", "created", "pending",
    ]

    static func hasEnded(_ status: String, stoppedAt: Timestamp?) -> Bool {
        ended.contains(status) || stoppedAt != nil && !unended.contains(status)
    }

    /// Approvals are nobody's work on a machine, and what was never run is no run.
    static func isRun(_ job: APIJob) -> Bool { job.type != "approval" && job.status != "not_run" }
}
