import EventLog
import Usage
import Wire

/// What the published snapshot knows of the log.
struct PublishedKnowledge: ReconcileKnowledge {
    let published: PublishedSnapshot
    /// The log's durable end.
    let durableSequence: @Sendable () -> Int

    func catchUp() async throws {
        let end = durableSequence()
        // A damaged snapshot is made anew by the projector.
        for await sequence in published.sequences() where sequence >= end && !published.isDamaged { return }
        throw CancellationError()
    }

    func projects(of connection: String) async throws -> [ProjectName] {
        try await published.read(or: []) { try $0.projects() }.filter { $0.connection == connection }
    }

    func reconciliations(of connection: String) async throws -> [String: ProjectReconciliation] {
        let all = try await published.read(or: []) { try $0.reconciliations() }
        return Dictionary(
            all.filter { $0.connection == connection }.map { ($0.project, $0) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    func jobNumbers(of connection: String) async throws -> [String: NumberSet] {
        let all = try await published.read(or: []) { try $0.jobNumbers() }
        return Dictionary(
            all.filter { $0.connection == connection }.map { ($0.project, $0.numbers) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    func runs(of connection: String, day: Day) async throws -> [KnownRun] {
        try await published.read(or: []) { store in
            try KnownRun.read(try store.partition(connection: connection, day: day), day: day)
        }
    }

    func saidConditions() async throws -> [String: SaidCondition] {
        let states = try await published.read(or: []) { try $0.connections() }
        return Dictionary(
            states.map { ($0.connection, SaidCondition($0)) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    func damagedRanges() async throws -> [DamagedRange] {
        try await published.read(or: []) { try $0.damagedRanges() }
    }
}
