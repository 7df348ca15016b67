import ArgumentParser
import CircleCI
import EventLog
import FakeCircleCI
import Foundation
import Meter
import Wire

/// One hot path alone, again and again, for its instructions to be counted.
struct Loop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "loop", shouldDisplay: false)

    enum Path: String, ExpressibleByArgument {
        case scan, sign, append
    }

    /// Bodies that are gone through again and again.
    private static let bodyCount = 500
    /// Appends on their way at a time.
    private static let concurrency = 64

    @Argument var path: Path
    @Option var count: Int
    @Option var directory: String

    func run() async throws {
        let secret = try BenchSecret.make()
        let bodies = DataSet.deliveries(count: Loop.bodyCount, dayCount: 1).map(\.body)
        switch path {
        case .scan:
            let goodCount = (0..<count).count { bodies[$0 % bodies.count].withUnsafeBytes(JSONScanner.isObject) }
            guard goodCount == count else { throw BenchFailure("a body is no object") }
        case .sign:
            let headers = bodies.map { WebhookSignature.header(for: $0, secret: secret) }
            let goodCount = (0..<count).count { index in
                let place = index % bodies.count
                let verdict = WebhookSignature.verify(
                    header: headers[place],
                    body: bodies[place],
                    secrets: [secret],
                    at: .now
                )
                return verdict == .valid
            }
            guard goodCount == count else { throw BenchFailure("a signature does not fit") }
        case .append:
            try await append(bodies, secret)
        }
    }

    private func append(_ bodies: [[UInt8]], _ secret: WebhookSecret) async throws {
        let stage = try Stage(under: directory)
        defer { stage.clear() }
        let log = try await onOwnThread("bench.log") {
            try EventLog.open(
                directory: "\(stage.directory)/log",
                now: { Timestamp.now },
                deduplicationKey: { _ in nil }
            )
        }
        let headers = bodies.map { WebhookSignature.header(for: $0, secret: secret) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<count {
                if index >= Loop.concurrency { try await group.next() }
                let place = index % bodies.count
                group.addTask {
                    let entry = LogEntry(
                        receivedAt: .now,
                        source: .webhook,
                        connection: PreparedRequests.connection,
                        signature: headers[place],
                        body: bodies[place],
                        isKnownJSON: true
                    )
                    _ = try await log.append(entry)
                }
            }
            try await group.waitForAll()
        }
        await log.close()
    }
}
