import Wire

/// What one event says about its run. Absent times are `Version.noTime`, absent texts `Symbol.none`.
struct Version: Sendable, Equatable {
    static let noTime = Int64.min

    var eventID: UInt128
    /// Microseconds since 1970.
    var stoppedAt = Version.noTime
    var happenedAt = Version.noTime
    /// A job's start, a workflow's creation.
    var startedAt = Version.noTime
    /// Of a job's workflow.
    var workflowCreatedAt = Version.noTime
    var project = Symbol.none
    var workflow = Symbol.none
    var job = Symbol.none
    var branch = Symbol.none
    var person = Symbol.none
    /// Who triggered the pipeline, where the event's source is one that says it.
    var actor = Symbol.none
    var statusWord = Symbol.none
    var status = Status.other
    var source: RecordSource

    /// The order in which versions of one run win: `stopped_at`, `happened_at`, webhook over api over export, event id.
    /// Two events that agree in all of these are ordered by what else they say, so that no set of events has two
    /// greatest versions.
    func precedes(_ other: Version, symbols: SymbolTable) -> Bool {
        #if SABOTAGE
            if Sabotage.plants("last-delivered-wins") { return true }
        #endif
        if stoppedAt != other.stoppedAt { return stoppedAt < other.stoppedAt }
        if happenedAt != other.happenedAt { return happenedAt < other.happenedAt }
        #if SABOTAGE
            if Sabotage.plants("source-order-swapped"), source != other.source {
                return source.rank > other.source.rank
            }
        #endif
        if source != other.source { return source.rank < other.source.rank }
        if eventID != other.eventID { return eventID < other.eventID }
        if startedAt != other.startedAt { return startedAt < other.startedAt }
        if workflowCreatedAt != other.workflowCreatedAt { return workflowCreatedAt < other.workflowCreatedAt }
        for (mine, theirs) in zip(texts, other.texts) where mine != theirs {
            return symbols.precedes(mine, theirs)
        }
        return false
    }

    /// Whether this version has every attribute that `other` has, so that a lesser `other` can never be asked again.
    func covers(_ other: Version) -> Bool {
        (workflowCreatedAt != Version.noTime || other.workflowCreatedAt == Version.noTime)
            && (!project.isNone || other.project.isNone) && (!workflow.isNone || other.workflow.isNone)
            && (!job.isNone || other.job.isNone) && (!branch.isNone || other.branch.isNone)
            && (!person.isNone || other.person.isNone)
            && (!actor.isNone || other.actor.isNone)
    }

    private var texts: [Symbol] {
        [statusWord, project, workflow, job, branch, person, actor]
    }
}

extension RecordSource {
    /// Higher wins between versions that agree in time.
    var rank: UInt8 {
        switch self {
        case .meter: 0
        case .export: 1
        case .api: 2
        case .webhook: 3
        }
    }

    /// A bit of a set of sources.
    var bit: UInt8 { 1 << rank }
}
