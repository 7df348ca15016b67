import Wire

/// An approval that a workflow waited for: listed by the API as a job, and no run.
struct SiteApproval: Sendable {
    let id: String
    /// Some have one; job details know none of them.
    let number: Int?
    let approver: String
}

/// Makes what the API has and the history has not, the same for equal options and histories.
struct SiteExtras {
    private let options: FakeSiteOptions
    private let project: FakeProject
    private var pipelineNumber: Int
    private var jobNumber: Int

    init(options: FakeSiteOptions, project: SiteProject) {
        self.options = options
        self.project = project.fake
        pipelineNumber = project.pipelines.map(\.fake.number).max() ?? 0
        jobNumber = project.jobs.keys.max() ?? 0
    }

    mutating func erroredPipeline(after pipeline: SitePipeline) -> SitePipeline? {
        var random = Self.random(pipeline.fake.id, options.seed)
        guard random.chance(options.erroredPipelines) else { return nil }
        pipelineNumber += 1
        let fake = FakePipeline(
            project: project,
            id: random.uuid(),
            number: pipelineNumber,
            createdAt: pipeline.fake.createdAt.adding(milliseconds: random.integer(in: 0...300_000)),
            trigger: .push,
            isFork: false,
            commit: pipeline.fake.commit
        )
        return SitePipeline(fake: fake, isErrored: true)
    }

    mutating func approval(of workflow: FakeWorkflow) -> SiteApproval? {
        var random = Self.random(workflow.id, options.seed)
        guard random.chance(options.approvals), !workflow.jobs.isEmpty else { return nil }
        let isNumbered = random.chance(0.5)
        if isNumbered { jobNumber += 1 }
        return SiteApproval(id: random.uuid(), number: isNumbered ? jobNumber : nil, approver: random.uuid())
    }

    /// Random numbers of a thing's own.
    static func random(_ id: String, _ seed: UInt64) -> SeededGenerator {
        SeededGenerator(seed: UInt64(truncatingIfNeeded: Identity.of(id)) ^ seed)
    }
}
