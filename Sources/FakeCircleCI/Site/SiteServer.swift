import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// What comes back over a connection.
enum SiteReply: Sendable {
    case answer(SiteAnswer)
    /// The connection is closed after half of the body.
    case cut(SiteAnswer)
    /// The connection is closed instead.
    case drop

    /// Nil where there is no complete answer.
    var status: Int? { if case .answer(let answer) = self { answer.status } else { nil } }
}

/// An HTTP server on a loopback port of its own. Below any HTTP framework, since it must be able to answer nothing.
final class SiteServer: Sendable {
    let url: String
    private let listener: any Channel
    private let connections: SiteConnections

    private init(listener: any Channel, connections: SiteConnections) {
        url = "http://127.0.0.1:\(listener.localAddress?.port ?? 0)"
        self.listener = listener
        self.connections = connections
    }

    static func start(_ respond: @escaping @Sendable (SiteRequest) async -> SiteReply) async throws -> SiteServer {
        let connections = SiteConnections()
        let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.backlog, value: 256)
            .childChannelInitializer { channel in
                connections.add(channel)
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(SiteHandler(respond))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return SiteServer(listener: listener, connections: connections)
    }

    func stop() async throws {
        try await listener.close()
        for channel in connections.all { try? await channel.close() }
    }
}

/// The connections that are open.
private final class SiteConnections: Sendable {
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

    var all: [any Channel] { channels.withLock { Array($0.values) } }

    func add(_ channel: any Channel) {
        channels.withLock { $0[ObjectIdentifier(channel)] = channel }
        channel.closeFuture.whenComplete { _ in
            self.channels.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(channel)) }
        }
    }
}

/// Collects a request, has it answered, and writes the answer.
private final class SiteHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private static let maximumBodyBytes = 1_048_576

    private let respond: @Sendable (SiteRequest) async -> SiteReply
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(_ respond: @escaping @Sendable (SiteRequest) async -> SiteReply) {
        self.respond = respond
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): (self.head, body) = (head, [])
        case .body(let chunk):
            body.append(contentsOf: chunk.readableBytesView)
            if body.count > Self.maximumBodyBytes { context.close(promise: nil) }
        case .end:
            guard let head else { return }
            Self.reply(SiteRequest(head, body), respond, on: context.channel, keepsAlive: head.isKeepAlive)
        }
    }

    private static func reply(
        _ request: SiteRequest,
        _ respond: @escaping @Sendable (SiteRequest) async -> SiteReply,
        on channel: any Channel,
        keepsAlive: Bool
    ) {
        Task {
            switch await respond(request) {
            case .drop: channel.close(promise: nil)
            case .answer(let answer): write(answer, to: channel, keepsAlive: keepsAlive)
            case .cut(let answer): cut(answer, on: channel)
            }
        }
    }

    private static func cut(_ answer: SiteAnswer, on channel: any Channel) {
        let headers = HTTPHeaders(answer.headers + [("content-length", String(answer.body.count))])
        let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: answer.status), headers: headers)
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        let half = ByteBuffer(bytes: answer.body.prefix(answer.body.count / 2))
        channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(half))).whenComplete { _ in
            channel.close(promise: nil)
        }
    }

    private static func write(_ answer: SiteAnswer, to channel: any Channel, keepsAlive: Bool) {
        var headers = HTTPHeaders(answer.headers)
        headers.add(name: "content-type", value: answer.contentType)
        headers.add(name: "content-length", value: String(answer.body.count))
        if !keepsAlive { headers.add(name: "connection", value: "close") }
        let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: answer.status), headers: headers)
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: answer.body))), promise: nil)
        let written = channel.writeAndFlush(HTTPServerResponsePart.end(nil))
        if !keepsAlive { written.whenComplete { _ in channel.close(promise: nil) } }
    }
}
