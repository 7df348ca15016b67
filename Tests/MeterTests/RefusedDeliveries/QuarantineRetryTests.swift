import CircleCI
import EventLog
import Foundation
import NIOHTTP1
import TestSupport
import Testing
import Wire

@testable import FakeCircleCI
@testable import Meter

/// Refused deliveries come back once the secret is mended, through a whole service and through the program.
struct QuarantineRetryTests {
    private static let connection = LiveService.connection(0)

    private func body(_ id: Int) -> [UInt8] {
        Array(#"{"id":"e\#(id)","type":"ping","webhook":{"id":"w1"},"happened_at":"2026-11-22T08:00:00Z"}"#.utf8)
    }

    private func post(_ live: LiveService, _ body: [UInt8], _ secret: Secret) async throws -> Int {
        let signature = WebhookSignature.header(for: body, secret: try secret.forSigning())
        let url = "\(live.running.webhookURL)/webhooks/circleci/\(Self.connection)"
        return try await RunningReceiver.send(.POST, url, body, signature: signature).status
    }

    private func webhooks(_ log: String) throws -> [LogRecordFacts] {
        var all: [LogRecordFacts] = []
        _ = try LogReader(directory: log).read(after: nil) { item in
            guard case .record(let record) = item, record.source == .webhook else { return true }
            all.append(
                LogRecordFacts(
                    receivedAt: record.receivedAt,
                    signature: record.signature,
                    body: record.withBody { Array($0) }
                )
            )
            return true
        }
        return all
    }

    private struct LogRecordFacts {
        var receivedAt: Timestamp
        var signature: String?
        var body: [UInt8]
    }

    @Test func `after the secret is mended, what was refused is on the log with the time of its receipt`() async throws
    {
        let right = Secret(Array("what CircleCI was told".utf8))
        let live = try await LiveService()
        let parts = live.service.parts
        let api = APIClient(live: live)
        let log = "\(live.directory.path("data"))/log"
        let before = Timestamp.now
        for id in 0..<3 { #expect(try await post(live, body(id), right) == 401) }
        #expect(try await post(live, Array("nonsense".utf8), right) == 401)
        await parts.refused.settle()
        let after = Timestamp.now
        let listed = try await api.ask(.GET, "/api/v1/quarantine")
        #expect(listed.text.matches(of: /signature_mismatch/).count == 3)
        // The way in is shown, not the secret nor what it signed.
        #expect(!listed.text.contains("v1=") && !listed.text.contains("happened_at"))

        let early = try await api.ask(.POST, "/api/v1/quarantine/retry")
        #expect(early.text == Self.answer(mismatches: 3))
        _ = try await api.ask(.POST, "/api/v1/connections/\(Self.connection)/remove", body: "{}")
        let gone = try await api.ask(.POST, "/api/v1/quarantine/retry", body: "{}")
        #expect(gone.text == Self.answer(withoutConnection: 3))
        _ = try await parts.circleci.administration.connect(
            try NewConnection(id: Self.connection, organization: "gh/acme", webhookSecret: right, now: .now)
        )
        // CircleCI sends one of them again by itself.
        #expect(try await post(live, body(1), right) == 200)
        let dry = try await api.ask(.POST, "/api/v1/quarantine/retry", body: #"{"dry_run":true}"#)
        #expect(dry.text == Self.answer(isDryRun: true, admitted: 3))
        #expect(try webhooks(log).count == 1)
        let other = try await api.ask(.POST, "/api/v1/quarantine/retry", body: #"{"connection":"none"}"#)
        #expect(other.status == 404 && other.code == "unknown_connection")
        let done = try await api.ask(.POST, "/api/v1/quarantine/retry", body: #"{"connection":"\#(Self.connection)"}"#)
        #expect(done.text == Self.answer(admitted: 2, duplicates: 1))
        #expect(parts.refused.count == 0)
        let again = try await api.ask(.POST, "/api/v1/quarantine/retry")
        #expect(again.text == Self.answer())
        #expect(try await post(live, body(0), right) == 200)

        let records = try webhooks(log)
        #expect(Set(records.map(\.body)) == Set((0..<3).map(body)))
        #expect(records.count == 3)
        for record in records where record.body != body(1) {
            #expect(
                record.receivedAt >= Timestamp(microseconds: before.microseconds - 1000) && record.receivedAt <= after
            )
            #expect(record.signature == WebhookSignature.header(for: record.body, secret: try right.forSigning()))
        }
        let metrics = try await api.ask(.GET, "/metrics")
        #expect(metrics.text.contains(#"circlemeter_refused_deliveries_total{outcome="kept"} 3"#))
        #expect(metrics.text.contains(#"circlemeter_refused_deliveries_total{outcome="implausible"} 1"#))
        await live.stop()
    }

    private static func answer(
        isDryRun: Bool = false,
        admitted: Int = 0,
        duplicates: Int = 0,
        mismatches: Int = 0,
        withoutConnection: Int = 0
    ) -> String {
        #"{"is_dry_run":\#(isDryRun),"admitted":\#(admitted),"duplicates":\#(duplicates),"mismatches":\#(mismatches),"#
            + #""without_connection":\#(withoutConnection),"unreadable":0}"# + "\n"
    }

    @Test func `a viewer may not admit anything`() async throws {
        let live = try await LiveService(environment: ["CIRCLEMETER_VIEWER_TOKEN": String(repeating: "v", count: 40)])
        let viewer = [("authorization", "Bearer " + String(repeating: "v", count: 40))]
        let api = APIClient(live: live)
        #expect(try await api.ask(.GET, "/api/v1/quarantine", viewer).status == 200)
        #expect(try await api.ask(.POST, "/api/v1/quarantine/retry", viewer).status == 403)
        await live.stop()
    }

    /// A stopped service's data, in which so many deliveries wait that fit the secret as it is now.
    private func waiting(_ count: Int) async throws -> LiveService {
        let live = try await LiveService()
        let refused = live.service.parts.refused
        let secret = try LiveService.secret.forSigning()
        for id in 0..<count {
            let body = body(id)
            refused.offer(
                .init(
                    receivedAt: Timestamp(microseconds: Timestamp.now.microseconds / 1000 * 1000),
                    connection: Self.connection,
                    reason: "signature_mismatch",
                    signature: WebhookSignature.header(for: body, secret: secret),
                    body: body
                )
            )
            if id % 32 == 0 { await refused.settle() }
        }
        await refused.settle()
        #expect(refused.count == count)
        await live.stop()
        return live
    }

    @Test(.timeLimit(.minutes(5)))
    func `the command lists and admits, with a service and without one`() async throws {
        let live = try await waiting(2)
        let data = live.directory.path("data")
        let list = try await ChildProcess.run(["quarantine", "list", "--data-dir", data])
        #expect(list.status == 0)
        #expect(list.output.matches(of: /organization-0  signature_mismatch  ping  [0-9]+ bytes/).count == 2)
        let dry = try await ChildProcess.run(["quarantine", "retry", "--dry-run", "--data-dir", data])
        #expect(dry.output == "2 would be admitted or are duplicates" && dry.status == 0)
        let service = try ChildProcess([
            "serve", "--data-dir", data, "--webhook-address", "127.0.0.1:0", "--dashboard-address", "127.0.0.1:0",
            "--reconcile-every", "off", "--settle-every", "off",
        ])
        _ = try await service.line(after: "dashboard: ")
        let retry = try await ChildProcess.run(["quarantine", "retry", "--data-dir", data])
        #expect(retry.output == "2 admitted, 0 duplicates" && retry.status == 0)
        service.send(SIGTERM)
        #expect(await service.status() == 0)
        let empty = try await ChildProcess.run(["quarantine", "list", "--data-dir", data])
        #expect(empty.output == "nothing is kept aside")
        #expect(try webhooks("\(data)/log").count == 2)
    }

    @Test(.timeLimit(.minutes(10)))
    func `killed in the middle of it, a retry loses nothing and doubles nothing`() async throws {
        let seed = TestSeed.of(round: 0)
        var generator = SeededGenerator(seed: seed)
        let count = 600
        let live = try await waiting(count)
        let data = live.directory.path("data")
        var killed = 0
        for _ in 0..<8 {
            let child = try ChildProcess(["quarantine", "retry", "--data-dir", data])
            try await Task.sleep(for: .milliseconds(generator.integer(in: 20...250)))
            child.send(SIGKILL)
            if await child.status() == -SIGKILL { killed += 1 }
            let bodies = try webhooks("\(data)/log").map(\.body)
            #expect(Set(bodies).count == bodies.count, "seed \(seed)")
        }
        let last = try await ChildProcess.run(["quarantine", "retry", "--data-dir", data])
        #expect(last.status == 0, "\(last.output)")
        #expect(killed > 0)
        let records = try webhooks("\(data)/log")
        #expect(records.count == count, "seed \(seed)")
        #expect(Set(records.map(\.body)) == Set((0..<count).map(body)), "seed \(seed)")
        let rest = try await ChildProcess.run(["quarantine", "list", "--data-dir", data])
        #expect(rest.output == "nothing is kept aside", "seed \(seed)")
    }
}
