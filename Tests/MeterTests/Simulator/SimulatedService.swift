import CircleCI
import EventLog
import FakeCircleCI
import HTTPTypes
import Logging
import Synchronization
import Wire

@testable import Meter

/// One life of the service's process: all that ``MeterService`` runs but its listeners, the dashboard and the usage export,
/// on a simulated clock, disk and network.
final class SimulatedService: Sendable {
    let log: EventLog
    let store: ConnectionStore
    let projector: Projector
    let monitor: ConnectionMonitor
    let reconciler: Reconciler
    let administration: ConnectionAdministration
    let knowledge: PublishedKnowledge
    let saidReconnect: SaidReconnect
    private let intake: DeliveryIntake
    private let projecting: Task<Void, any Error>

    private static let logger = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }

    /// - Throws: `LogError` where the log cannot be opened; nothing runs then.
    static func start(in world: SimulatedWorld) async throws -> SimulatedService {
        let (time, disk, directory, options) = (world.time, world.disk, world.directory, world.logOptions)
        let log = try await onOwnThread("circlemeter.open") {
            try EventLog.open(
                directory: directory.log,
                options: options,
                fileSystem: disk,
                now: { time.clock },
                deduplicationKey: { record in
                    record.source == .webhook
                        ? record.withBody { DeliveryKey.of($0, connection: record.connection) } : nil
                }
            )
        }
        do {
            let people = try PeopleSource(directory, environment: [:], logger: logger)
            let quarantine = try Quarantine.open(dataDirectory: directory.path)
            let refused = try RefusedDeliveries.open(dataDirectory: directory.path, now: time.clock)
            let store = try await ConnectionStore.open(dataDirectory: directory.path, vault: Vault(world.masterKey))
            let service = SimulatedService(world, log, people, quarantine, refused, store)
            try await service.reconciler.track()
            return service
        } catch {
            await log.close()
            throw error
        }
    }

    private init(
        _ world: SimulatedWorld,
        _ log: EventLog,
        _ people: PeopleSource,
        _ quarantine: Quarantine,
        _ refused: RefusedDeliveries,
        _ store: ConnectionStore
    ) {
        let (time, network, seed) = (world.time, world.network, world.seed)
        let now: @Sendable () -> Timestamp = { time.clock }
        let logger = SimulatedService.logger
        self.log = log
        self.store = store
        let projector = Projector(
            directory: world.directory,
            log: log,
            people: people,
            pause: .zero,
            logger: logger
        )
        self.projector = projector
        let saidReconnect = SaidReconnect()
        self.saidReconnect = saidReconnect
        let appendOne: @Sendable (LogEntry) async throws -> Void = { entry in
            _ = try await log.append(entry)
            saidReconnect.look(at: entry)
        }
        monitor = ConnectionMonitor(append: appendOne, notify: { _ in }, now: now, logger: logger)
        let knowledge = PublishedKnowledge(
            published: projector.published,
            durableSequence: { log.durableEnd.sequence }
        )
        self.knowledge = knowledge
        let clients = SimulatedClients { key in
            CircleCIClient(
                baseURL: "https://circleci.com",
                key: key,
                budget: APIBudget(clock: time.ofAPI, random: SeededGenerator(seed: seed)),
                execute: { try await network.execute($0) }
            )
        }
        reconciler = Reconciler(
            Reconciler.Surroundings(
                connections: store,
                monitor: monitor,
                knowledge: knowledge,
                api: { try clients.client($0) },
                append: { try await log.append($0) },
                now: now,
                sleep: { duration in
                    try Task.checkCancellation()
                    time.pass(duration)
                },
                reconciled: { _ in },
                logger: logger
            ),
            options: world.reconcileOptions,
            period: nil
        )
        administration = ConnectionAdministration(
            store: store,
            monitor: monitor,
            makeAPI: { try clients.client($0) },
            publicURL: "https://meter.example",
            append: appendOne,
            now: now
        )
        intake = DeliveryIntake(
            connections: store,
            log: log,
            quarantine: quarantine,
            refused: refused,
            metrics: ReceiverMetrics(OpenMetricsRegistry()),
            now: now,
            logger: logger
        )
        projecting = Task { try await projector.run() }
    }

    /// Posts a delivery; the answer's status.
    func deliver(_ body: [UInt8], signature: String, to connection: String) async -> Int {
        switch intake.admit(connection: connection, signature: signature) {
        case .answered(let answer): answer.status.code
        case .admitted(let head):
            await withCheckedContinuation { continuation in
                intake.take(head, body: body) { continuation.resume(returning: $0.status.code) }
            }
        }
    }

    /// Ends all that runs, as a signal does. Of a process that is dead only memory is given back by it.
    func end() async {
        projecting.cancel()
        _ = await projecting.result
        await log.close()
        try? await projector.published.replace { nil }
    }
}

/// The clients of a process, one for each key, so that whoever calls with one key shares its budget.
private final class SimulatedClients: Sendable {
    private let make: @Sendable (APIKey) -> CircleCIClient
    private let clients = Mutex<[[UInt8]: CircleCIClient]>([:])

    init(_ make: @escaping @Sendable (APIKey) -> CircleCIClient) {
        self.make = make
    }

    func client(_ key: Secret) throws -> CircleCIClient {
        let made = make(try key.asAPIKey())
        return clients.withLock { clients in
            if let known = clients[key.bytes] { return known }
            clients[key.bytes] = made
            return made
        }
    }
}

/// Connections of which the log says that their key is dead.
final class SaidReconnect: Sendable {
    private let said = Mutex<Set<String>>([])

    var connections: Set<String> { said.withLock { $0 } }

    func look(at entry: LogEntry) {
        guard String(decoding: entry.body, as: UTF8.self).contains("\"reconnect_required\"") else { return }
        said.withLock { _ = $0.insert(entry.connection) }
    }
}
