import AsyncHTTPClient
import EventLog
import FakeCircleCI
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// A whole service and a made-up CircleCI: connect, lose, fill in, reconnect, rotate, repair.
struct ConnectServiceTests {
    private static let key = "key-of-an-admin"

    /// The last three days.
    private func history(_ seed: UInt64) -> FakeHistory {
        let firstDay = Day(daysSinceEpoch: Timestamp.now.day.daysSinceEpoch - 3)
        var options = FakeHistoryOptions(seed: seed, firstDay: firstDay)
        options.dayCount = 3
        options.pipelinesPerDay = 15
        options.projectCount = 3
        options.projectKinds = [.github]
        options.weekendShare = 1
        return FakeHistory(options: options)
    }

    private func connect(_ live: LiveService, _ site: FakeSite) async throws -> ConnectReport {
        try await live.service.parts.circleci.administration.connect(
            try NewConnection(
                id: LiveService.connection(0),
                organization: site.history.organizations[0].id,
                webhookSecret: nil,
                apiKey: Secret(Array(ConnectServiceTests.key.utf8)),
                now: .now
            )
        )
    }

    /// Runs `body` with a service that is connected to a site.
    private func connected(
        _ seed: UInt64,
        _ body: (_ site: FakeSite, _ live: LiveService, _ id: String) async throws -> Void
    ) async throws {
        try await FakeSite.run(history(seed)) { site, url in
            site.addKey(ConnectServiceTests.key, login: "admin")
            let live = try await LiveService(circleciURL: url)
            _ = try await connect(live, site)
            try await body(site, live, LiveService.connection(0))
            await live.stop()
        }
    }

    private func truth(_ site: FakeSite) -> Truth { Truth(site.truth()) }

