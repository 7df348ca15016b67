import AsyncHTTPClient
import CircleCI
import EventLog
import FakeCircleCI
import Foundation
import Synchronization
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// The real program on one data directory, whatever is done to it: what it acknowledges is remembered, and in the end
/// held against its log and its snapshot.
final class AuditedService: Sendable {
    private struct State {
        var deliveries: FakeDeliveries.Iterator
        /// Sent, but not acknowledged before the kill: CircleCI sends these again.
        var unanswered: [GeneratedDelivery] = []
        /// Sequences by webhook and event, as they were acknowledged.
        var acknowledged: [String: Int?] = [:]
        var bodies: [String: [UInt8]] = [:]
        /// Sent again, by webhook and event: a kill had taken the answer, which the record need not have shared.
        var sentAgain: Set<String> = []
        var refusedCount = 0
    }

    let seed: UInt64
    let data: DataDirectory
    /// Of every process on the data directory.
    let environment: [String: String]
    /// Whether 503 is an answer that is looked for.
    private let mayRefuse: Bool
    static let secret = try! WebhookSecret(Array("secret of the campaign".utf8))
    private let state: Mutex<State>

    init(seed: UInt64, data: DataDirectory, environment: [String: String] = [:], mayRefuse: Bool = false) {
        self.seed = seed
        self.data = data
        self.environment = environment
        self.mayRefuse = mayRefuse
        var options = FakeHistoryOptions(seed: seed, firstDay: Day("2026-10-01")!)
        options.dayCount = 365
        options.pipelinesPerDay = 200
        options.oddities = OddityRates(all: 0.05)
        state = Mutex(State(deliveries: FakeHistory(options: options).deliveries.makeIterator()))
    }

    var acknowledgedCount: Int { state.withLock { $0.acknowledged.count } }
    /// Answers of 503.
    var refusedCount: Int { state.withLock { $0.refusedCount } }
    var unansweredCount: Int { state.withLock { $0.unanswered.count } }

    func addConnection() async throws {
        let added = try await ChildProcess.run(
            ["connection", "add", "acme", "--org", "gh/acme", "--webhook-secret-file", "-", "--data-dir", data.path],
            environment: environment,
            input: "secret of the campaign\n"
        )
        #expect(added.status == 0, "\(added.output)")
    }

    /// - Parameters:
    ///   - segmentBytes: small ones are closed often.
    ///   - logLevel: what the process tells; a killed one tells of every end that it finds torn.
    func start(segmentBytes: Int = 200_000, logLevel: String = "critical") throws -> ChildProcess {
        try ChildProcess(
            [
                "serve", "--data-dir", data.path, "--webhook-address", "127.0.0.1:0", "--dashboard-address",
                "127.0.0.1:0", "--maximum-segment-bytes", "\(segmentBytes)", "--log-level", logLevel,
            ],
            environment: environment
        )
    }

    func webhookURL(of service: ChildProcess) async throws -> String {
        let line = try await service.line(after: "webhooks:  ")
        return line.replacing("CONNECTION", with: "acme")
    }

