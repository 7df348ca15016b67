import AsyncHTTPClient
import CircleCI
import EventLog
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Synchronization
import TestSupport
import Wire

@testable import Meter

/// A receiver on a port of its own, with a connection `acme` whose secret is `secret`, before a log that is told what
/// to do.
struct RunningReceiver: Sendable {
    static let clock = Timestamp("2026-11-22T08:16:08.123Z")!

    let port: Int
    /// The log, unless the test brought another.
    let log: FakeLog
    let directory: TemporaryDirectory
    let registry: OpenMetricsRegistry
    let quarantine: Quarantine
    let secret: WebhookSecret

    var url: String { "http://127.0.0.1:\(port)" }

    var deliveries: String { "\(url)/webhooks/circleci/acme" }

    func signature(_ body: [UInt8]) -> String { WebhookSignature.header(for: body, secret: secret) }

    /// The value of a counter of deliveries; 0 where it was not counted yet.
    func count(_ labels: String) -> Int {
        let prefix = "circlemeter_deliveries_total{\(labels)} "
        let line = registry.exposition().split(separator: "\n").first { $0.hasPrefix(prefix) }
        return line.flatMap { Int($0.dropFirst(prefix.count)) } ?? 0
    }

    static func run(
        _ limits: ReceiverLimits = ReceiverLimits(),
        log: (any DeliveryLog)? = nil,
        identity: TLSIdentity? = nil,
        _ body: @escaping @Sendable (RunningReceiver) async throws -> Void
    ) async throws {
        let directory = TemporaryDirectory()
        let fakeLog = FakeLog()
        let connections = try await ConnectionStore.open(
            dataDirectory: directory.path,
            vault: Vault(MasterKey.random())
        )
        try await connections.add(
            Connection(
                id: "acme",
                organization: "gh/acme",
                webhookSecrets: [.init(Secret(Array("secret".utf8)))],
                addedAt: clock
            )
        )
        let quarantine = try Quarantine.open(dataDirectory: directory.path)
        let registry = OpenMetricsRegistry()
        let secret = try WebhookSecret(Array("secret".utf8))
        let receiver = Receiver(
            connections: connections,
            log: log ?? fakeLog,
            quarantine: quarantine,
            metrics: ReceiverMetrics(registry),
            limits: limits,
            now: { clock },
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            identity: identity
        )
        try await runService { onRunning in
            receiver.application(address: .hostname("127.0.0.1", port: 0), onRunning: onRunning)
        } _: { port in
            try await body(
                RunningReceiver(
                    port: port,
                    log: fakeLog,
                    directory: directory,
                    registry: registry,
                    quarantine: quarantine,
                    secret: secret
                )
            )
        }
    }
}

/// Runs a service that listens, and a test against its port; then stops it.
func runService(
    _ service: (@escaping @Sendable (any Channel) async -> Void) -> any Service,
    _ body: @escaping @Sendable (Int) async throws -> Void
) async throws {
    let (ports, continuation) = AsyncStream<Int>.makeStream()
    let service = service { channel in continuation.yield(channel.localAddress?.port ?? 0) }
    let group = ServiceGroup(
        configuration: .init(
            services: [service],
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        )
    )
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
            defer { continuation.finish() }
            try await group.run()
        }
        var iterator = ports.makeAsyncIterator()
        if let port = await iterator.next() {
            do {
                try await body(port)
            } catch {
                await group.triggerGracefulShutdown()
                throw error
            }
            await group.triggerGracefulShutdown()
        }
        try await tasks.waitForAll()
    }
}

/// A log in memory: counts sequences up, knows duplicates, and fails where it is told to.
final class FakeLog: DeliveryLog {
    private struct State {
        var entries: [LogEntry] = []
        var sequences: [UInt128: Int] = [:]
        var failure: LogError?
    }

    private let state = Mutex(State())

    var entries: [LogEntry] { state.withLock { $0.entries } }

    func fail(with error: LogError?) { state.withLock { $0.failure = error } }

    func append(_ entry: LogEntry, completion: @escaping @Sendable (Result<AppendOutcome, LogError>) -> Void) {
        let outcome = state.withLock { state -> Result<AppendOutcome, LogError> in
            if let failure = state.failure { return .failure(failure) }
            if let key = entry.deduplicationKey {
                if let sequence = state.sequences[key] { return .success(.duplicate(sequence: sequence)) }
                state.sequences[key] = state.entries.count + 1
            }
            state.entries.append(entry)
            return .success(.accepted(sequence: state.entries.count))
        }
        completion(outcome)
    }
}

extension RunningReceiver {
    struct Answer {
        let status: Int
        let headers: HTTPHeaders
        let body: String
    }

    static func send(
        _ method: HTTPMethod,
        _ url: String,
        _ body: [UInt8]? = nil,
        signature: String? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = method
        if let body { request.body = .bytes(body) }
        if let signature { request.headers.add(name: "circleci-signature", value: signature) }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let answer = try await response.body.collect(upTo: 1 << 20)
        return Answer(status: Int(response.status.code), headers: response.headers, body: String(buffer: answer))
    }

    /// Sends a delivery to `acme`, signed as it should be.
    func deliver(_ body: [UInt8]) async throws -> Answer {
        try await RunningReceiver.send(.POST, deliveries, body, signature: signature(body))
    }

    /// A delivery's bytes. The connection ends with the answer.
    func rawDelivery(_ body: String, framing: String? = nil) -> String {
        let signature = signature(Array(body.utf8))
        let framing = framing ?? "content-length: \(body.utf8.count)\r\n\r\n\(body)"
        return "POST /webhooks/circleci/acme HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
            + "circleci-signature: \(signature)\r\n\(framing)"
    }

    func health() async throws -> Int? {
        let request = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        return try await RawClient.answers(port, to: request).first?.status
    }
}