    @Test(.timeLimit(.minutes(5)))
    func `connected, with losses, a dead key and a new one, the counters equal the truth`() async throws {
        let seed = TestSeed.of(round: 1)
        try await FakeSite.run(history(seed)) { site, url in
            site.addKey(ConnectServiceTests.key, login: "admin")
            let live = try await LiveService(circleciURL: url)
            let id = LiveService.connection(0)
            let report = try await connect(live, site)
            #expect(report.hooks.projects.map(\.outcome) == [.created, .created, .created])
            let reconciler = live.service.parts.circleci.reconciler
            let monitor = live.service.parts.circleci.monitor

            var sending = WebhookSender.Options()
            sending.faults.seed = seed
            sending.faults.dropRate = 0.15
            sending.faults.duplicateRate = 0.1
            sending.faults.reorderWindow = 16
            let start = site.now
            await site.deliver(through: start.adding(seconds: 1.5 * 86_400), sending)
            let first = try await reconciler.reconcile(id, .init(thoroughness: .everything, since: start))
            #expect(first.addedCount > 0)
            #expect(TrueCounts(try await live.snapshot(), .jobs) == truth(site).jobs, "seed \(seed)")

            site.revoke(ConnectServiceTests.key)
            site.resetCalls()
            for _ in 0..<6 { _ = try? await reconciler.reconcile(id, .init(thoroughness: .economical)) }
            #expect(await monitor.condition(of: id)?.state == .reconnectRequired)
            #expect(site.callCount <= 3, "\(site.calls)")
            let status = try await ConnectionStatus.of(id, live.service.parts)
            #expect(status.action == "Reconnect")
            // Webhooks are taken all the while.
            let meanwhile = await site.deliver(through: start.adding(seconds: 5 * 86_400), sending)
            #expect(meanwhile.counts.acknowledgedCount > 0 && meanwhile.counts.givenUpCount == 0)
            #expect(meanwhile.counts.answerCounts.keys.allSatisfy { $0 == 200 })

            let administration = live.service.parts.circleci.administration
            await expectError(.keyRejected) {
                try await administration.reconnect(id, newKey: Secret(Array("no-key".utf8)), expires: nil)
            }
            #expect(await monitor.condition(of: id)?.state == .reconnectRequired)
            site.addKey("the-next-key", login: "admin")
            _ = try await administration.reconnect(id, newKey: Secret(Array("the-next-key".utf8)), expires: nil)
            #expect(await monitor.condition(of: id)?.state == .connected)
            try await reconciler.reconcile(id, .init(thoroughness: .everything, since: start))
            #expect(TrueCounts(try await live.snapshot(), .jobs) == truth(site).jobs, "seed \(seed)")
            #expect(TrueCounts(try await live.snapshot(), .workflows) == truth(site).workflows, "seed \(seed)")
            await live.stop()
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `a secret rotated under load refuses no delivery, and hooks that drift are shown and repaired`() async throws {
        let seed = TestSeed.of(round: 2)
        try await connected(seed) { site, live, id in
            let administration = live.service.parts.circleci.administration
            let end = site.now.adding(seconds: 86_400 * 3.0)
            async let delivered = site.deliver(through: end)
            for _ in 0..<3 {
                let rotated = try await administration.rotateSecret(of: id)
                #expect(rotated.isFinished, "seed \(seed)")
            }
            let report = await delivered
            #expect(report.counts.answerCounts.keys.allSatisfy { $0 == 200 }, "seed \(seed)")
            #expect(report.counts.tryCount == report.counts.acknowledgedCount, "seed \(seed)")
            #expect(report.counts.acknowledgedCount > 100)

            let hooks = site.hooks()
            #expect(hooks.count == 3)
            site.deleteHook(hooks[0].id)
            site.changeHook(hooks[1].id) { $0.url = "https://elsewhere.example.com/hook" }
            site.changeHook(hooks[2].id) { $0.events = ["job-completed"] }
            let drift = try await administration.drift(of: id)
            #expect(Set(drift.flatMap(\.problems).map(\.word)) == ["missing", "url_changed", "events_changed"])
            _ = try await administration.repairHooks(of: id)
            #expect(try await administration.drift(of: id).allSatisfy(\.isGood))
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `silence is told by readyz and by the metric`() async throws {
        let seed = TestSeed.of(round: 3)
        try await connected(seed) { site, live, id in
            // Not before there is a snapshot.
            _ = try await live.snapshot()
            let first = try await ask("/readyz", live)
            #expect(first.status == 200, "seed \(seed), \(first.body)")
            // As if the hooks had been there when it all began.
            let began = site.now
            try await live.service.parts.connections.update(id) { connection in
                for index in connection.hooks.indices { connection.hooks[index].createdAt = began }
            }
            for hook in site.hooks() { site.deleteHook(hook.id) }
            await site.deliver(through: .now)
            try await live.service.parts.circleci.reconciler.reconcile(
                id,
                .init(thoroughness: .everything, since: site.now.adding(seconds: -4 * 86_400.0))
            )
            let ready = try await ask("/readyz", live)
            #expect(ready.status == 503)
            #expect(ready.body.contains("webhooks_silent:\(id)"))
            let metrics = try await ask("/metrics", live).body
            #expect(metrics.contains("circlemeter_connection_state{connection=\"\(id)\",state=\"silent\"} 1"))
            #expect(metrics.contains("circlemeter_api_calls_total{endpoint=\"/me\",status=\"200\"}"))
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `a clock that is not CircleCI's is shown, and nothing is dated by it`() async throws {
        let seed = TestSeed.of(round: 4)
        try await connected(seed) { site, live, id in
            await site.deliver(through: .now)
            #expect(try await !ask("/metrics", live).body.contains("circlemeter_clock_ahead_seconds "))

            // To CircleCI it is November 1994.
            site.setFaults { $0.date = "Sun, 06 Nov 1994 08:49:37 GMT" }
            let refused = try await live.service.parts.circleci.settler.settleByHand(id, ExportRequest(isByHand: true))
            #expect(refused.problem?.code == "wrong_clock" && site.usageExports.isEmpty, "seed \(seed), \(refused)")
            await expectError(.wrongClock) {
                try await live.service.parts.circleci.settler.settle(id, SettleRequest(files: [])) { _ in }
            }
            let order = #"{"files":[{"name":"a.csv","file":"a.csv","exported_at":"2026-11-01T00:00:00Z"}]}"#
            let answer = try await ask("/api/v1/connections/\(id)/settle", live, posting: order)
            #expect(answer.status == 409 && answer.body.contains("wrong_clock"), "\(answer.body)")
            let message = try #require(live.service.parts.circleci.clock.problem?.message)
            #expect(message.contains(" days ahead of CircleCI's"))
            #expect(try await ask("/", live).body.contains("days ahead of CircleCI"))
            let metrics = try await ask("/metrics", live).body
            let ahead = try #require(metrics.firstMatch(of: /circlemeter_clock_ahead_seconds ([0-9.e+]+)/)?.output.1)
            #expect(Double(ahead)! > 30 * 365 * 86_400)

            site.setFaults { $0.date = HTTPDate.text(.now) }
            // What it started, it waits for by the real clock.
            let settling = Task {
                try await live.service.parts.circleci.settler.settleByHand(id, ExportRequest(isByHand: true))
            }
            while site.usageExports.isEmpty, !Task.isCancelled { await Task.yield() }
            settling.cancel()
            _ = try? await settling.value
            #expect(site.usageExports.count == 1, "seed \(seed)")
            #expect(try await !ask("/", live).body.contains("ahead of CircleCI"))
        }
    }

    private func ask(
        _ path: String,
        _ live: LiveService,
        posting body: String? = nil
    ) async throws -> (status: Int, body: String) {
        try await withClient { client in
            var request = HTTPClientRequest(url: live.running.dashboardURL + path)
            request.headers.add(name: "authorization", value: "Bearer \(try live.token)")
            if let body {
                request.method = .POST
                request.headers.add(name: "content-type", value: "application/json")
                request.body = .bytes(ByteBuffer(string: body))
            }
            let response = try await client.execute(request, timeout: .seconds(30))
            let body = try await response.body.collect(upTo: 1 << 22)
            return (Int(response.status.code), String(buffer: body))
        }
    }
}
