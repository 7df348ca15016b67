public import Wire

/// A job that ran: the run of it by which CircleCI can be asked for its machine.
public struct JobSighting: Hashable, Sendable {
    /// As in the rows: the project's id, its slug where no event had an id.
    public var project: String
    public var workflow: String
    public var job: String
    /// The run's number, counted by project.
    public var number: Int
    /// When the run was.
    public var startedAt: Timestamp

    public init(project: String, workflow: String, job: String, number: Int, startedAt: Timestamp) {
        self.project = project
        self.workflow = workflow
        self.job = job
        self.number = number
        self.startedAt = startedAt
    }
}

extension JobSighting {
    /// The numbered job runs of the pipelines that a connection's projects created on one UTC day, in no order, from
    /// what is stored of them (``UsageStorage/partition(connection:day:)``). Runs that are settled are left out: the
    /// export tells their machine.
    public static func read(_ pieces: [[UInt8]], day: Day) throws(UsageError) -> [JobSighting] {
        var symbols = SymbolTable()
        var partition = Partition(key: Partition.Key(connection: .none, day: day))
        for piece in pieces { try partition.restore(piece, symbols: &symbols) }
        var sightings: [JobSighting] = []
        for run in partition.runs where run.kind == .job && run.links.number != 0 && run.sources != 0 {
            guard run.latest.startedAt != Version.noTime, let summary = run.summary(pipelineDay: day),
                summary.settlement == nil
            else { continue }
            sightings.append(
                JobSighting(
                    project: symbols.string(summary.project),
                    workflow: symbols.string(summary.workflow),
                    job: symbols.string(summary.job),
                    number: Int(run.links.number),
                    startedAt: Timestamp(microseconds: run.latest.startedAt)
                )
            )
        }
        return sightings
    }
}
