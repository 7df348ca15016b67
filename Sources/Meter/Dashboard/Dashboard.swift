import EventLog
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle

/// The dashboard's listener: pages for people, snapshots for programs, metrics and health for machines.
struct Dashboard: Sendable {
    private let parts: MeterParts
    private let responder: RouterResponder<DashboardContext>
    /// HEAD goes wherever GET does.
    let routes: [Route]

    /// - Throws: `invalid_template`.
    init(parts: MeterParts) throws(MeterError) {
        self.parts = parts
        let pages = try Pages()
        let settings = parts.settings
        let router = Router(context: DashboardContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: SecurityHeadersMiddleware())
        router.add(
            middleware: HostMiddleware(listenHost: settings.dashboardAddress.host, publicURL: settings.publicURL)
        )
        router.add(middleware: ProxyMiddleware(proxies: settings.trustedProxies))
        router.add(middleware: AccessMiddleware(access: parts.access))
        LoginRoutes(access: parts.access, pages: pages).add(to: router)
        OverviewPage(parts: parts, pages: pages).add(to: router)
        ReportPages(parts: parts, pages: pages).add(to: router)
        let search = LogSearch(log: parts.log, connections: parts.connections, directory: settings.directory.log)
        LogPage(parts: parts, pages: pages, search: search).add(to: router)
        ConnectionRoutes(parts: parts, pages: pages).add(to: router)
        Assets(chartScript: parts.chartScript).add(to: router)

        let health = HealthAPI(parts: parts)
        router.get("/healthz") { _, _ in health.alive() }
        router.get("/readyz") { _, _ in await health.ready() }
        router.get("/metrics") { _, _ in try await health.metrics() }
        DescriptionAPI().add(to: router)

        let readers = router.group("/api/v1")
        SnapshotAPI(published: parts.projector.published).add(to: readers)
        ReportsAPI(published: parts.projector.published, people: parts.people, now: parts.access.now)
            .add(to: readers)
        LogAPI(search: search, people: parts.people).add(to: readers)
        StreamAPI(published: parts.projector.published, monitor: parts.circleci.monitor).add(to: readers)
        let connections = ConnectionsAPI(parts: parts)
        let quarantine = QuarantineAPI(parts: parts)
        let plainReaders = router.group("/api/v1").add(middleware: NoQueryMiddleware())
        connections.add(toReaders: plainReaders)
        quarantine.add(toReaders: plainReaders)
        let admins = router.group("/api/v1")
            .add(middleware: RoleMiddleware(role: .admin)).add(middleware: NoQueryMiddleware())
        connections.add(toAdmins: admins)
        quarantine.add(toAdmins: admins)
        ReplayAPI(projector: parts.projector).add(to: admins)
        routes = router.routes.map { Route($0) }
        router.add(middleware: MethodMiddleware(routes))
        responder = router.buildResponder()
    }

    /// The service, listening once it runs.
    func application(
        address: BindAddress,
        onRunning: @escaping @Sendable (any Channel) async -> Void
    ) -> some Service {
        ListeningApplication(
            responder: responder,
            server: .guarded(ReceiverLimits(), identity: parts.identity) { _ in },
            configuration: ServerConfiguration(address: address),
            onRunning: onRunning,
            now: parts.access.now,
            logger: parts.logger
        )
    }
}
