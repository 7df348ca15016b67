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

/// Promise 1: acknowledged means durable. The real program is killed at random instants, also while it starts and
/// recovers, under sixteen senders; what it acknowledged must be on the log once, and counted once.
struct KillTests {
    /// Kills of each of four services that run side by side.
    private static let cycleCount =
        ProcessInfo.processInfo.environment["CIRCLEMETER_KILL_CYCLES"].flatMap { Int($0) } ?? 50

    @Test(.timeLimit(.minutes(20)), arguments: 0..<4)
    func `killed at any instant, nothing acknowledged is lost`(_ round: UInt64) async throws {
        try await KillCampaign(seed: TestSeed.of(round: round), environment: { _ in [:] }).run(
            cycles: KillTests.cycleCount
        )
    }

    /// A plain kill leaves the page cache to the kernel. Here bytes reach the kernel only by a sync, so that a kill
    /// loses whatever was not synced.
    @Test(.timeLimit(.minutes(20)), arguments: 10..<12)
    func `killed with unsynced bytes lost, nothing acknowledged is lost`(_ round: UInt64) async throws {
        let library = ChildProcess.products.appending(path: "libHeldWrites.so").path
        try #require(FileManager.default.fileExists(atPath: library))
        try await KillCampaign(seed: TestSeed.of(round: round)) { log in
            ["LD_PRELOAD": library, "HELD_WRITES_DIRECTORY": log]
        }.run(cycles: KillTests.cycleCount)
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

/// One data directory through many kills.
private final class KillCampaign: Sendable {
    private struct State {
        var random: SeededGenerator
        var deliveries: FakeDeliveries.Iterator
        /// Sent, but not acknowledged before the kill: CircleCI sends these again.
        var unanswered: [GeneratedDelivery] = []
        /// Sequences by webhook and event, as they were acknowledged.
        var acknowledged: [String: Int?] = [:]
        var bodies: [String: [UInt8]] = [:]
    }

    private let seed: UInt64
    private let directory = TemporaryDirectory()
    private let data: DataDirectory
    private let environment: [String: String]
    private let secret = try! WebhookSecret(Array("secret of the campaign".utf8))
    private let state: Mutex<State>

    init(seed: UInt64, environment: (_ log: String) -> [String: String]) {
        self.seed = seed
        data = DataDirectory(directory.path("data"))
        self.environment = environment(data.log)
        var options = FakeHistoryOptions(seed: seed, firstDay: Day("2026-10-01")!)
        options.dayCount = 365
        options.pipelinesPerDay = 200
        options.oddities = OddityRates(all: 0.05)
        state = Mutex(
            State(
                random: SeededGenerator(seed: seed),
                deliveries: FakeHistory(options: options).deliveries.makeIterator()
            )
        )
    }

    func run(cycles: Int) async throws {
        let added = try await ChildProcess.run(
            ["connection", "add", "acme", "--org", "gh/acme", "--webhook-secret-file", "-", "--data-dir", data.path],
            input: "secret of the campaign\n"
        )
        #expect(added.status == 0, "\(added.output)")
        try await withClient(concurrency: 16) { client in
            for _ in 0..<cycles { try await cycle(client) }
            let last = try start()
            let url = try await webhookURL(of: last)
            // What was under way at the last kill is sent again and must be taken now.
            await send(to: url, client, atMost: 0)
            last.send(SIGTERM)
            #expect(await last.status() == 0, "seed \(seed)")
        }
        try await audit()
    }

    private func start() throws -> ChildProcess {
        try ChildProcess(
            [
                "serve", "--data-dir", data.path, "--webhook-address", "127.0.0.1:0", "--dashboard-address",
                "127.0.0.1:0", "--maximum-segment-bytes", "200000", "--log-level", "critical",
            ],
            environment: environment
        )
    }

    private func webhookURL(of service: ChildProcess) async throws -> String {
        let line = try await service.line(after: "webhooks:  ")
        return line.replacing("CONNECTION", with: "acme")
    }

    /// Starts, lets sixteen senders post, and kills after a random number of acknowledgements, or while it starts.
    private func cycle(_ client: HTTPClient) async throws {
        let (whileStarting, milliseconds, count) = state.withLock { state in
            (
                Int.random(in: 0..<6, using: &state.random) == 0, Int.random(in: 0..<250, using: &state.random),
                Int.random(in: 1...120, using: &state.random)
            )
        }
        let service = try start()
        if whileStarting {
            // The instant of the kill is what varies here; no event marks the places in between.
            try await Task.sleep(for: .milliseconds(milliseconds))
        } else {
            let url = try await webhookURL(of: service)
            await send(to: url, client, atMost: count) { service.send(SIGKILL) }
        }
        service.send(SIGKILL)
        #expect(await service.status() == -SIGKILL, "seed \(seed)")
    }

    /// Posts what is unanswered and then new deliveries with sixteen senders, until `limit` are acknowledged (or, for
    /// 0, until nothing is unanswered) or the service is gone.
    private func send(
        to url: String,
        _ client: HTTPClient,
        atMost limit: Int,
        onLimit: @escaping @Sendable () -> Void = {}
    ) async {
        let count = Count()
        let poster = WebhookPoster(client: client)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<16 {
                group.addTask { [self] in
                    while let delivery = next(newToo: limit > 0) {
                        guard await post(delivery, to: url, poster) else {
                            state.withLock { $0.unanswered.append(delivery) }
                            return
                        }
                        if count.next() == limit { onLimit() }
                    }
                }
            }
        }
    }

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
                signing: .secret(secret)
            )
        else { return false }
        #expect(answer.status == 200, "seed \(seed): \(String(decoding: answer.body, as: UTF8.self))")
        guard answer.isAcknowledged else { return false }
        let object = (try? JSONSerialization.jsonObject(with: Data(answer.body))) as? [String: Any]
        let key = "\(delivery.webhookID) \(delivery.eventID)"
        state.withLock { state in
            state.bodies[key] = delivery.body
            let sequence = object?["sequence"] as? Int
            if state.acknowledged[key] == nil || sequence != nil { state.acknowledged[key] = .some(sequence) }
        }
        return true
    }

    /// Everything acknowledged is on the log, under its sequence and with its bytes, once; the log is whole; and the
    /// snapshot counts each run once.
    private func audit() async throws {
        var found: [String: (sequence: Int, body: [UInt8])] = [:]
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
            if found.updateValue((record.sequence, body), forKey: key) != nil { repeated += 1 }
            switch object?["type"] as? String {
            case "job-completed": jobs.insert((object?["job"] as? [String: Any])?["id"] as? String ?? "")
            case "workflow-completed":
                workflows.insert((object?["workflow"] as? [String: Any])?["id"] as? String ?? "")
            default: break
            }
            return true
        }
        let state = state.withLock { $0 }
        #expect(!state.acknowledged.isEmpty)
        #expect(repeated == 0, "seed \(seed): \(repeated) deliveries are on the log twice")
        for (key, sequence) in state.acknowledged {
            let record = try #require(found[key], "seed \(seed): acknowledged and lost: \(key)")
            #expect(record.body == state.bodies[key], "seed \(seed)")
            if let sequence { #expect(record.sequence == sequence, "seed \(seed)") }
        }
        let verified = try await ChildProcess.run(["log", "verify", "--signatures", "--data-dir", data.path])
        #expect(verified.status == 0, "seed \(seed): \(verified.output)")
        let replayed = try await ChildProcess.run(["replay", "--dry-run", "--diff", "--data-dir", data.path])
        #expect(replayed.status == 0, "seed \(seed): \(replayed.output)")
        let snapshot = try #require(try Replay(data).published())
        let jobRuns = snapshot[.jobs].reduce(0) { $0 + UsageTable.jobs.runs($1.tally) }
        let workflowRuns = snapshot[.workflows].reduce(0) { $0 + UsageTable.workflows.runs($1.tally) }
        #expect(jobRuns == jobs.count && workflowRuns == workflows.count, "seed \(seed)")
    }
}
