import Wire

/// What the usage export says of one job run: every wording that any export had, each with the latest export that had
/// it. The latest export decides, so it does not matter in which order they were taken in.
struct Settlements: Equatable, Sendable {
    struct Wording: Equatable, Sendable {
        /// The hash of what the row says; equal ids mean equal rows.
        var contentID: UInt128
        /// The latest export that says so, microseconds since 1970.
        var exportedAt: Int64
        /// Nil while only a confirmation of it was seen.
        var content: SettlementContent?
    }

    /// By content id.
    private(set) var wordings: [Wording] = []

    init(wordings: [Wording] = []) {
        self.wordings = wordings
    }

    var isEmpty: Bool { wordings.isEmpty }

    /// What the latest export says.
    var latest: Wording? {
        var latest: Wording?
        for wording in wordings where wording.content != nil {
            guard let known = latest else {
                latest = wording
                continue
            }
            #if SABOTAGE
                if Sabotage.plants("older-export-wins") {
                    if known.exportedAt > wording.exportedAt { latest = wording }
                    continue
                }
            #endif
            // Two rows for a run in one export: the greater id, so that order plays no part.
            if (known.exportedAt, known.contentID) < (wording.exportedAt, wording.contentID) { latest = wording }
        }
        return latest
    }

    /// How often an export said otherwise than another before it.
    var corrections: Int { max(0, wordings.count { $0.content != nil } - 1) }

    /// Takes in a row, or the confirmation of one; false where nothing new is said.
    mutating func merge(_ wording: Wording) -> Bool {
        guard let index = wordings.firstIndex(where: { $0.contentID >= wording.contentID }),
            wordings[index].contentID == wording.contentID
        else {
            let place = wordings.firstIndex { $0.contentID > wording.contentID } ?? wordings.count
            wordings.insert(wording, at: place)
            return true
        }
        let before = wordings[index]
        wordings[index].exportedAt = max(before.exportedAt, wording.exportedAt)
        if before.content == nil { wordings[index].content = wording.content }
        return wordings[index] != before
    }
}

/// What one row of the usage export says of its run, besides what every event says.
struct SettlementContent: Equatable, Sendable {
    struct FeatureCredits: Equatable, Sendable {
        var feature: Symbol
        /// Of a credit.
        var thousandths: Int64
    }

    static let notMeasured = Int32.min

    /// Those that are not zero.
    var credits: [FeatureCredits] = []
    /// Thousandths of a credit.
    var totalCredits: Int64 = 0
    var resourceClass = Symbol.none
    var executor = Symbol.none
    var operatingSystem = Symbol.none
    /// At least 1.
    var parallelism: Int64 = 1
    /// Hundredths of a percent, or ``notMeasured``.
    var medianCPU = SettlementContent.notMeasured
    var maximumCPU = SettlementContent.notMeasured
    var medianMemory = SettlementContent.notMeasured
    var maximumMemory = SettlementContent.notMeasured
    /// Who triggered the pipeline.
    var user = Symbol.none
    var isUnregistered: Bool?
}
