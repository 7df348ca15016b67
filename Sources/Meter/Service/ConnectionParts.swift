import CircleCI
import EventLog
import Logging
import Usage
import Wire

/// What asks CircleCI and looks after connections.
struct ConnectionParts: Sendable {
    let metrics: ConnectionMetrics
    let clock: ClockWatch
    let clients: APIClients
    let notices: NoticeSender
    let noticeTransport: HTTPNoticeTransport
    let monitor: ConnectionMonitor
    let administration: ConnectionAdministration
    let invitations: InvitationStore
    let reconciler: Reconciler
    let settler: Settler

    init(
        _ settings: MeterSettings,
        store: ConnectionStore,
        log: EventLog,
        published: PublishedSnapshot,
        registry: OpenMetricsRegistry,
        logger: Logger
    ) throws {
        let metrics = ConnectionMetrics(registry)
        let clock = ClockWatch()
        let clients = APIClients(baseURL: settings.circleciURL, callsPerSecond: settings.apiCallsPerSecond) {
            metrics.observe($0)
            clock.observe($0)
        }
        let append: @Sendable ([LogEntry]) async throws -> Void = { try await log.append($0) }
        let appendOne: @Sendable (LogEntry) async throws -> Void = { _ = try await log.append($0) }
        let makeAPI: @Sendable (Secret) throws -> any CircleCIAPI = { try clients.client($0) }
        let transport = HTTPNoticeTransport()
        let notices = NoticeSender(
            target: try settings.noticeURL.map { url in
                NoticeSender.Target(url: url, secret: try settings.noticeSecret?.forSigning())
            },
            transport: transport,
            pageURL: nil,
            count: { metrics.noticed($0) },
            logger: logger
        )
        let now: @Sendable () -> Timestamp = { Timestamp.now }
        let monitor = ConnectionMonitor(append: appendOne, notify: { notices.send($0) }, now: now, logger: logger)
        let knowledge = PublishedKnowledge(published: published, durableSequence: { log.durableEnd.sequence })
        self.metrics = metrics
        self.clock = clock
        self.clients = clients
        self.notices = notices
        noticeTransport = transport
        self.monitor = monitor
        administration = ConnectionAdministration(
            store: store,
            monitor: monitor,
            makeAPI: makeAPI,
            publicURL: settings.publicURL,
            append: appendOne,
            seenProjects: { id in
                let names = (try? await knowledge.projects(of: id)) ?? []
                return Array(Set(names.map(\.slug)))
            },
            now: now
        )
        invitations = InvitationStore(dataDirectory: settings.directory.path, now: now)
        reconciler = Reconciler(
            Reconciler.Surroundings(
                connections: store,
                monitor: monitor,
                knowledge: knowledge,
                api: makeAPI,
                append: append,
                now: now,
                sleep: { try await Task.sleep(for: $0) },
                reconciled: { metrics.reconciled($0) },
                logger: logger
            ),
            options: settings.reconcileOptions,
            period: settings.reconcileEvery
        )
        settler = Settler(
            Settler.Surroundings(
                connections: store,
                monitor: monitor,
                knowledge: knowledge,
                api: { try clients.client($0) },
                append: append,
                directory: settings.directory,
                now: now,
                sleep: { try await Task.sleep(for: $0) },
                settled: { metrics.settled($0) },
                exported: { metrics.exported($0) },
                clockProblem: { clock.problem },
                logger: logger
            ),
            options: settings.exportOptions,
            period: settings.settleEvery
        )
    }

    /// Looks after a connection soon that was connected, or reconnected.
    func wake(_ connection: String) async {
        await reconciler.wake(connection)
        await settler.wake(connection)
    }

    func close() async {
        await clients.shutdown()
        await noticeTransport.shutdown()
    }
}
