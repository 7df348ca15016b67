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

    /// Per job the content ids and the latest export of each, microseconds since 1970.
    private var wordings: [UInt128: [UInt128: Int64]] = [:]

    public init() {}

    /// From what is stored of a partition (``UsageStorage/partition(connection:day:)``).
    public init(_ pieces: [[UInt8]], day: Day) throws(UsageError) {
        var symbols = SymbolTable()
        var partition = Partition(key: Partition.Key(connection: .none, day: day))
        for piece in pieces { try partition.restore(piece, symbols: &symbols) }
        for run in partition.runs where run.kind == .job && !run.settlements.isEmpty {
            for wording in run.settlements.wordings where wording.content != nil {
                wordings[run.id, default: [:]][wording.contentID] = wording.exportedAt
            }
        }
    }

    /// How many jobs are settled.
    public var count: Int { wordings.count }

    /// Takes note of a row and says what it brings.
    public mutating func see(job: UInt128, contentID: UInt128, exportedAt: Timestamp) -> Novelty {
        let at = exportedAt.microseconds
        guard let known = wordings[job] else {
            wordings[job] = [contentID: at]
            return .settlement
        }
        wordings[job]?[contentID] = max(at, known[contentID] ?? at)
        guard let knownAt = known[contentID] else { return .correction }
        return at > knownAt ? .confirmation : .none
    }
}
