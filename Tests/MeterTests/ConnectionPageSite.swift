import AsyncHTTPClient
import FakeCircleCI
import Logging
import NIOCore
import NIOHTTP1
import TestSupport
import Usage
import Wire

@testable import Meter

/// A whole service whose pages are visited, beside a made-up CircleCI where a test needs one. It reconciles only when
/// told to.
struct ConnectionPageSite: Sendable {
    static let admin = "an-admin-token-for-tests"
    static let viewer = "a-viewer-token-for-tests"
    static let publicURL = "https://meter.example"

    let parts: MeterParts
    let directory: TemporaryDirectory
    let dashboard: RunningSite
    let receiver: RunningSite

    /// Somebody who signed in.
    struct Visitor: Sendable {
        let cookie: (String, String)
        let csrfToken: String
        let site: ConnectionPageSite

        func get(_ path: String, _ headers: [(String, String)] = []) async throws -> RunningSite.Answer {
            try await site.dashboard.send(.GET, path, [cookie, ("accept", "text/html")] + headers)
        }

        func post(_ path: String, _ fields: [String: String] = [:]) async throws -> RunningSite.Answer {
            let fields = fields.merging([Access.csrfField: csrfToken]) { first, _ in first }
            return try await site.dashboard.send(
                .POST,
                path,
                [cookie, ("accept", "text/html")],
                form: ConnectionPageSite.form(fields)
            )
        }
    }

    func signIn(_ token: String = ConnectionPageSite.admin) async throws -> Visitor {
        let id = try await dashboard.signIn(token: token).cookie(Session.cookieName) ?? ""
        let csrfToken = parts.access.session(id)?.csrfToken ?? ""
        return Visitor(cookie: ("cookie", "\(Session.cookieName)=\(id)"), csrfToken: csrfToken, site: self)
    }

    /// Visits the public listener.
    func visit(
        _ path: String,
        _ fields: [String: String]? = nil,
        _ headers: [(String, String)] = [],
        method: HTTPMethod? = nil
    ) async throws -> RunningSite.Answer {
        try await receiver.send(
            method ?? (fields == nil ? .GET : .POST),
            path,
            headers,
            form: fields.map(ConnectionPageSite.form)
        )
    }

    /// Adds a connection without asking CircleCI.
    ///
    /// - Parameter condition: What was said of it last; nil: nothing was.
    @discardableResult
    func add(
        _ id: String,
        _ condition: ConnectionCondition? = nil,
        organization: String? = nil,
        key: String? = "a key",
        keyExpires: Day? = nil,
        hooks: [ProjectHook] = []
    ) async throws -> Connection {
        let connection = try Connection(
            id: id,
            organization: organization ?? "gh/\(id)",
            webhookSecrets: [.init(Secret(Array("a webhook secret".utf8)))],
            addedAt: .now,
            apiKey: key.map { Secret(Array($0.utf8)) },
            keyExpires: keyExpires,
            hooks: hooks
        )
        try await parts.connections.add(connection)
        await parts.circleci.monitor.track(connection, said: condition)
        return connection
    }

    static func form(_ fields: [String: String]) -> String {
        fields.map { "\(encoded($0.key))=\(encoded($0.value))" }.joined(separator: "&")
    }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            let isPlain =
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
            return isPlain ? String(UnicodeScalar(byte)) : "%" + Hex.encode([byte])
        }
        .joined()
    }

    /// - Parameters:
    ///   - circleciURL: Nothing answers there unless said.
    ///   - logger: Nil: nothing is logged.
    static func run(
        circleciURL: String = "http://127.0.0.1:1",
        publicURL: String? = publicURL,
        logger: Logger? = nil,
        _ body: (ConnectionPageSite) async throws -> Void
    ) async throws {
        let directory = TemporaryDirectory()
        var settings = MeterSettings(directory: DataDirectory(directory.path("data")))
        settings.webhookAddress = ListenAddress(host: "127.0.0.1", port: 0)
        settings.dashboardAddress = ListenAddress(host: "127.0.0.1", port: 0)
        settings.publicURL = publicURL
        settings.circleciURL = circleciURL
        settings.reconcileEvery = nil
        settings.chartScript = nil
        let service = try await MeterService.open(
            settings,
            environment: [AccessTokens.adminSetting: admin, AccessTokens.viewerSetting: viewer],
            logger: logger ?? Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let (started, continuation) = AsyncStream.makeStream(of: MeterService.Running.self)
        let task = Task {
            defer { continuation.finish() }
            try await service.run { continuation.yield($0) }
        }
        let client = HTTPClient(
            eventLoopGroupProvider: .singleton,
            configuration: .init(redirectConfiguration: .disallow)
        )
        do {
            guard let running = await started.first(where: { _ in true }) else {
                try await task.value
                throw CancellationError()
            }
            func site(_ url: String) -> RunningSite {
                RunningSite(
                    port: Int(url.split(separator: ":").last ?? "") ?? 0,
                    access: service.parts.access,
                    client: client,
                    clock: TestClock()
                )
            }
            try await body(
                ConnectionPageSite(
                    parts: service.parts,
                    directory: directory,
                    dashboard: site(running.dashboardURL),
                    receiver: site(running.webhookURL)
                )
            )
        } catch {
            task.cancel()
            _ = await task.result
            try await client.shutdown()
            throw error
        }
        task.cancel()
        _ = await task.result
        try await client.shutdown()
    }

    /// Beside a made-up CircleCI with one organization, which `key` opens.
    static func runBesideCircleCI(
        key: String,
        logger: Logger? = nil,
        _ body: (ConnectionPageSite, FakeSite) async throws -> Void
    ) async throws {
        var options = FakeHistoryOptions(seed: 11, firstDay: Day(daysSinceEpoch: Timestamp.now.day.daysSinceEpoch - 2))
        options.projectKinds = [.github]
        options.projectCount = 2
        options.dayCount = 2
        options.pipelinesPerDay = 3
        options.weekendShare = 1
        var siteOptions = FakeSiteOptions()
        siteOptions.now = .now
        try await FakeSite.run(FakeHistory(options: options), options: siteOptions) { fake, url in
            fake.addKey(key, login: "an-admin")
            try await run(circleciURL: url, logger: logger) { try await body($0, fake) }
        }
    }
}

extension FakeSite {
    /// By which the organization is asked for: CircleCI takes ids as well as slugs.
    var organization: String { history.organizations[0].id }
}
