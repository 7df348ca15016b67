import Usage
import Wire

/// What the log knows, as far as the reconciler asks it. Everything is derived from the log, so nothing beside it needs
/// to survive a restart.
protocol ReconcileKnowledge: DescriptionKnowledge {
    /// Returns once all that was durable when it was called is in what the other functions tell.
    func catchUp() async throws
    /// Every project that events of the connection have named.
    func projects(of connection: String) async throws -> [ProjectName]
    /// The latest reconciliation of each project, by the project's id.
    func reconciliations(of connection: String) async throws -> [String: ProjectReconciliation]
    /// The job numbers told, by the project's id.
    func jobNumbers(of connection: String) async throws -> [String: NumberSet]
    /// The runs of the pipelines that were created on a UTC day.
    func runs(of connection: String, day: Day) async throws -> [KnownRun]
    /// What was said last of each connection, by its id.
    func saidConditions() async throws -> [String: SaidCondition]
    /// Places of the log that cannot be read.
    func damagedRanges() async throws -> [DamagedRange]
}

/// The runs of a project that the log knows, of the days asked for so far.
struct KnownRuns {
    private var runs: [UInt128: KnownRun] = [:]
    private var byPipeline: [Int: [UInt128]] = [:]
    private(set) var earliestStart: Timestamp?
    private(set) var latestStart: Timestamp?

    mutating func add(_ run: KnownRun) {
        // A job and a workflow never share an id at CircleCI; should they, they are still two runs.
        let key = KnownRuns.key(run.kind, run.id)
        var run = run
        if runs[key]?.isToldByWebhook == true { run.isToldByWebhook = true }
        if runs.updateValue(run, forKey: key) == nil, let number = run.pipelineNumber {
            byPipeline[number, default: []].append(key)
        }
        if run.kind == .job, let start = run.startedAt {
            earliestStart = min(start, earliestStart ?? start)
            latestStart = max(start, latestStart ?? start)
        }
    }

    subscript(kind: KnownRun.Kind, id: String) -> KnownRun? { runs[KnownRuns.key(kind, Identity.of(id))] }

    func ofPipeline(_ number: Int) -> [KnownRun] { (byPipeline[number] ?? []).compactMap { runs[$0] } }

    var all: some Collection<KnownRun> { runs.values }

    private static func key(_ kind: KnownRun.Kind, _ id: UInt128) -> UInt128 { kind == .job ? id : ~id }
}
