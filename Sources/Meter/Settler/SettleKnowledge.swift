import Usage
import Wire

/// What is settled already, as far as a settlement asks. Everything is derived from the log.
protocol SettleKnowledge: Sendable {
    /// Returns once all that was durable when it was called is in what the other functions tell.
    func catchUp() async throws
    /// What exports have said of the jobs of the pipelines that were created on a UTC day.
    func settlements(of connection: String, day: Day) async throws -> KnownSettlements
    /// The days that are closed, with the latest export that closed them.
    func settledDays(of connection: String) async throws -> [Day: Timestamp]
    /// How many job runs are known of each UTC day.
    func runCounts(of connection: String) async throws -> [Day: Int]
}

extension PublishedKnowledge: SettleKnowledge {
    func settlements(of connection: String, day: Day) async throws -> KnownSettlements {
        try await published.read(or: KnownSettlements()) { store in
            try KnownSettlements(try store.partition(connection: connection, day: day), day: day)
        }
    }

    func settledDays(of connection: String) async throws -> [Day: Timestamp] {
        let days = try await published.read(or: []) { try $0.settledDays() }
        return Dictionary(
            days.filter { $0.connection == connection }.map { ($0.day, $0.exportedAt) },
            uniquingKeysWith: max
        )
    }

    func runCounts(of connection: String) async throws -> [Day: Int] {
        try await published.read(or: [:]) { try $0.runCounts(of: connection) }
    }
}

/// Partitions looked up lately, so that rows in the order of their time cost one look-up a day.
struct SettlementCache {
    /// Least lately used first.
    private var partitions: [(day: Day, known: KnownSettlements)] = []
    private static let maximumJobs = 400_000

    /// Takes note of a row and says what it brings; nil where its partition has to be looked up first.
    mutating func see(_ item: ExportItem, exportedAt: Timestamp) -> KnownSettlements.Novelty? {
        guard use(item.pipelineDay) else { return nil }
        return partitions[partitions.count - 1].known
            .see(job: item.job, contentID: item.contentID, exportedAt: exportedAt)
    }

    mutating func add(_ known: KnownSettlements, of day: Day) {
        partitions.append((day, known))
        var count = partitions.reduce(0) { $0 + $1.known.count }
        while count > SettlementCache.maximumJobs, partitions.count > 1 {
            count -= partitions.removeFirst().known.count
        }
    }

    /// Makes a day's partition the last one; false where it is not there.
    private mutating func use(_ day: Day) -> Bool {
        if partitions.last?.day == day { return true }
        guard let place = partitions.firstIndex(where: { $0.day == day }) else { return false }
        partitions.append(partitions.remove(at: place))
        return true
    }
}
