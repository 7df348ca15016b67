public import Wire

/// The true runs of a history.
struct FakeRuns: Sequence, Sendable {
    let workflows: FakeWorkflows
    let api: APIView?
    let isTold: @Sendable (PlannedEvent) -> Bool

    init(workflows: FakeWorkflows, api: APIView? = nil, isTold: @escaping @Sendable (PlannedEvent) -> Bool) {
        self.workflows = workflows
        self.api = api
        self.isTold = isTold
    }

    func makeIterator() -> Iterator {
        Iterator(source: self, workflows: workflows.makeIterator())
    }

    struct Iterator: IteratorProtocol {
        private let source: FakeRuns
        private var workflows: FakeWorkflows.Iterator
        private var runs: [TrueRun] = []
        private var position = 0

        fileprivate init(source: FakeRuns, workflows: FakeWorkflows.Iterator) {
            self.source = source
            self.workflows = workflows
        }

        mutating func next() -> TrueRun? {
            while position == runs.count {
                guard let workflow = workflows.next() else { return nil }
                let events = EventPlanner.events(of: workflow, options: source.workflows.options)
                runs = TrueRun.runs(of: workflow, events.filter(source.isTold), api: source.api)
                position = 0
            }
            position += 1
            return runs[position - 1]
        }
    }
}

/// The API, read completely at an instant.
struct APIView: Sendable {
    let now: Timestamp
    /// Pipelines whose workflows, and workflows whose jobs, could not be read.
    let exceptions: Set<String>

    /// Whether the API tells how the workflow ended.
    func tells(_ workflow: FakeWorkflow) -> Bool {
        workflow.isEnded(at: now) && !exceptions.contains(workflow.pipeline.id)
    }

    /// Whether the API tells how the job ended.
    func tells(_ job: FakeJob, of workflow: FakeWorkflow) -> Bool {
        workflow.isEnded(job, at: now) && exceptions.isDisjoint(with: [workflow.pipeline.id, workflow.id])
    }
}

extension FakeHistory {
    /// The runs that a meter must know which took a part of the deliveries and then read the API completely.
    ///
    /// The API has whole seconds and no author. It adds to a run that no delivery tells, and to one whose stop the
    /// deliveries leave out or tell a second or more before the API's: such a run has the API's start, stop and
    /// workflow name, and the duration between them. Every other run is as the deliveries tell it. What has not ended
    /// at `now` is told by deliveries alone; an ended job of a workflow that still runs is told by the API.
    ///
    /// - Parameters:
    ///   - isTold: Whether the delivery of this webhook's id and event id counts.
    ///   - now: When the API was read.
    ///   - exceptions: What could not be fetched: of a pipeline nothing, of a workflow its jobs are missing.
    public func runs(
        toldBy isTold: @escaping @Sendable (_ webhookID: String, _ eventID: String) -> Bool,
        apiAsOf now: Timestamp,
        except exceptions: Set<String> = []
    ) -> some Sequence<TrueRun> & Sendable {
        FakeRuns(workflows: workflows, api: APIView(now: now, exceptions: exceptions)) { isTold($0.webhookID, $0.id) }
    }
}
