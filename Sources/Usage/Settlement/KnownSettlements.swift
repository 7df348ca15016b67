public import Wire

/// What earlier usage exports have said of the jobs of one partition, as far as it matters for finding what a further
/// one adds.
public struct KnownSettlements: Sendable {
    /// What a row brings to the log.
    public enum Novelty: Sendable {
        /// Its run was not settled.
        case settlement
        /// It says otherwise than an export before or after it.
        case correction
        /// It says what an earlier export said.
        case confirmation
        /// The log holds this row of this export, or of a later one.
        case none
    }

    /// What one row said, and the latest export that said it, microseconds since 1970.
    private struct Wording {
        var job: UInt128
        var contentID: UInt128
        var exportedAt: Int64
    }

    private var wordings: [Wording] = []
    /// By job.
    private var index = HashIndex()
    private let mixing = Mixing()
    /// How many jobs are settled.
    public private(set) var count = 0

    public init() {}

    /// From what is stored of a partition (``UsageStorage/partition(connection:day:)``).
    public init(_ pieces: [[UInt8]], day: Day) throws(UsageError) {
        var symbols = SymbolTable()
        var partition = Partition(key: Partition.Key(connection: .none, day: day))
        for piece in pieces { try partition.restore(piece, symbols: &symbols) }
        for run in partition.runs where run.kind == .job && !run.settlements.isEmpty {
            for wording in run.settlements.wordings where wording.content != nil {
                _ = see(
                    job: run.id,
                    contentID: wording.contentID,
                    exportedAt: Timestamp(microseconds: wording.exportedAt)
                )
            }
        }
    }

    /// Takes note of a row and says what it brings.
    public mutating func see(job: UInt128, contentID: UInt128, exportedAt: Timestamp) -> Novelty {
        let at = exportedAt.microseconds
        let hash = mixing.hash(UInt64(truncatingIfNeeded: job), UInt64(truncatingIfNeeded: job &>> 64))
        if let place = index.place(hash, where: { wordings[$0].job == job && wordings[$0].contentID == contentID }) {
            guard at > wordings[place].exportedAt else { return .none }
            wordings[place].exportedAt = at
            return .confirmation
        }
        let isKnown = index.place(hash) { wordings[$0].job == job } != nil
        index.insert(wordings.count, hash: hash)
        wordings.append(Wording(job: job, contentID: contentID, exportedAt: at))
        if !isKnown { count += 1 }
        return isKnown ? .correction : .settlement
    }
}
