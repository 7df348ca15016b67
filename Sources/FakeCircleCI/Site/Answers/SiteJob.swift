import Wire

/// A job as a workflow's list has it.
struct SiteJob {
    let id: String
    let name: String
    var number: Int?
    var status: String
    var startedAt: Timestamp?
    var stoppedAt: Timestamp?
    var dependencies: [String] = []
    /// Nil of what is no approval.
    var approver: String?
    /// Places are kept for what is not there yet, so that pages do not shift.
    var isListed = true

    /// Every job that the workflow will have listed, as it is at `now`.
    static func all(
        of workflow: FakeWorkflow,
        _ approval: SiteApproval?,
        _ options: FakeSiteOptions,
        _ now: Timestamp
    ) -> [SiteJob] {
        let template = workflow.template
        var jobs: [SiteJob] = []
        if let approval { jobs.append(SiteJob(approval, of: workflow, now)) }
        for job in workflow.jobs {
            var listed = SiteJob(job, of: workflow, options, now)
            listed.dependencies = workflow.dependencies(of: job.name, template)
            jobs.append(listed)
        }
        guard options.listsNotRunJobs else { return jobs }
        let names = Set(workflow.jobs.map(\.name))
        let hasEndedEarly = ["failed", "canceled", "unauthorized"].contains(workflow.status)
        let configured = template?.stages.flatMap { $0 } ?? []
        for job in configured where hasEndedEarly && !names.contains(job.name) {
            var random = SiteExtras.random("\(workflow.id) \(job.name)", options.seed)
            var listed = SiteJob(id: random.uuid(), name: job.name, status: "not_run")
            listed.isListed = workflow.isEnded(at: now)
            // The description demands a start of every job.
            listed.startedAt = options.spelling == .documented ? workflow.stoppedAt : nil
            jobs.append(listed)
        }
        return jobs
    }

    private init(id: String, name: String, status: String) {
        self.id = id
        self.name = name
        self.status = status
    }

    /// On hold until the first job starts.
    private init(_ approval: SiteApproval, of workflow: FakeWorkflow, _ now: Timestamp) {
        let approvedAt = workflow.jobs.map(\.startedAt).min() ?? workflow.createdAt
        let isApproved = approvedAt <= now
        self.init(id: approval.id, name: "hold", status: isApproved ? "success" : "on_hold")
        number = approval.number
        startedAt = workflow.createdAt
        stoppedAt = isApproved ? approvedAt : nil
        approver = approval.approver
    }

    private init(_ job: FakeJob, of workflow: FakeWorkflow, _ options: FakeSiteOptions, _ now: Timestamp) {
        guard workflow.isStarted(job, at: now) else {
            var random = SiteExtras.random(job.id, options.seed)
            self.init(id: job.id, name: job.name, status: "not_running")
            // Some are listed before they start, some are not; documented answers list nothing without a start.
            isListed = options.spelling == .live && random.chance(0.5)
            return
        }
        let isEnded = workflow.isEnded(job, at: now)
        self.init(id: job.id, name: job.name, status: isEnded ? job.status : "running")
        number = job.number
        startedAt = job.startedAt
        stoppedAt = isEnded ? job.stoppedAt : nil
    }
}

extension FakeWorkflow {
    /// The configuration that the workflow ran; nil where a name of it is not found.
    var template: FakeWorkflowTemplate? {
        pipeline.project.workflows.first { $0.name == name && $0.isScheduled == (pipeline.trigger == .schedule) }
    }

    /// The ids of the jobs of the stage before the one that has the job of this name.
    func dependencies(of name: String, _ template: FakeWorkflowTemplate?) -> [String] {
        guard let template, let stage = template.stages.firstIndex(where: { $0.contains { $0.name == name } }),
            stage > 0
        else { return [] }
        let names = Set(template.stages[stage - 1].map(\.name))
        return jobs.filter { names.contains($0.name) }.map(\.id)
    }
}
