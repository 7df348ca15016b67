import Wire

/// The runs of one connection whose pipelines were created on one UTC day: the same day in every source, so a late or
/// repeated event finds its run here.
struct Partition: Sendable {
    struct Key: Hashable, Sendable {
        var connection: Symbol
        var day: Day
    }

    let key: Key
    private(set) var runs: [Run] = []
    private var index = HashIndex()
    private let mixing = Mixing()
    private var changed: [Int32] = []
    private var isChanged: [Bool] = []
    /// Runs in what is stored, a run as often as it was written.
    private var storedCount = 0
    private var storedPieces = 0

    init(key: Key) {
        self.key = key
    }

    var hasChanges: Bool { !changed.isEmpty }

    /// Merges `version` into its run; the run's summaries before and after where they differ.
    mutating func merge(
        _ version: Version,
        into id: UInt128,
        kind: Run.Kind,
        links: RunLinks,
        settlement: Settlements.Wording? = nil,
        symbols: SymbolTable
    ) -> (before: RunSummary?, after: RunSummary?)? {
        guard let place = place(of: id, kind) else {
            var run = Run(id: id, kind: kind, version: version, links: links)
            if let settlement { _ = run.settle(settlement) }
            mark(add(run))
            return (nil, run.summary(pipelineDay: key.day))
        }
        let before = runs[place].summary(pipelineDay: key.day)
        let isNewVersion = runs[place].merge(version, links: links, symbols: symbols)
        let isNewSettlement = settlement.map { runs[place].settle($0) } ?? false
        #if SABOTAGE
            if Sabotage.plants("duplicate-counted-twice"), !isNewVersion, !isNewSettlement { return (nil, before) }
        #endif
        guard isNewVersion || isNewSettlement else { return nil }
        mark(place)
        let after = runs[place].summary(pipelineDay: key.day)
        return before == after ? nil : (before, after)
    }

    /// Takes in that a later usage export says of the job `id` what another said.
    mutating func confirm(_ id: UInt128, _ wording: Settlements.Wording) -> (before: RunSummary?, after: RunSummary?)? {
        let place = place(of: id, .job) ?? add(Run(confirmed: id))
        let before = runs[place].summary(pipelineDay: key.day)
        guard runs[place].settle(wording) else { return nil }
        mark(place)
        let after = runs[place].summary(pipelineDay: key.day)
        return before == after ? nil : (before, after)
    }

    /// A job and a workflow never share an id at CircleCI; should they, they are still two runs.
    @inline(__always)
    private func place(of id: UInt128, _ kind: Run.Kind) -> Int? {
        index.place(hash(id, kind)) { runs[$0].id == id && runs[$0].kind == kind }
    }

    private mutating func add(_ run: Run) -> Int {
        index.insert(runs.count, hash: hash(run.id, run.kind))
        runs.append(run)
        isChanged.append(false)
        return runs.count - 1
    }

    @inline(__always)
    private func hash(_ id: UInt128, _ kind: Run.Kind) -> UInt32 {
        let low = UInt64(truncatingIfNeeded: id)
        return mixing.hash(kind == .job ? low : ~low, UInt64(truncatingIfNeeded: id &>> 64))
    }

    private mutating func mark(_ place: Int) {
        guard !isChanged[place] else { return }
        isChanged[place] = true
        changed.append(Int32(place))
    }

    /// What has to be stored since the last call, all of it or an addition, and nothing where nothing changed.
    ///
    /// Additions make each advance cheap; all is written anew once the additions outweigh it, so a partition is stored
    /// at most about twice over.
    mutating func takePiece(symbols: SymbolTable) -> (replacesEarlier: Bool, bytes: [UInt8])? {
        guard hasChanges else { return nil }
        let replaces = storedPieces == 0 || storedPieces >= 100 || storedCount + changed.count > 2 * runs.count
        let bytes =
            replaces
            ? PartitionCoding.encode(runs, day: key.day, symbols: symbols)
            : PartitionCoding.encode(changed.lazy.map { [runs] in runs[Int($0)] }, day: key.day, symbols: symbols)
        storedCount = replaces ? runs.count : storedCount + changed.count
        storedPieces = replaces ? 1 : storedPieces + 1
        for index in changed { isChanged[Int(index)] = false }
        changed.removeAll(keepingCapacity: true)
        return (replaces, bytes)
    }

    /// Takes in one stored piece; a later piece's runs replace those of an earlier one.
    mutating func restore(_ bytes: [UInt8], symbols: inout SymbolTable) throws(UsageError) {
        #if SABOTAGE
            if Sabotage.plants("stored-partition-not-loaded") { return }
        #endif
        let restored = try PartitionCoding.decode(bytes, day: key.day, symbols: &symbols)
        for run in restored {
            if let place = place(of: run.id, run.kind) { runs[place] = run } else { _ = add(run) }
        }
        storedCount += restored.count
        storedPieces += 1
    }
}
