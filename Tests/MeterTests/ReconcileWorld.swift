import AsyncHTTPClient
import CircleCI
import EventLog
import FakeCircleCI
import Logging
import Synchronization
import TestSupport
import Usage
import Wire

@testable import Meter

/// A log in memory with the reducer behind it: what the reconciler writes to and asks.
final class MemoryLog: ReconcileKnowledge {
    private struct State {
        var tables = UsageTables()
        var reducer: Reducer
        var entries: [LogEntry] = []
        var keys: Set<UInt128> = []
    }

    private let state: Mutex<State>
    let damages: Mutex<[DamagedRange]> = Mutex([])

    init() {
        state = Mutex(State(reducer: try! Reducer(storage: UsageTables())))
    }

    func append(_ entries: [LogEntry]) throws {
        try state.withLock { state in
            for entry in entries {
                if let key = entry.deduplicationKey, !state.keys.insert(key).inserted { continue }
                state.entries.append(entry)
                let connection = Array(entry.connection.utf8)
                try entry.body.withUnsafeBytes { body in
                    let event = try EventScanner.event(in: body)
                    _ = try connection.withUnsafeBytes { connection in
                        try state.reducer.fold(
                            event,
                            in: body,
                            connection: connection,
                            source: entry.source,
                            storage: state.tables
                        )
                    }
                }
            }
            state.tables.apply(state.reducer.takeChanges())
        }
    }

    var entries: [LogEntry] { state.withLock { $0.entries } }
    var snapshot: Snapshot { state.withLock { $0.tables.snapshot(position: nil) } }

    /// Records of a source; of the API's, those about runs.
    func count(_ source: RecordSource) -> Int { entries.count { $0.source == source && !$0.isDescription } }

    /// What the API told of the machines of jobs.
    var descriptions: [LogEntry] { entries.filter(\.isDescription) }

    func catchUp() async throws {}

    func partition(connection: String, day: Day) -> [[UInt8]] {
        state.withLock { $0.tables.partition(connection: connection, day: day) }
    }

    func sightings(of connection: String, day: Day) async throws -> [JobSighting] {
        try JobSighting.read(partition(connection: connection, day: day), day: day)
    }

    func settledJobs(of connection: String) async throws -> [JobName] {
        snapshot[.resources].filter { $0.key.connection == connection }.map {
            JobName(project: $0.key.texts[0], workflow: $0.key.texts[1], job: $0.key.texts[2])
        }
    }

    func jobDescriptions(of connection: String) async throws -> [JobDescription] {
        state.withLock { $0.tables.jobDescriptions() }.filter { $0.connection == connection }
    }

    func rateCard() -> RateCardState? { state.withLock { $0.tables.rateCard() } }

    func settledDays() -> [SettledDay] { state.withLock { $0.tables.settledDays() } }

    func projects(of connection: String) async throws -> [ProjectName] {
        state.withLock { $0.tables.projects() }.filter { $0.connection == connection }
    }

    func reconciliations(of connection: String) async throws -> [String: ProjectReconciliation] {
        let all = state.withLock { $0.tables.reconciliations() }.filter { $0.connection == connection }
        return Dictionary(uniqueKeysWithValues: all.map { ($0.project, $0) })
    }

    func jobNumbers(of connection: String) async throws -> [String: NumberSet] {
        let all = state.withLock { $0.tables.jobNumbers() }.filter { $0.connection == connection }
        return Dictionary(uniqueKeysWithValues: all.map { ($0.project, $0.numbers) })
    }

    func runs(of connection: String, day: Day) async throws -> [KnownRun] {
        try KnownRun.read(state.withLock { $0.tables.partition(connection: connection, day: day) }, day: day)
    }

    func saidConditions() async throws -> [String: SaidCondition] { [:] }
    func damagedRanges() async throws -> [DamagedRange] { damages.withLock { $0 } }
}

extension LogEntry {
    var isDescription: Bool { source == .api && String(decoding: body, as: UTF8.self).contains("\"job-described\"") }
}

/// A made-up CircleCI with its API, a log that took a part of its deliveries, and a reconciler between them.
final class ReconcileWorld: Sendable {
    static let key = "a-key-for-tests"

    let site: FakeSite
    let log: MemoryLog
    let monitor: ConnectionMonitor
    let notices = Mutex<[Notice]>([])
    let store: ConnectionStore
    let told: Mutex<Set<DeliveredEvent>> = Mutex([])
    /// The site's, made once.
    private let deliveries: [GeneratedDelivery]
    let directory = TemporaryDirectory()
    let clients: APIClients
    private let options: ReconcileOptions

