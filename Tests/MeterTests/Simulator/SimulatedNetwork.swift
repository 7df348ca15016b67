import AsyncHTTPClient
import CircleCI
import EventLog
import NIOCore
import NIOHTTP1
import Synchronization
import Wire

@testable import FakeCircleCI

/// The way from the service's HTTP client to a made-up CircleCI in the same process, and what goes wrong on it.
final class SimulatedNetwork: Sendable {
    /// Shares of the calls, from 0 to 1.
    struct Trouble: Sendable {
        /// Nobody is reached.
        var isAway = false
        var timeouts = 0.0
        /// Half of an answer's body comes.
        var cutBodies = 0.0
        /// Half of it comes, as if that were all.
        var brokenBodies = 0.0
        /// 404 of a pipeline or workflow that is less than two minutes old.
        var unknownYet = 0.0

        /// Whether whoever asks is answered.
        var isNone: Bool { !isAway && timeouts + cutBodies + brokenBodies + unknownYet == 0 }
    }

    private struct State {
        var trouble = Trouble()
        var attempts: [String: UInt64] = [:]
        var onCall: (@Sendable () async -> Void)?
    }

    private let seed: UInt64
    private let site: FakeSite
    private let time: SimulatedTime
    private let disk: SimulatedDisk
    /// When pipelines and workflows were created, by id.
    private let createdAt: [String: Timestamp]
    private let state = Mutex(State())

    init(seed: UInt64, site: FakeSite, time: SimulatedTime, disk: SimulatedDisk) {
        self.seed = seed
        self.site = site
        self.time = time
        self.disk = disk
        var createdAt: [String: Timestamp] = [:]
        for workflow in site.history.workflows {
            createdAt[workflow.id] = workflow.createdAt
            createdAt[workflow.pipeline.id] = workflow.pipeline.createdAt
        }
        self.createdAt = createdAt
    }

    func set(_ trouble: Trouble) { state.withLock { $0.trouble = trouble } }

    /// What happens elsewhere while a call is on its way.
    func setOnCall(_ onCall: @escaping @Sendable () async -> Void) { state.withLock { $0.onCall = onCall } }

    func execute(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
        let uri = String(request.url.drop { $0 != ":" }.dropFirst(3).drop { $0 != "/" })
        let target = "\(request.method) \(uri)"
        let (trouble, attempt, onCall) = state.withLock { state in
            state.attempts[target, default: 0] += 1
            return (state.trouble, state.attempts[target] ?? 0, state.onCall)
        }
        // By the call and how often it was made, so that the order of several at a time changes nothing.
        var random = SeededGenerator(seed: seed &+ attempt &* 0x9E37 &+ UInt64(truncatingIfNeeded: Identity.of(target)))
        time.pass(.milliseconds(Int.random(in: 5...80, using: &random)))
        await onCall?()
        guard !disk.countCall(), !trouble.isAway else { throw HTTPClientError.remoteConnectionClosed }
        var body: [UInt8] = []
        if let sent = request.body {
            for try await chunk in sent { body.append(contentsOf: chunk.readableBytesView) }
        }
        let head = HTTPRequestHead(version: .http1_1, method: request.method, uri: uri, headers: request.headers)
        let asked = SiteRequest(head, body)
        var place = Double.random(in: 0..<1, using: &random)
        func falls(into share: Double) -> Bool {
            place -= share
            return place < 0
        }
        if falls(into: trouble.timeouts) {
            time.pass(.seconds(30))
            throw HTTPClientError.deadlineExceeded
        }
        if falls(into: trouble.unknownYet), isFresh(asked.route) {
            return SimulatedNetwork.response(.message(404, "Not found"))
        }
        let reply = await site.reply(to: asked)
        // Whoever died meanwhile hears nothing; what it asked for is done.
        guard !disk.isDead else { throw HTTPClientError.remoteConnectionClosed }
        switch reply {
        case .drop: throw HTTPClientError.remoteConnectionClosed
        case .cut(let answer): return SimulatedNetwork.cut(answer)
        case .answer(var answer):
            if falls(into: trouble.cutBodies) { return SimulatedNetwork.cut(answer) }
            if falls(into: trouble.brokenBodies) { answer.body.removeLast(answer.body.count / 2) }
            return SimulatedNetwork.response(answer)
        }
    }

    /// Where CircleCI posts an event at this moment, and with which signature; nil: to nobody.
    func address(of delivery: GeneratedDelivery) -> (connection: String, signature: String)? {
        let hook = site.state.withLock { $0.hooks[delivery.webhookID] }
        guard let hook, hook.createdAt <= delivery.sentAt, hook.wants(delivery.eventType),
            let connection = hook.url.split(separator: "/").last,
            let secret = try? WebhookSecret(Array(hook.secret.utf8))
        else { return nil }
        return (String(connection), WebhookSignature.header(for: delivery.body, secret: secret))
    }

    private func isFresh(_ route: SiteRoute) -> Bool {
        switch route {
        case .pipeline(let id), .workflows(let id), .workflow(let id), .jobs(let id):
            createdAt[id].map { time.now.microseconds - $0.microseconds < 120_000_000 } ?? false
        default: false
        }
    }

    private static func response(_ answer: SiteAnswer) -> HTTPClientResponse {
        var headers = HTTPHeaders(answer.headers)
        headers.add(name: "content-type", value: answer.contentType)
        return HTTPClientResponse(
            status: HTTPResponseStatus(statusCode: answer.status),
            headers: headers,
            body: .bytes(ByteBuffer(bytes: answer.body))
        )
    }

    private static func cut(_ answer: SiteAnswer) -> HTTPClientResponse {
        var response = response(answer)
        let half = ByteBuffer(bytes: answer.body.prefix(answer.body.count / 2))
        response.body = .stream(
            AsyncThrowingStream<ByteBuffer, any Error> { continuation in
                continuation.yield(half)
                continuation.finish(throwing: HTTPClientError.remoteConnectionClosed)
            }
        )
        return response
    }
}
