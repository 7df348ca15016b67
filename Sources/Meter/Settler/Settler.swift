import CircleCI
import EventLog
import Logging
import Usage
import Wire

/// Settles usage: from files, and from the exports that it asks CircleCI for.
actor Settler {
    /// What the settler works with.
    struct Surroundings: Sendable {
        var connections: ConnectionStore
        var knowledge: any SettleKnowledge
        /// Makes entries durable, in any order.
        var append: @Sendable ([LogEntry]) async throws -> Void
        var now: @Sendable () -> Timestamp
        var logger: Logger
    }

    private let surroundings: Surroundings
    private let turns = Turns()
    private var progress: [String: SettleProgress] = [:]

    init(_ surroundings: Surroundings) {
        self.surroundings = surroundings
    }

    /// How far the present settlement of a connection is; nil where none is under way.
    func progress(of connection: String) -> SettleProgress? { progress[connection] }

    /// Settles files, now or after what is under way for the connection.
    /// - Throws: `unknown_connection`; the log's errors. What is wrong with a file is in the report.
    func settle(
        _ id: String,
        _ request: SettleRequest,
        progress: @escaping @Sendable (SettleProgress) async -> Void
    ) async throws -> SettleReport {
        guard surroundings.connections.get(id) != nil else { throw MeterError.noConnection(id) }
        await turns.begin(id)
        do {
            let report = try await run(id, request, progress)
            self.progress[id] = nil
            await turns.end(id)
            return report
        } catch {
            self.progress[id] = nil
            await turns.end(id)
            throw error
        }
    }

    private func run(
        _ id: String,
        _ request: SettleRequest,
        _ progress: @escaping @Sendable (SettleProgress) async -> Void
    ) async throws -> SettleReport {
        try Task.checkCancellation()
        var settlement = Settlement(
            connection: id,
            request: request,
            knowledge: surroundings.knowledge,
            append: surroundings.append,
            now: surroundings.now,
            progress: { step in
                await self.note(step)
                await progress(step)
            }
        )
        let report = try await settlement.run()
        let rows = report.files.reduce(0) { $0 + $1.rows }
        let added = report.files.reduce(0) { $0 + $1.settled + $1.corrected }
        surroundings.logger.info(
            "settled",
            metadata: ["connection": "\(id)", "files": "\(report.files.count)", "rows": "\(rows)", "added": "\(added)"]
        )
        return report
    }

    private func note(_ step: SettleProgress) { progress[step.connection] = step }
}
