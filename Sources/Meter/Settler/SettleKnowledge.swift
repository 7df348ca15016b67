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
    private var partitions: [Day: KnownSettlements] = [:]
    /// Least lately used first.
    private var order: [Day] = []
    private static let maximumJobs = 400_000

    mutating func see(
        _ item: ExportItem,
        exportedAt: Timestamp,
        load: (Day) async throws -> KnownSettlements
    ) async throws -> KnownSettlements.Novelty {
        if partitions[item.pipelineDay] == nil {
            partitions[item.pipelineDay] = try await load(item.pipelineDay)
            order.append(item.pipelineDay)
            makeRoom()
        } else if order.last != item.pipelineDay {
            order.removeAll { $0 == item.pipelineDay }
            order.append(item.pipelineDay)
        }
        return partitions[item.pipelineDay]?.see(job: item.job, contentID: item.contentID, exportedAt: exportedAt)
            ?? .settlement
    }

    private mutating func makeRoom() {
        var count = partitions.values.reduce(0) { $0 + $1.count }
        while count > SettlementCache.maximumJobs, order.count > 1 {
            let day = order.removeFirst()
            count -= partitions.removeValue(forKey: day)?.count ?? 0
        }
    }
}
