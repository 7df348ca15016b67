import Logging
import NIOCore
import NIOHTTP1
import Synchronization

@testable import Meter

/// Answers posts as told, and remembers them.
final class RecordedPosts: NoticeTransport {
    struct Post: Sendable {
        var body: [UInt8]
        var headers: [String: String]
        var url: String
        var timeout: Duration
    }

    private let posts = Mutex<[Post]>([])
    private let answer: @Sendable (Int) async throws -> Int
    private let arrivals: AsyncStream<Int>
    private let arrive: AsyncStream<Int>.Continuation

    /// - Parameter answer: The status of the nth post, from 1.
    init(_ answer: @escaping @Sendable (Int) async throws -> Int) {
        self.answer = answer
        (arrivals, arrive) = AsyncStream.makeStream()
    }

    var all: [Post] { posts.withLock { $0 } }

    func waitForPost(_ number: Int) async { for await arrived in arrivals where arrived >= number { return } }

    func post(
        _ body: [UInt8],
        headers: [(name: String, value: String)],
        to url: String,
        timeout: Duration
    ) async throws -> Int {
        let headers = Dictionary(uniqueKeysWithValues: headers.map { ($0.name, $0.value) })
        let number = posts.withLock { posts in
            posts.append(Post(body: body, headers: headers, url: url, timeout: timeout))
            return posts.count
        }
        arrive.yield(number)
        return try await answer(number)
    }
}

/// Everything that is logged, as text.
final class LoggedLines: Sendable {
    let lines = Mutex<[String]>([])

    struct Handler: LogHandler {
        let target: LoggedLines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            let metadata = event.metadata ?? [:]
            let rest = metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            target.lines.withLock { $0.append("\(event.level) \(event.message) \(rest)") }
        }
    }

    var logger: Logger { Logger(label: "test", factory: { _ in Handler(target: self) }) }
    var all: [String] { lines.withLock { $0 } }
}

/// Answers every request with a redirect.
final class RedirectingHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let seen: @Sendable (String) -> Void

    init(_ seen: @escaping @Sendable (String) -> Void) {
        self.seen = seen
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            seen("\(head.method) \(head.uri) \(head.headers.first(name: "circlemeter-signature") ?? "")")
        case .body: break
        case .end:
            let headers: HTTPHeaders = ["location": "/second", "content-length": "0"]
            context.write(
                wrapOutboundOut(.head(.init(version: .http1_1, status: .found, headers: headers))),
                promise: nil
            )
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
