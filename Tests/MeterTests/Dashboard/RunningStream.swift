import AsyncHTTPClient
import EventLog
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import TestSupport
import Wire

@testable import Meter

/// A dashboard that has a stream and nothing else, before a snapshot that a test advances by hand.
struct RunningStream: Sendable {
    static let admin = "an-admin-token-for-tests"
    static let viewer = "a-viewer-token-for-tests"

    let port: Int
    let published: PublishedSnapshot
    let monitor: ConnectionMonitor

    func advance(to sequence: Int) {
        published.advanced(
            to: LogPosition(sequence: sequence, crc: UInt32(sequence), batch: 1, segment: 1, offset: sequence)
        )
    }

    func open(
        _ headers: [(String, String)] = [("authorization", "Bearer \(viewer)")]
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/api/v1/stream")
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        return try await HTTPClient.shared.execute(request, timeout: .hours(1))
    }

    static func run(
        _ limits: StreamAPI.Limits = StreamAPI.Limits(),
        _ body: @escaping @Sendable (RunningStream) async throws -> Void
    ) async throws {
        let directory = TemporaryDirectory()
        let access = Access(
            tokens: try AccessTokens.load(admin: admin, viewer: viewer, dataDirectory: directory.path),
            hasSecureCookies: false,
            now: { .now }
        )
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let published = PublishedSnapshot()
        let monitor = ConnectionMonitor(append: { _ in }, notify: { _ in }, now: { .now }, logger: logger)
        let router = Router(context: DashboardContext.self)
        router.add(middleware: SecurityHeadersMiddleware())
        router.add(middleware: AccessMiddleware(access: access))
        StreamAPI(published: published, monitor: monitor, limits: limits).add(to: router.group("/api/v1"))
        let responder = router.buildResponder()
        try await runService { onRunning in
            Application(
                responder: responder,
                server: .guarded(ReceiverLimits()),
                configuration: .init(address: .hostname("127.0.0.1", port: 0)),
                onServerRunning: onRunning,
                logger: logger
            )
        } _: { port in
            try await body(RunningStream(port: port, published: published, monitor: monitor))
        }
    }
}

/// The blocks of a stream, which an empty line ends.
struct StreamBlocks {
    private var chunks: HTTPClientResponse.Body.AsyncIterator
    private var text = ""

    init(_ response: HTTPClientResponse) {
        chunks = response.body.makeAsyncIterator()
    }

    /// Nil where the stream has ended.
    mutating func next() async throws -> String? {
        while true {
            if let end = text.firstRange(of: "\n\n") {
                let block = String(text[..<end.lowerBound])
                text.removeSubrange(..<end.upperBound)
                return block
            }
            guard let chunk = try await chunks.next() else { return nil }
            text += String(buffer: chunk)
        }
    }

    /// The next that is of this event.
    mutating func next(event: String) async throws -> String? {
        while let block = try await next() {
            if block.contains("event: \(event)\n") { return block }
        }
        return nil
    }
}
