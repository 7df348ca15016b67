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
    private var indices: [UInt128: Int32] = [:]
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
        // A job and a workflow never share an id at CircleCI; should they, they are still two runs.
        let identity = kind == .job ? id : ~id
        guard let index = indices[identity] else {
            var run = Run(id: id, kind: kind, version: version, links: links)
            if let settlement { _ = run.settle(settlement) }
            indices[identity] = Int32(runs.count)
            runs.append(run)
            isChanged.append(false)
            mark(Int32(runs.count - 1))
            return (nil, run.summary(pipelineDay: key.day))
        }
        let before = runs[Int(index)].summary(pipelineDay: key.day)
        let isNewVersion = runs[Int(index)].merge(version, links: links, symbols: symbols)
        let isNewSettlement = settlement.map { runs[Int(index)].settle($0) } ?? false
        #if SABOTAGE
            if Sabotage.plants("duplicate-counted-twice"), !isNewVersion, !isNewSettlement { return (nil, before) }
        #endif
        guard isNewVersion || isNewSettlement else { return nil }
        mark(index)
        let after = runs[Int(index)].summary(pipelineDay: key.day)
        return before == after ? nil : (before, after)
    }

    /// Takes in that a later usage export says of the job `id` what another said.
    mutating func confirm(_ id: UInt128, _ wording: Settlements.Wording) -> (before: RunSummary?, after: RunSummary?)? {
        if indices[id] == nil {
            indices[id] = Int32(runs.count)
            runs.append(Run(confirmed: id))
            isChanged.append(false)
        }
        guard let index = indices[id] else { return nil }
        let before = runs[Int(index)].summary(pipelineDay: key.day)
        guard runs[Int(index)].settle(wording) else { return nil }
        mark(index)
        let after = runs[Int(index)].summary(pipelineDay: key.day)
        return before == after ? nil : (before, after)
    }

    private mutating func mark(_ index: Int32) {
        guard !isChanged[Int(index)] else { return }
        isChanged[Int(index)] = true
        changed.append(index)
    }

    /// What has to be stored since the last call, all of it or an addition, and nothing where nothing changed.
    ///
    /// Additions make each advance cheap; all is written anew once the additions outweigh it, so a partition is stored
    /// at most about twice over.
    mutating func takePiece(symbols: SymbolTable) -> (replacesEarlier: Bool, bytes: [UInt8])? {
        guard hasChanges else { return nil }
        let replaces = storedPieces == 0 || storedPieces >= 100 || storedCount + changed.count > 2 * runs.count
        let pieces = replaces ? runs : changed.map { runs[Int($0)] }
        storedCount = replaces ? runs.count : storedCount + changed.count
        storedPieces = replaces ? 1 : storedPieces + 1
        for index in changed { isChanged[Int(index)] = false }
        changed.removeAll(keepingCapacity: true)
        return (replaces, PartitionCoding.encode(pieces, day: key.day, symbols: symbols))
    }

    /// Takes in one stored piece; a later piece's runs replace those of an earlier one.
    mutating func restore(_ bytes: [UInt8], symbols: inout SymbolTable) throws(UsageError) {
        #if SABOTAGE
            if Sabotage.plants("stored-partition-not-loaded") { return }
        #endif
        let restored = try PartitionCoding.decode(bytes, day: key.day, symbols: &symbols)
        for run in restored {
            let identity = run.kind == .job ? run.id : ~run.id
            if let index = indices[identity] {
                runs[Int(index)] = run
            } else {
                indices[identity] = Int32(runs.count)
                runs.append(run)
                isChanged.append(false)
            }
        }
        storedCount += restored.count
        storedPieces += 1
    }
}
