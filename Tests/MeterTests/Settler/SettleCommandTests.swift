import AsyncHTTPClient
import FakeCircleCI
import Foundation
import Glibc
import NIOCore
import NIOHTTP1
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// `circlemeter settle` without files: the real program against a made-up CircleCI.
struct SettleCommandTests {
    private let directory = TemporaryDirectory()
    private var data: String { directory.path("data") }
    private static let key = "a-key-for-settling"

    private func history(_ seed: UInt64, pipelinesPerDay: Int = 10) -> FakeHistory {
        let firstDay = Day(daysSinceEpoch: Timestamp.now.day.daysSinceEpoch - 9)
        var options = FakeHistoryOptions(seed: seed, firstDay: firstDay)
        options.dayCount = 3
        options.projectKinds = [.github]
        options.pipelinesPerDay = pipelinesPerDay
        options.weekendShare = 1
        return FakeHistory(options: options)
    }

    private func site(_ seed: UInt64) -> FakeSiteOptions {
        var options = FakeSiteOptions(seed: seed)
        options.exportLooks = 0
        options.exportRowsPerFile = 100
        return options
    }

    private func environment(_ url: String) -> [String: String] {
        [
            "CIRCLEMETER_CIRCLECI_URL": url, "CIRCLEMETER_API_CALLS_PER_SECOND": "1000",
            "CIRCLEMETER_SETTLE_LOOK_EVERY": "1s",
        ]
    }

    private func add(_ site: FakeSite, _ url: String) async throws {
        site.addKey(SettleCommandTests.key, login: "admin")
        site.advance(to: .now)
        let secretFile = directory.path("secret")
        try Data("secret".utf8).write(to: URL(filePath: secretFile))
        let added = try await ChildProcess.run(
            [
                "connection", "add", LiveService.connection(0), "--org", site.history.organizations[0].id,
                "--webhook-secret-file", secretFile, "--api-key-file", "-", "--data-dir", data,
            ],
            environment: environment(url),
            input: SettleCommandTests.key + "\n"
        )
        #expect(added.status == 0, "\(added.output)")
    }

    private func days(_ history: FakeHistory) -> (from: Day, to: Day) {
        (history.options.firstDay, ExportPlan.lastFullDay(.now).advanced(by: 1).advanced(by: -1))
    }

    private func expectTruth(_ history: FakeHistory, through last: Day, _ note: String) throws {
        let snapshot = try #require(try Replay(DataDirectory(data)).published())
        let counted = CreditCounts(snapshot, connection: LiveService.connection(0), through: last)
        let truth = CreditCounts(history.usages(on: history.options.firstDay...last))
        #expect(counted.features == truth.features && counted.jobs == truth.jobs, "\(note)")
        #expect(counted.runs == truth.runs && counted.openDays.isEmpty, "\(note)")
    }

    @Test(.timeLimit(.minutes(600)))
    func `killed while settling, any number of times, the end is the same`() async throws {
        let campaign = Campaign("kills-settle", unit: "organizations", short: 1)
        while let seed = campaign.nextSeed() { try await SettleCommandTests().kill(seed, campaign) }
        campaign.finish()
    }

