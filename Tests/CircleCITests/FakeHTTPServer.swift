import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A small HTTP server on a port of its own, which answers as a test says and keeps what it was sent.
struct FakeHTTPServer: Sendable {
    struct Request: Sendable {
        /// Counted from 0 over all connections.
        let number: Int
        let method: HTTPMethod
        let path: String
        let headers: HTTPHeaders
        let body: [UInt8]

        var eventType: String? { headers.first(name: "circleci-event-type") }
    }

    enum Reply: Sendable {
        case answer(Int, String, headers: HTTPHeaders = [:])
        /// The head of an answer, and then nothing.
        case unfinished
        case silence
        case close
    }

    let url: String
    private let inbox: Inbox

    /// The requests so far, in the order of their arrival.
    var requests: [Request] { inbox.requests.withLock { $0 } }

    /// Runs a server while `body` runs. `script` is called on the server's threads.
    static func run<Result>(
        _ script: @escaping @Sendable (Request) -> Reply,
        _ body: (FakeHTTPServer) async throws -> Result
    ) async throws -> Result {
        let inbox = Inbox(script)
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.backlog, value: 256)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(inbox))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let server = FakeHTTPServer(url: "http://127.0.0.1:\(channel.localAddress?.port ?? 0)", inbox: inbox)
        do {
            let result = try await body(server)
            try await channel.close()
            return result
        } catch {
            try? await channel.close()
            throw error
        }
    }

    fileprivate final class Inbox: Sendable {
        let requests = Mutex<[Request]>([])
        let script: @Sendable (Request) -> Reply

        init(_ script: @escaping @Sendable (Request) -> Reply) {
            self.script = script
        }

        func reply(to head: HTTPRequestHead, _ body: [UInt8]) -> Reply {
            let request = requests.withLock { requests in
                let request = Request(
                    number: requests.count,
                    method: head.method,
                    path: head.uri,
                    headers: head.headers,
                    body: body
                )
                requests.append(request)
                return request
            }
            return script(request)
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let inbox: Inbox
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []

        init(_ inbox: Inbox) {
            self.inbox = inbox
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): (self.head, body) = (head, [])
            case .body(let chunk): body.append(contentsOf: chunk.readableBytesView)
            case .end: if let head { answer(inbox.reply(to: head, body), context) }
            }
        }

        private func answer(_ reply: Reply, _ context: ChannelHandlerContext) {
            switch reply {
            case .answer(let status, let text, var headers):
                headers.add(name: "content-length", value: String(text.utf8.count))
                write(status, headers, context)
                context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            case .unfinished:
                write(200, ["content-length": "10"], context)
                context.flush()
            case .silence: break
            case .close: context.close(promise: nil)
            }
        }

        private func write(_ status: Int, _ headers: HTTPHeaders, _ context: ChannelHandlerContext) {
            let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
        }
    }
}
