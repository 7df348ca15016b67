import Wire

/// A workflow that is about to start.
struct WorkflowStart: Sendable {
    let pipeline: FakePipeline
    /// The project's place in the list of all projects.
    let project: Int
    let template: FakeWorkflowTemplate
    let attempt: FakeWorkflow.Attempt
    let at: Timestamp
}

/// The workflow runs of a history in the order of their start. Holds those that are to be run again, and no more.
public struct FakeWorkflows: Sequence, Sendable {
    let options: FakeHistoryOptions
    let organizations: [FakeOrganization]

    public func makeIterator() -> Iterator {
        Iterator(options: options, projects: organizations.flatMap(\.projects))
    }

    public struct Iterator: IteratorProtocol, Sendable {
        private let options: FakeHistoryOptions
        private var random: SeededGenerator
        private var pipelines: PipelineMaker
        private var starts = TimeQueue<Timestamp, WorkflowStart>()
        private var jobNumbers: [Int]

        init(options: FakeHistoryOptions, projects: [FakeProject]) {
            self.options = options
            random = SeededGenerator(seed: options.eventSeed ^ 0x7772_6b66)
            pipelines = PipelineMaker(
                options: options,
                projects: projects,
                random: SeededGenerator(seed: options.eventSeed ^ 0x7069_7065)
            )
            jobNumbers = Array(repeating: 0, count: projects.count)
        }

        /// No workflow that is still to come starts before this; nil after the last.
        var nextStart: Timestamp? {
            guard let start = starts.firstKey else { return pipelines.nextCreation }
            return Swift.min(start, pipelines.nextCreation ?? start)
        }

        public mutating func next() -> FakeWorkflow? {
            while let creation = pipelines.nextCreation {
                if let start = starts.firstKey, start <= creation { break }
                startPipeline(at: creation)
            }
            guard let start = starts.removeFirst() else { return nil }
            var maker = WorkflowMaker(options: options, start: start, seed: random.next())
            let workflow = maker.make(jobNumber: &jobNumbers[start.project])
            startAgain(after: workflow, start)
            return workflow
        }

        private mutating func startPipeline(at creation: Timestamp) {
            let (pipeline, project) = pipelines.make(at: creation)
            let isScheduled = pipeline.trigger == .schedule
            for template in pipeline.project.workflows where template.isScheduled == isScheduled {
                let at = creation.adding(milliseconds: random.integer(in: 60...400))
                starts.add(
                    WorkflowStart(pipeline: pipeline, project: project, template: template, attempt: .first, at: at),
                    at: at
                )
            }
        }

        private mutating func startAgain(after workflow: FakeWorkflow, _ start: WorkflowStart) {
            let isManual = random.chance(options.oddities.manualReruns)
            let isAutomatic = random.chance(options.oddities.automaticReruns) && workflow.status == "failed"
            let moment = random.fraction()
            let attempt: FakeWorkflow.Attempt
            let delay: Double
            switch workflow.attempt {
            case .first where isAutomatic: (attempt, delay) = (.automatic(1), 2 + moment * 8)
            case .automatic(let number) where isAutomatic && number < 5:
                (attempt, delay) = (.automatic(number + 1), 2 + moment * 8)
            case .first where isManual: (attempt, delay) = (.manual(1), 600 * (1 + moment * moment * 1000))
            case .manual(let number) where isManual && number < 3:
                (attempt, delay) = (.manual(number + 1), 600 * (1 + moment * moment * 1000))
            default: return
            }
            let at = workflow.stoppedAt.adding(seconds: delay)
            starts.add(
                WorkflowStart(
                    pipeline: start.pipeline,
                    project: start.project,
                    template: start.template,
                    attempt: attempt,
                    at: at
                ),
                at: at
            )
        }
    }
}
