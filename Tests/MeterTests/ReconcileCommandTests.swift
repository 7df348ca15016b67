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

/// The real program against a made-up CircleCI.
struct ReconcileCommandTests {
    private static let key = "CCIPAT_canary_0123456789abcdef0123456789abcdef01234567"
    private static let secret = "canary-secret-9f8e7d6c5b4a39281706"

    private let directory = TemporaryDirectory()
    private var data: String { directory.path("data") }

    private func history(_ seed: UInt64, pipelinesPerDay: Int = 10) -> FakeHistory {
        let firstDay = Day(daysSinceEpoch: Timestamp.now.day.daysSinceEpoch - 4)
        var options = FakeHistoryOptions(seed: seed, firstDay: firstDay)
        options.dayCount = 3
        options.projectKinds = [.github]
        options.pipelinesPerDay = pipelinesPerDay
        options.weekendShare = 1
        return FakeHistory(options: options)
    }

    private func environment(_ url: String) -> [String: String] {
        ["CIRCLEMETER_CIRCLECI_URL": url, "CIRCLEMETER_API_CALLS_PER_SECOND": "1000"]
    }

    private func add(_ site: FakeSite, _ url: String) async throws {
        let secretFile = directory.path("secret")
        try Data(ReconcileCommandTests.secret.utf8).write(to: URL(filePath: secretFile))
        let added = try await ChildProcess.run(
            [
                "connection", "add", LiveService.connection(0), "--org", site.history.organizations[0].id,
                "--webhook-secret-file", secretFile, "--api-key-file", "-", "--data-dir", data,
            ],
            environment: environment(url),
            input: ReconcileCommandTests.key + "\n"
        )
        #expect(added.status == 0, "\(added.output)")
    }

    @Test(.timeLimit(.minutes(600)))
    func `killed while reconciling, any number of times, the end is the same`() async throws {
        let campaign = Campaign("kills-reconcile", unit: "organizations", short: 1)
        while let seed = campaign.nextSeed() { try await ReconcileCommandTests().kill(seed, campaign) }
        campaign.finish()
    }

    private func kill(_ seed: UInt64, _ campaign: Campaign) async throws {
        var random = SeededGenerator(seed: seed)
        try await FakeSite.run(history(seed, pipelinesPerDay: 40)) { site, url in
            site.addKey(ReconcileCommandTests.key, login: "admin")
            site.advance(to: .now)
            try await add(site, url)
            site.setFaults { $0.latency = .milliseconds(2) ... .milliseconds(20) }
            var kills = 0
            for _ in 0..<12 {
                site.resetCalls()
                let isService = Int.random(in: 0..<3, using: &random) == 0
                let addresses = ["--webhook-address", "127.0.0.1:0", "--dashboard-address", "127.0.0.1:0"]
                let child = try ChildProcess(
                    (isService ? ["serve", "--reconcile-every", "1s"] + addresses : ["reconcile"])
                        + ["--data-dir", data],
                    environment: environment(url)
                )
                // Somewhere in its work, measured by what it has asked.
                let calls = Int.random(in: 1...40, using: &random)
                let end = ContinuousClock.now + .seconds(isService ? 3 : 60)
                // A service that has nothing to ask for is killed all the same.
                while site.callCount < calls, Glibc.kill(child.processID, 0) == 0, .now < end { await Task.yield() }
                child.send(SIGKILL)
                if await child.status() == -SIGKILL { kills += 1 }
            }
            #expect(kills > 4, "seed \(seed)")
            campaign.count("kills", kills)
            site.setFaults { $0.latency = nil }
            let last = try await ChildProcess.run(["reconcile", "--data-dir", data], environment: environment(url))
            #expect(last.status == 0, "seed \(seed): \(last.output)")
            let again = try await ChildProcess.run(
                ["reconcile", "--json", "--data-dir", data],
                environment: environment(url)
            )
            #expect(again.output.contains("\"added\":0"), "seed \(seed): \(again.output)")
            let verified = try await ChildProcess.run(["log", "verify", "--data-dir", data])
            #expect(verified.status == 0, "seed \(seed): \(verified.output)")
            let snapshot = try #require(try Replay(DataDirectory(data)).published())
            #expect(TrueCounts(snapshot, .jobs) == Truth(site.truth()).jobs, "seed \(seed)")
            #expect(TrueCounts(snapshot, .workflows) == Truth(site.truth()).workflows, "seed \(seed)")
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `a canary key and a canary secret are in no output, no file, no answer and no process list`() async throws {
        try await FakeSite.run(history(TestSeed.of(round: 2), pipelinesPerDay: 4)) { site, url in
            site.addKey(ReconcileCommandTests.key, login: "admin")
            site.advance(to: .now)
            try await add(site, url)
            var seen: [String] = []
            let service = try ChildProcess(
                [
                    "serve", "--data-dir", data, "--webhook-address", "127.0.0.1:0", "--dashboard-address",
                    "127.0.0.1:0", "--log-level", "trace", "--reconcile-every", "1s",
                ],
                environment: environment(url)
            )
            let signIn = try await service.line(after: "dashboard: ")
            let dashboard = String(signIn.prefix(upTo: signIn.firstRange(of: "/login")!.lowerBound))
            let id = LiveService.connection(0)
            seen.append(try await ChildProcess.run(["reconcile", "--data-dir", data]).output)
            site.revoke(ReconcileCommandTests.key)
            var shown = ""
            while !shown.contains("reconnect_required") {
                shown = try await ChildProcess.run(["connection", "show", id, "--json", "--data-dir", data]).output
            }
            seen.append(shown)
            let refused = try await ChildProcess.run(
                ["connection", "reconnect", id, "--api-key-file", "-", "--data-dir", data],
                input: ReconcileCommandTests.key
            )
            #expect(refused.status == 1)
            seen.append(refused.output)
            let token = try String(contentsOfFile: "\(data)/admin-token", encoding: .utf8)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            for path in ["/", "/connections", "/metrics", "/api/v1/connections", "/api/v1/snapshot", "/readyz"] {
                seen.append(try await fetch(dashboard + path, token))
            }
            let commandLine = try String(contentsOfFile: "/proc/\(service.processID)/cmdline", encoding: .utf8)
            seen.append(commandLine)
            service.send(SIGTERM)
            seen.append(await service.output())
            let files = try #require(FileManager.default.enumerator(atPath: data))
            for case let name as String in files {
                if let bytes = FileManager.default.contents(atPath: "\(data)/\(name)") {
                    seen.append(String(decoding: bytes, as: UTF8.self))
                }
            }
            for canary in [ReconcileCommandTests.key, ReconcileCommandTests.secret] {
                let bytes = Array(canary.utf8)
                // Base64 of the text at each of the three places that it can have in a longer one.
                let base64 = (0..<3).map { shift in
                    let encoded = Base64.encode([UInt8](repeating: 0, count: shift) + bytes)
                    return String(encoded.dropFirst(shift == 0 ? 0 : 4).dropLast(4))
                }
                for form in [canary, Hex.encode(bytes), Hex.encode(bytes).uppercased()] + base64 {
                    #expect(!seen.contains { $0.contains(form) }, "\(form)")
                }
            }
            #expect(seen.joined().contains("reconnect_required"))
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
