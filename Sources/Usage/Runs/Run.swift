import Wire

/// One job run or workflow run, merged from every event about it.
///
/// It keeps only those versions that can still decide something: a version goes once a greater one has every attribute
/// that it has. What is left depends on the set of events alone, not on their order or number.
struct Run: Sendable {
    enum Kind: UInt8, Sendable {
        case job
        case workflow
    }

    let id: UInt128
    let kind: Kind
    /// Bits of the sources that have named this run.
    private(set) var sources: UInt8
    /// The greatest version; it decides status and times.
    private(set) var latest: Version
    /// Lesser versions with attributes that every greater one lacks, greatest first.
    private(set) var earlier: [Version]
    private(set) var links: RunLinks
    /// What the usage export says of a job.
    private(set) var settlements: Settlements

    init(id: UInt128, kind: Kind, version: Version, links: RunLinks) {
        self.init(
            id: id,
            kind: kind,
            sources: version.source.bit,
            latest: version,
            earlier: [],
            links: links,
            settlements: Settlements()
        )
    }

    /// A job of which only a confirmation was seen: no run, until an event names it.
    init(confirmed id: UInt128) {
        var version = Version(eventID: 0, source: .meter)
        version.status = .notRun
        self.init(
            id: id,
            kind: .job,
            sources: 0,
            latest: version,
            earlier: [],
            links: RunLinks(),
            settlements: Settlements()
        )
    }

    init(
        id: UInt128,
        kind: Kind,
        sources: UInt8,
        latest: Version,
        earlier: [Version],
        links: RunLinks,
        settlements: Settlements
    ) {
        self.id = id
        self.kind = kind
        self.sources = sources
        self.latest = latest
        self.earlier = earlier
        self.links = links
        self.settlements = settlements
    }

    /// Takes in a row of the usage export or the confirmation of one; false where it said nothing that is not known.
    mutating func settle(_ wording: Settlements.Wording) -> Bool { settlements.merge(wording) }

    /// Takes in one more version; false where it said nothing that is not known.
    mutating func merge(_ version: Version, links: RunLinks, symbols: SymbolTable) -> Bool {
        let isNewLink = self.links.merge(links)
        let isNewSource = sources & version.source.bit == 0 || isNewLink
        sources |= version.source.bit
        if version == latest { return isNewSource }
        if earlier.isEmpty {
            // Nearly always: no more than these two.
            if latest.precedes(version, symbols: symbols) {
                if !version.covers(latest) { earlier = [latest] }
                latest = version
            } else {
                guard !latest.covers(version) else { return isNewSource }
                earlier = [version]
            }
            return true
        }
        var versions = [latest] + earlier
        let position = versions.firstIndex { $0.precedes(version, symbols: symbols) } ?? versions.count
        guard !versions[..<position].contains(where: { $0.covers(version) }) else { return isNewSource }
        versions.insert(version, at: position)
        var kept: [Version] = []
        for candidate in versions where !kept.contains(where: { $0.covers(candidate) }) { kept.append(candidate) }
        latest = kept[0]
        earlier = Array(kept.dropFirst())
        return true
    }

    /// What the greatest version says that says something. A closure, because a key path costs more than all the rest.
    @inline(__always)
    private func attribute(_ attribute: (Version) -> Symbol) -> Symbol {
        let greatest = attribute(latest)
        guard greatest.isNone, !earlier.isEmpty else { return greatest }
        for version in earlier {
            let symbol = attribute(version)
            if !symbol.isNone { return symbol }
        }
        return .none
    }

    var project: Symbol { attribute { $0.project } }

    private var workflowCreatedAt: Int64 {
        guard latest.workflowCreatedAt == Version.noTime else { return latest.workflowCreatedAt }
        return earlier.lazy.map(\.workflowCreatedAt).first { $0 != Version.noTime } ?? Version.noTime
    }

    /// From the greatest version's times; 0 where one is missing, never below 0.
    var durationMilliseconds: Int {
        guard latest.startedAt != Version.noTime, latest.stoppedAt != Version.noTime else { return 0 }
        return Int(max(0, (latest.stoppedAt - latest.startedAt) / 1000))
    }

    /// The UTC day of a job's start, else of its workflow's creation, else of its pipeline's; a workflow's of its
    /// creation, else of its pipeline's.
    func day(pipelineDay: Day) -> Day {
        if latest.startedAt != Version.noTime { return Timestamp(microseconds: latest.startedAt).day }
        let created = kind == .job ? workflowCreatedAt : Version.noTime
        return created != Version.noTime ? Timestamp(microseconds: created).day : pipelineDay
    }

    /// What the counters need of this run; two equal summaries count alike.
    func summary(pipelineDay: Day) -> RunSummary? {
        let settlement = settlements.latest
        // A job that was not run is no run; should CircleCI charge it all the same, it counts.
        guard latest.status != .notRun || settlement.map({ $0.content?.totalCredits != 0 }) ?? false else { return nil }
        return RunSummary(
            kind: kind,
            day: day(pipelineDay: pipelineDay),
            project: project,
            workflow: attribute { $0.workflow },
            job: attribute { $0.job },
            branch: attribute { $0.branch },
            person: attribute { $0.person },
            actor: attribute { $0.actor },
            status: latest.status,
            durationMilliseconds: durationMilliseconds,
            sources: sources,
            settlement: settlement?.content,
            corrections: settlements.corrections
        )
    }
}

/// What a run belongs to, by what ``KnownRun`` finds gaps. Events of one run never disagree about it; should they, the
/// greatest wins, so that order plays no part.
struct RunLinks: Equatable, Sendable {
    /// 0 where no event told it.
    var pipelineNumber: UInt32 = 0
    /// Of a job; 0 where no event told it.
    var number: UInt32 = 0
    /// Of a job; 0 where no event told it.
    var workflow: UInt128 = 0

    /// False where nothing changed.
    mutating func merge(_ other: RunLinks) -> Bool {
        let before = self
        pipelineNumber = max(pipelineNumber, other.pipelineNumber)
        number = max(number, other.number)
        workflow = max(workflow, other.workflow)
        return self != before
    }
}

/// A run as the counters see it.
struct RunSummary: Equatable, Sendable {
    var kind: Run.Kind
    var day: Day
    var project: Symbol
    var workflow: Symbol
    var job: Symbol
    var branch: Symbol
    var person: Symbol
    var actor: Symbol
    var status: Status
    var durationMilliseconds: Int
    var sources: UInt8
    /// What the latest usage export says; nil while the run is provisional.
    var settlement: SettlementContent?
    var corrections: Int

    func isNamed(by source: RecordSource) -> Bool { sources & source.bit != 0 }
}