    private func kill(_ seed: UInt64, _ campaign: Campaign) async throws {
        var random = SeededGenerator(seed: seed)
        let history = history(seed, pipelinesPerDay: 60)
        try await FakeSite.run(history, options: site(seed)) { site, url in
            try await add(site, url)
            let (from, to) = days(history)
            let command = ["settle", "--from", "\(from)", "--to", "\(to)", "--data-dir", data]
            site.setFaults { $0.latency = .milliseconds(2) ... .milliseconds(20) }
            var kills = 0
            for attempt in 0..<5 {
                site.resetCalls()
                let child = try ChildProcess(command, environment: environment(url))
                // The first ones hit early, before everything is settled and nothing is left to kill.
                let calls = Int.random(in: 1...(2 + 2 * attempt), using: &random)
                while site.callCount < calls, Glibc.kill(child.processID, 0) == 0 { await Task.yield() }
                child.send(SIGKILL)
                if await child.status() == -SIGKILL { kills += 1 }
            }
            #expect(kills > 1, "seed \(seed)")
            campaign.count("kills", kills)
            // What the kills took of the hour's calls comes back.
            site.advance(to: site.now.adding(seconds: 3600))
            site.setFaults { $0.latency = nil }
            let last = try await ChildProcess.run(command, environment: environment(url))
            #expect(last.status == 0, "seed \(seed): \(last.output)")
            #expect(last.output.contains("settled through") || last.output.contains("not settled yet"))
            // The command ends when what it did is counted.
            try expectTruth(history, through: to, "seed \(seed), at once")
            let again = try await ChildProcess.run(command + ["--json"], environment: environment(url))
            #expect(again.output.contains("\"exports\":[]"), "\(again.output)")
            let verified = try await ChildProcess.run(["log", "verify", "--data-dir", data])
            #expect(verified.status == 0, "\(verified.output)")
            try expectTruth(history, through: to, "seed \(seed)")
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `through a running service: planned, settled, shown, and no signature anywhere`() async throws {
        let seed = TestSeed.of(round: 2)
        let history = history(seed)
        try await FakeSite.run(history, options: site(seed)) { site, url in
            try await add(site, url)
            let id = LiveService.connection(0)
            var seen: [String] = []
            let service = try ChildProcess(
                [
                    "serve", "--data-dir", data, "--webhook-address", "127.0.0.1:0", "--dashboard-address",
                    "127.0.0.1:0", "--log-level", "trace", "--settle-every", "off", "--reconcile-every", "off",
                ],
                environment: environment(url)
            )
            let signIn = try await service.line(after: "dashboard: ")
            let dashboard = String(signIn.prefix(upTo: signIn.firstRange(of: "/login")!.lowerBound))
            let reconciled = try await ChildProcess.run(
                ["reconcile", "--since", "\(history.options.firstDay)", "--data-dir", data]
            )
            #expect(reconciled.status == 0, "\(reconciled.output)")
            let planned = try await ChildProcess.run(["settle", "--dry-run", "--data-dir", data])
            let (from, to) = days(history)
            #expect(planned.status == 0 && planned.output.contains("\(id): would start \(from) to \(to)"))
            #expect(site.usageExports.isEmpty)
            let settled = try await ChildProcess.run(["settle", "--data-dir", data])
            #expect(settled.status == 0 && settled.output.contains("settled through \(to)"), "\(settled.output)")
            let shown = try await ChildProcess.run(["connection", "show", id, "--json", "--data-dir", data])
            #expect(shown.output.contains("\"settled_through\":\"\(to)\""), "\(shown.output)")
            #expect(shown.output.contains("\"last_settled\""))
            let token = try String(contentsOfFile: "\(data)/admin-token", encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            for path in ["/metrics", "/api/v1/connections", "/"] {
                seen.append(try await fetch(dashboard + path, token))
            }
            #expect(seen[0].contains("circlemeter_settled_rows_total{connection=\"\(id)\",outcome=\"settled\"}"))
            #expect(seen[0].contains("circlemeter_settled_through_timestamp_seconds{connection=\"\(id)\"}"))
            service.send(SIGTERM)
            seen += [await service.output(), planned.output, settled.output, shown.output]
            for case let name as String in FileManager.default.enumerator(atPath: data)! {
                guard let bytes = FileManager.default.contents(atPath: "\(data)/\(name)") else { continue }
                seen.append(String(decoding: bytes, as: UTF8.self))
            }
            #expect(!site.usageExportSignatures.isEmpty)
            for signature in site.usageExportSignatures { #expect(!seen.contains { $0.contains(signature) }) }
            #expect(!seen.contains { $0.contains("X-Amz") })
            try expectTruth(history, through: to, "seed \(seed)")
        }
    }

    private func fetch(_ url: String, _ token: String) async throws -> String {
        try await withClient { client in
            var request = HTTPClientRequest(url: url)
            request.headers.add(name: "authorization", value: "Bearer \(token)")
            let response = try await client.execute(request, timeout: .seconds(30))
            return String(buffer: try await response.body.collect(upTo: 1 << 22))
        }
    }
}
