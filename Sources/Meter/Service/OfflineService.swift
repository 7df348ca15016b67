import EventLog
import Foundation
import Logging

/// The parts of a service without its listeners, for commands while no service runs. It holds the log, so none can start.
package enum OfflineService {
    /// - Parameters:
    ///   - environment: where settings, keys and tokens are looked for.
    ///   - body: given what can be done about connections. The snapshot keeps up with the log meanwhile.
    package static func run<Result: Sendable>(
        directory: DataDirectory,
        environment: [String: String] = ProcessInfo.processInfo.environment,
        _ body: (ConnectionOperations) async throws -> Result
    ) async throws -> Result {
        try directory.make()
        let settings = try await MeterSettings.load(directory: directory, commandLine: [:], environment: environment)
        var logger = Logger(label: "circlemeter") { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = max(settings.logLevel, .warning)
        let parts = try await MeterParts.open(settings, environment: environment, logger: logger)
        let projector = Task { try await parts.projector.run() }
        do {
            try await parts.circleci.reconciler.track()
            let result = try await body(ConnectionOperations(parts: parts))
            // Whoever reads the snapshot next expects to find what was just done.
            let log = parts.log
            try await PublishedKnowledge(
                published: parts.projector.published,
                durableSequence: { log.durableEnd.sequence }
            ).catchUp()
            await close(parts, projector)
            return result
        } catch {
            await close(parts, projector)
            throw error
        }
    }

    private static func close(_ parts: MeterParts, _ projector: Task<Void, any Error>) async {
        projector.cancel()
        _ = await projector.result
        await parts.circleci.close()
        await parts.log.close()
    }
}
