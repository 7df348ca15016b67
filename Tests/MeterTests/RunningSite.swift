import AsyncHTTPClient
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import Synchronization
import TestSupport
import Wire

@testable import Meter

/// A dashboard with nothing behind its doors but the visitor's role.
struct RunningSite: Sendable {
    static let admin = "an-admin-token-for-tests"
    static let viewer = "a-viewer-token-for-tests"

    let port: Int
    let access: Access
    let client: HTTPClient
    let clock: TestClock

    struct Answer {
        let status: Int
        let headers: HTTPHeaders
        let body: String

        /// The value of a cookie that the answer sets.
        func cookie(_ name: String) -> String? {
            headers["set-cookie"].first { $0.hasPrefix("\(name)=") }
                .map { String($0.dropFirst(name.count + 1).prefix { $0 != ";" }) }
        }

        /// The value of a hidden field.
        func field(_ name: String) -> String? {
            body.split(separator: "name=\"\(name)\" value=\"").dropFirst().first
                .map { String($0.prefix { $0 != "\"" }) }
        }
    }

    func send(
        _ method: HTTPMethod = .GET,
        _ path: String,
        _ headers: [(String, String)] = [],
        form: String? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = method
        request.headers = HTTPHeaders(headers)
        if let form {
            request.headers.add(name: "content-type", value: "application/x-www-form-urlencoded")
            request.body = .bytes(ByteBuffer(string: form))
        }
        let response = try await client.execute(request, timeout: .seconds(30))
        let body = try await response.body.collect(upTo: 1 << 20)
        return Answer(
            status: Int(response.status.code),
            headers: response.headers,
            body: String(buffer: body)
        )
    }

    /// Signs in through the form.
    func signIn(token: String) async throws -> Answer {
        let page = try await send(.GET, "/login")
        return try await send(
            .POST,
            "/login",
            [("cookie", "circlemeter_login=\(page.cookie("circlemeter_login") ?? "")")],
            form: "csrf_token=\(page.field("csrf_token") ?? "")&token=\(token)"
        )
    }

    static func run(
        publicURL: String? = nil,
        _ body: @escaping @Sendable (RunningSite) async throws -> Void
    ) async throws {
        let directory = TemporaryDirectory()
        let clock = TestClock()
        let access = Access(
            tokens: try AccessTokens.load(admin: admin, viewer: viewer, dataDirectory: directory.path),
            hasSecureCookies: publicURL?.hasPrefix("https:") ?? false,
            now: { clock.now }
        )
        let router = Router(context: DashboardContext.self)
        router.add(middleware: SecurityHeadersMiddleware())
        router.add(middleware: HostMiddleware(listenHost: "127.0.0.1", publicURL: publicURL))
        router.add(middleware: AccessMiddleware(access: access))
        LoginRoutes(access: access, pages: try Pages()).add(to: router)
        for path: RouterPath in ["/", "/healthz", "/api/v1/usage", "/metrics"] {
            router.get(path) { _, context in
                Response.json(.ok, Array((context.access?.role.rawValue ?? "nobody").utf8))
            }
        }
        router.get("/csrf") { _, context in
            Response.json(.ok, Array((context.access?.session?.csrfToken ?? "").utf8))
        }
        router.group("/api/v1").add(middleware: RoleMiddleware(role: .admin)).post("/connections") { _, _ in
            Response.json(.created, [])
        }
        router.get("/fails") { _, _ -> Response in
            throw MeterError(.unreadableFile, "The file cannot be read", at: "/very/private/path")
        }
        let application = router.buildResponder()
        let client = HTTPClient(
            eventLoopGroupProvider: .singleton,
            configuration: .init(redirectConfiguration: .disallow)
        )
        do {
            try await runService { onRunning in
                Application(
                    responder: application,
                    server: .guarded(ReceiverLimits()),
                    configuration: .init(address: .hostname("127.0.0.1", port: 0)),
                    onServerRunning: onRunning,
                    logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
                )
            } _: { port in
                try await body(RunningSite(port: port, access: access, client: client, clock: clock))
            }
        } catch {
            try await client.shutdown()
            throw error
        }
        try await client.shutdown()
    }
}

/// A clock that stands until it is told otherwise.
final class TestClock: Sendable {
    private let seconds = Mutex<Int64>(1_000_000)

    var now: Timestamp { Timestamp(microseconds: seconds.withLock { $0 } * 1_000_000) }

    func advance(_ count: Int64) { seconds.withLock { $0 += count } }
}