    /// Posts what is unanswered and then new deliveries with sixteen senders, until `limit` are acknowledged (or, for
    /// 0, until nothing is unanswered) or the service is gone.
    func send(
        to url: String,
        _ client: HTTPClient,
        atMost limit: Int,
        onLimit: (@Sendable () -> Void)? = nil
    ) async {
        let count = Count()
        let poster = WebhookPoster(client: client)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<16 {
                group.addTask { [self] in
                    while let delivery = next(newToo: limit > 0) {
                        guard await post(delivery, to: url, poster) else {
                            state.withLock { state in
                                state.unanswered.append(delivery)
                                state.sentAgain.insert(AuditedService.key(delivery))
                            }
                            return
                        }
                        let sent = count.next()
                        if sent == limit { onLimit?() }
                        // Whoever does something at the limit ends the senders by it.
                        if sent >= limit, limit > 0, onLimit == nil { return }
                    }
                }
            }
        }
    }

    private static func key(_ delivery: GeneratedDelivery) -> String { "\(delivery.webhookID) \(delivery.eventID)" }

    private func next(newToo: Bool) -> GeneratedDelivery? {
        state.withLock { state in
            state.unanswered.popLast() ?? (newToo ? state.deliveries.next() : nil)
        }
    }

    private func post(_ delivery: GeneratedDelivery, to url: String, _ poster: WebhookPoster) async -> Bool {
        guard
            let answer = try? await poster.post(
                delivery.body,
                eventType: delivery.eventType,
                to: url,
                signing: .secret(AuditedService.secret)
            )
        else { return false }
        if mayRefuse, answer.status == 503 {
            state.withLock { $0.refusedCount += 1 }
            return false
        }
        #expect(answer.status == 200, "seed \(seed): \(String(decoding: answer.body, as: UTF8.self))")
        guard answer.isAcknowledged else { return false }
        let object = (try? JSONSerialization.jsonObject(with: Data(answer.body))) as? [String: Any]
        let key = AuditedService.key(delivery)
        state.withLock { state in
            state.bodies[key] = delivery.body
            let sequence = object?["sequence"] as? Int
            if state.acknowledged[key] == nil || sequence != nil { state.acknowledged[key] = .some(sequence) }
        }
        return true
    }

    /// Everything acknowledged is on the log, under its sequence and with its bytes; the log is whole; and the snapshot
    /// counts each run once. What was sent once is on the log once: after a kill the log knows the deliveries of its last
    /// two segments only, and here a segment may hold two.
    ///
    /// - Parameter told: what the last process told, for whoever reads of a failure.
    func audit(told: String = "") async throws {
        var found: [String: (sequence: Int, body: [UInt8])] = [:]
        let state = state.withLock { $0 }
        var repeated = 0
        var jobs: Set<String> = []
        var workflows: Set<String> = []
        _ = try LogReader(directory: data.log).read(after: nil) { item in
            guard case .record(let record) = item else {
                Issue.record("seed \(seed): \(item)")
                return true
            }
            guard record.source == .webhook else { return true }
            let body = record.withBody { Array($0) }
            let object = try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]
            let webhook = (object?["webhook"] as? [String: Any])?["id"] as? String ?? ""
            let key = "\(webhook) \(object?["id"] as? String ?? "")"
            if found.updateValue((record.sequence, body), forKey: key) != nil, !state.sentAgain.contains(key) {
                repeated += 1
            }
            switch object?["type"] as? String {
            case "job-completed": jobs.insert((object?["job"] as? [String: Any])?["id"] as? String ?? "")
            case "workflow-completed":
                workflows.insert((object?["workflow"] as? [String: Any])?["id"] as? String ?? "")
            default: break
            }
            return true
        }
        #expect(!state.acknowledged.isEmpty)
        #expect(repeated == 0, "seed \(seed): \(repeated) deliveries that were sent once are on the log twice")
        for (key, sequence) in state.acknowledged {
            let record = try #require(found[key], "seed \(seed): acknowledged and lost: \(key)")
            #expect(record.body == state.bodies[key], "seed \(seed)")
            if let sequence { #expect(record.sequence == sequence, "seed \(seed)") }
        }
        let verified = try await ChildProcess.run(["log", "verify", "--signatures", "--data-dir", data.path])
        #expect(verified.status == 0, "seed \(seed): \(verified.output)")
        if try Replay(data).published() == nil {
            // A snapshot that is still to be made anew waits at a stop for the next start.
            let made = try await ChildProcess.run(["replay", "--data-dir", data.path])
            #expect(made.status == 0, "seed \(seed): \(made.output)")
        }
        let replayed = try await ChildProcess.run(["replay", "--dry-run", "--diff", "--data-dir", data.path])
        #expect(replayed.status == 0, "seed \(seed): \(replayed.output)\n\(told)")
        let snapshot = try #require(try Replay(data).published())
        let jobRuns = snapshot[.jobs].reduce(0) { $0 + UsageTable.jobs.runs($1.tally) }
        let workflowRuns = snapshot[.workflows].reduce(0) { $0 + UsageTable.workflows.runs($1.tally) }
        #expect(jobRuns == jobs.count && workflowRuns == workflows.count, "seed \(seed)")
    }
}

private final class Count: Sendable {
    private let value = Mutex(0)

    func next() -> Int {
        value.withLock { value in
            value += 1
            return value
        }
    }
}
