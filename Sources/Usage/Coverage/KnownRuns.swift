public import Wire

/// What the log knows of a run, as far as it matters for finding what it does not know.
public struct KnownRun: Hashable, Sendable {
    public enum Kind: Sendable {
        case job
        case workflow
    }

    public var kind: Kind
    public var id: UInt128
    /// As in the rows: the project's id, its slug where no event had an id.
    public var project: String
    /// Nil where no event told it.
    public var pipelineNumber: Int?
    /// Of a job, counted by project; nil for a workflow, and where no event told it.
    public var number: Int?
    /// Of a job's workflow; nil for a workflow, and where no event told it.
    public var workflowID: UInt128?
    /// Of the version that decides.
    public var startedAt: Timestamp?
    public var stoppedAt: Timestamp?
    public var isToldByWebhook: Bool
    /// Whether it was canceled, as its latest version says.
    public var isCanceled: Bool

    public init(
        kind: Kind,
        id: UInt128,
        project: String,
        pipelineNumber: Int?,
        number: Int?,
        workflowID: UInt128?,
        startedAt: Timestamp?,
        stoppedAt: Timestamp?,
        isToldByWebhook: Bool,
        isCanceled: Bool
    ) {
        self.kind = kind
        self.id = id
        self.project = project
        self.pipelineNumber = pipelineNumber
        self.number = number
        self.workflowID = workflowID
        self.startedAt = startedAt
        self.stoppedAt = stoppedAt
        self.isToldByWebhook = isToldByWebhook
        self.isCanceled = isCanceled
    }
}

extension KnownRun {
    /// The runs of the pipelines that a connection's projects created on one UTC day, from what is stored of them
    /// (``UsageStorage/partition(connection:day:)``).
    public static func read(_ pieces: [[UInt8]], day: Day) throws(UsageError) -> [KnownRun] {
        var symbols = SymbolTable()
        var partition = Partition(key: Partition.Key(connection: .none, day: day))
        for piece in pieces { try partition.restore(piece, symbols: &symbols) }
        func time(_ value: Int64) -> Timestamp? { value == Version.noTime ? nil : Timestamp(microseconds: value) }
        return partition.runs.filter { $0.sources != 0 }.map { run in
            KnownRun(
                kind: run.kind == .job ? .job : .workflow,
                id: run.id,
                project: symbols.string(run.project),
                pipelineNumber: run.links.pipelineNumber == 0 ? nil : Int(run.links.pipelineNumber),
                number: run.links.number == 0 ? nil : Int(run.links.number),
                workflowID: run.links.workflow == 0 ? nil : run.links.workflow,
                startedAt: time(run.latest.startedAt),
                stoppedAt: time(run.latest.stoppedAt),
                isToldByWebhook: run.sources & RecordSource.webhook.bit != 0,
                isCanceled: run.latest.status == .canceled
            )
        }
    }
}
