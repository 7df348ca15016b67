import CircleCI
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import Testing
import Wire

@testable import Meter

@Suite("Notices")
struct NoticeTests {
    private static let url = "https://chat.example/services/T0/url-is-secret"
    private let logged = LoggedLines()
    private let slept = SleptDurations()

    private final class SleptDurations: Sendable {
        let durations = Mutex<[Duration]>([])
    }

    private func notice(_ kind: Notice.Kind = .limited, of connection: String = "acme") -> Notice {
        let since = Timestamp("2026-11-22T08:00:00Z")!
        let state: ConnectionCondition.State = kind == .reconnectRequired ? .reconnectRequired : .limited
        return Notice(
            connection: connection,
            kind: kind,
            condition: .init(state: state, reason: "rejected", since: since)
        )
    }

    private func sender(
        _ transport: some NoticeTransport,
        url: String? = NoticeTests.url,
        secret: String? = "notice-secret"
    ) throws -> NoticeSender {
        let secret = try secret.map { try WebhookSecret(Array($0.utf8)) }
        return NoticeSender(
            target: url.map { NoticeSender.Target(url: $0, secret: secret) },
            transport: transport,
            pageURL: "https://meter.example/connections",
            count: { _ in },
            sleep: { [slept] duration in slept.durations.withLock { $0.append(duration) } },
            logger: logged.logger
        )
    }

    /// Runs the sender until `body` returns.
    private func running(_ sender: NoticeSender, _ body: () async throws -> Void) async rethrows {
        let task = Task { await sender.run() }
        defer { task.cancel() }
        try await body()
    }

    @Test("A notice is posted signed, and its form is the documented one")
    func form() async throws {
        let posts = RecordedPosts { _ in 204 }
        let sender = try sender(posts)
        try await running(sender) {
            var notice = notice(.reconnectRequired)
            notice.daysLeft = -2
            sender.send(notice)
            await posts.waitForPost(1)
            let post = try #require(posts.all.first)
            #expect(
                String(decoding: post.body, as: UTF8.self)
                    == #"{"type":"connection-changed","kind":"reconnect_required","connection":"acme","#
                    + #""state":"reconnect_required","reason":"rejected","since":"2026-11-22T08:00:00.000Z","#
                    + #""message":"CircleCI rejects the API key; reconnect with a new one","days_left":-2,"#
                    + #""url":"https://meter.example/connections"}"#
            )
            #expect(post.url == NoticeTests.url)
            #expect(post.timeout == .seconds(10))
            #expect(post.headers["content-type"] == "application/json")
            let verdict = WebhookSignature.verify(
                header: post.headers["circlemeter-signature"],
                body: post.body,
                secrets: [try WebhookSecret(Array("notice-secret".utf8))],
                at: Timestamp(microseconds: 0)
            )
            #expect(verdict == .valid)
        }
    }

    @Test("Five tries at most, with growing waits; no word of the URL in the log")
    func retries() async throws {
        struct Refused: Error, CustomStringConvertible { var description: String { NoticeTests.url } }
        let posts = RecordedPosts { number in
            if number > 5 { return 200 }
            if number == 2 { throw Refused() }
            return number == 3 ? 429 : 503
        }
        let sender = try sender(posts)
        await running(sender) {
            sender.send(notice(of: "first"))
            await posts.waitForPost(5)
            sender.send(notice(of: "second"))
            await posts.waitForPost(6)
        }
        #expect(posts.all.count == 6)
        #expect(slept.durations.withLock { $0 } == [.seconds(1), .seconds(4), .seconds(16), .seconds(64)])
        #expect(logged.all.contains { $0.contains("could not be posted") && $0.contains("connection=first") })
        #expect(!logged.all.contains { $0.contains("is-secret") || $0.contains("chat.example") })
    }

    @Test("Redirects and refusals are not tried again", arguments: [301, 302, 307, 400, 401, 404, 410])
    func refusals(_ status: Int) async throws {
        let posts = RecordedPosts { $0 == 1 ? status : 200 }
        let sender = try sender(posts)
        await running(sender) {
            sender.send(notice(of: "first"))
            await posts.waitForPost(1)
            sender.send(notice(of: "second"))
            await posts.waitForPost(2)
        }
        #expect(posts.all.map { String(decoding: $0.body, as: UTF8.self).contains("first") } == [true, false])
        #expect(slept.durations.withLock { $0 }.isEmpty)
        #expect(logged.all.contains { $0.contains("could not be posted") && $0.contains("status \(status)") })
    }

    @Test("The newest of a connection wins, and what waits is bounded")
    func queue() async {
        let queue = NoticeQueue(maximumCount: 3)
        #expect(queue.put(notice(.limited, of: "a")) == nil)
        #expect(queue.put(notice(.limited, of: "b")) == nil)
        #expect(queue.put(notice(.recovered, of: "a")) == nil)
        #expect(queue.hasNewer(of: "a"))
        #expect(!queue.hasNewer(of: "c"))
        #expect(queue.put(notice(of: "c")) == nil)
        #expect(queue.put(notice(of: "d"))?.connection == "b")
        #expect(await queue.next()?.kind == .recovered)
        #expect(await queue.next()?.connection == "c")
        #expect(await queue.next()?.connection == "d")
        queue.close()
        #expect(await queue.next() == nil)
    }

    @Test("A newer notice of the connection ends the tries of the older one")
    func overtaken() async throws {
        let (stream, answer) = AsyncStream<Void>.makeStream()
        let posts = RecordedPosts { number in
            guard number == 1 else { return 200 }
            for await _ in stream { break }
            return 503
        }
        let sender = try sender(posts)
        await running(sender) {
            sender.send(notice(.limited))
            await posts.waitForPost(1)
            sender.send(notice(.recovered))
            answer.yield()
            await posts.waitForPost(2)
        }
        #expect(posts.all.count == 2)
        #expect(String(decoding: posts.all[1].body, as: UTF8.self).contains("recovered"))
    }

    @Test("Without a URL there is a log line of the notice's level and a count, and nothing is posted")
    func withoutURL() async throws {
        let posts = RecordedPosts { _ in 200 }
        let counted = LoggedLines()
        let sender = NoticeSender(
            target: nil,
            transport: posts,
            pageURL: nil,
            count: { notice in counted.lines.withLock { $0.append(notice.kind.rawValue) } },
            logger: logged.logger
        )
        for kind in Notice.Kind.allCases { sender.send(notice(kind)) }
        await sender.run()
        #expect(posts.all.isEmpty)
        #expect(counted.all == Notice.Kind.allCases.map(\.rawValue))
        let levels = logged.all.map { String($0.prefix { $0 != " " }) }
        #expect(levels == ["error", "warning", "warning", "warning", "warning", "notice"])
    }

    @Test("Over HTTP: the status of a redirect is the answer, and nobody follows it")
    func overHTTP() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let requests = LoggedLines()
        let server = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(
                        RedirectingHandler { line in requests.lines.withLock { $0.append(line) } }
                    )
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        let transport = HTTPNoticeTransport()
        let status = try? await transport.post(
            Array("{}".utf8),
            headers: [(name: "circlemeter-signature", value: "v1=00")],
            to: "http://127.0.0.1:\(port)/first",
            timeout: .seconds(10)
        )
        await transport.shutdown()
        try await server.close()
        #expect(status == 302)
        #expect(requests.all == ["POST /first v1=00"])
    }
}