    /// Runs `body` in a world of its own.
    static func run<Result>(
        _ history: FakeHistory,
        site siteOptions: FakeSiteOptions = FakeSiteOptions(),
        options: ReconcileOptions = .immediate,
        _ body: (ReconcileWorld) async throws -> Result
    ) async throws -> Result {
        try await FakeSite.run(history, options: siteOptions) { site, url in
            let world = try await ReconcileWorld(site: site, url: url, options: options)
            do {
                let result = try await body(world)
                await world.clients.shutdown()
                return result
            } catch {
                await world.clients.shutdown()
                throw error
            }
        }
    }

    private init(site: FakeSite, url: String, options: ReconcileOptions) async throws {
        self.site = site
        deliveries = Array(site.history.deliveries)
        self.options = options
        clients = APIClients(baseURL: url, callsPerSecond: 100_000) { _ in }
        let log = MemoryLog()
        self.log = log
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let notified = Notified()
        monitor = ConnectionMonitor(
            append: { try log.append([$0]) },
            notify: { notice in notified.notices.withLock { $0.append(notice) } },
            now: { site.now },
            logger: logger
        )
        store = try await ConnectionStore.open(dataDirectory: directory.path("."), vault: Vault(.random()))
        site.addKey(ReconcileWorld.key, login: "dev-1")
        for organization in site.history.organizations {
            let connection = try Connection(
                id: LiveService.connection(organization.index),
                organization: organization.projects[0].slug.split(separator: "/").prefix(2).joined(separator: "/"),
                webhookSecrets: [Connection.WebhookSecret(Secret(Array("secret".utf8)))],
                projects: organization.projects.map(\.slug),
                addedAt: site.now,
                apiKey: Secret(Array(ReconcileWorld.key.utf8))
            )
            try await store.add(connection)
            await monitor.track(connection, said: nil)
        }
    }

    private final class Notified: Sendable {
        let notices = Mutex<[Notice]>([])
    }

    /// A reconciler that remembers nothing, as after a restart.
    /// - Parameter now: The machine's clock; nil: it is right.
    func reconciler(
        append: (@Sendable ([LogEntry]) async throws -> Void)? = nil,
        now: (@Sendable () -> Timestamp)? = nil
    ) -> Reconciler {
        let (log, clients, site) = (log, clients, site)
        return Reconciler(
            Reconciler.Surroundings(
                connections: store,
                monitor: monitor,
                knowledge: log,
                api: { try clients.client($0) },
                append: append ?? { try log.append($0) },
                now: now ?? { site.now },
                sleep: { _ in try Task.checkCancellation() },
                reconciled: { _ in },
                logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            ),
            options: options,
            period: nil
        )
    }

    /// Takes the deliveries through the site's time of which `isTaken` is true, in an order of its own.
    func take(
        seed: UInt64,
        through instant: Timestamp? = nil,
        _ isTaken: (GeneratedDelivery) -> Bool
    ) throws {
        var random = SeededGenerator(seed: seed)
        let now = instant ?? site.now
        var entries: [LogEntry] = []
        for delivery in deliveries where delivery.sentAt <= now && isTaken(delivery) {
            let event = DeliveredEvent(webhookID: delivery.webhookID, eventID: delivery.eventID)
            guard told.withLock({ $0.insert(event).inserted }) else { continue }
            let entry = LogEntry(
                receivedAt: delivery.sentAt,
                source: .webhook,
                connection: LiveService.connection(delivery.organizationIndex),
                body: delivery.body
            )
            entries.append(entry)
            if Double.random(in: 0..<1, using: &random) < 0.1 { entries.append(entry) }
        }
        entries.shuffle(using: &random)
        try log.append(entries)
    }

    /// The runs that the log must know once the API was read completely.
    func truth(except exceptions: Set<String> = []) -> Truth {
        let told = told.withLock { $0 }
        return Truth(
            site.history.runs(
                toldBy: { told.contains(DeliveredEvent(webhookID: $0, eventID: $1)) },
                apiAsOf: site.now,
                except: exceptions
            )
        )
    }

    var connectionIDs: [String] { site.history.organizations.map { LiveService.connection($0.index) } }
}

extension ReconcileOptions {
    /// Nothing is left to webhooks that may be on their way.
    static var immediate: ReconcileOptions {
        var options = ReconcileOptions()
        options.graceSeconds = 0
        options.backfillSeconds = 400 * 86_400
        return options
    }
}

extension FakeHistoryOptions {
    /// Some days of a small organization with every surprise.
    static func small(seed: UInt64, oddities: OddityRates = OddityRates(all: 0.12)) -> FakeHistoryOptions {
        var options = FakeHistoryOptions(seed: seed, firstDay: Day("2026-11-02")!)
        options.dayCount = 3
        options.pipelinesPerDay = 8
        options.oddities = oddities
        return options
    }
}
