import AsyncHTTPClient
import CircleCI
import FakeCircleCI
import Foundation
import NIOCore
import NIOHTTP1
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// The whole way of a delivery, through real sockets, files and tables.
struct ServiceTests {
    @Test(arguments: 0..<3)
    func `counters equal the truth, whatever was doubled and out of order`(_ round: UInt64) async throws {
        let seed = TestSeed.of(round: round)
        var options = FakeHistoryOptions(seed: seed, firstDay: Day("2026-10-30")!)
        options.organizationCount = 2
        options.dayCount = 4
        options.pipelinesPerDay = 6
        options.oddities = OddityRates(all: 0.15)
        let history = FakeHistory(options: options)
        var faults = FaultPlan()
        faults.seed = seed
        faults.duplicateRate = 0.2
        faults.reorderWindow = 40
        let live = try await LiveService(organizationCount: 2)
        let report = try await live.send(history.deliveries, organizationCount: 2, faults: faults)
        #expect(report.givenUpCount == 0 && report.quarantinedAnswerCount == 0, "seed \(seed)")
        let snapshot = try await live.snapshot()
        let truth = Truth(history.runs)
        #expect(TrueCounts(snapshot, .jobs) == truth.jobs, "seed \(seed)")
        #expect(TrueCounts(snapshot, .workflows) == truth.workflows, "seed \(seed)")
        #expect(TrueCounts.branches(snapshot) == truth.branches, "seed \(seed)")
        await live.stop()
    }

    @Test func `the four documented shapes count where they belong`() async throws {
        let live = try await LiveService()
        let folder = URL(filePath: #filePath).appending(path: "../../../fixtures/webhooks").standardized
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(files.count == 4)
        let url = "\(live.running.webhookURL)/webhooks/circleci/\(LiveService.connection(0))"
        try await withClient { client in
            for file in files {
                let body = [UInt8](try Data(contentsOf: folder.appending(path: file)))
                let answer = try await WebhookPoster(client: client).post(
                    body,
                    eventType: nil,
                    to: url,
                    signing: .secret(try LiveService.secret.forSigning()),
                    timeout: .seconds(60)
                )
                #expect(answer.status == 200)
            }
        }
        let snapshot = try await live.snapshot()
        let app = "circleci/9o4YVSZBXSCq7dwBQG9bgs/QzGbwTJXzxc33vrwRr6fs8"
        #expect(
            TrueCounts(snapshot, .jobs)
                == TrueCounts([
                    [
                        "organization-0", "2026-03-14", "github/northwind/storefront", "build-and-ship", "unit-tests",
                        "success",
                    ]:
                        .init(runs: 1, milliseconds: 264_370),
                    ["organization-0", "2026-04-03", app, "", "flash-and-run", "failed"]:
                        .init(runs: 1, milliseconds: 186_948),
                ])
        )
        #expect(
            TrueCounts(snapshot, .workflows)
                == TrueCounts([
                    ["organization-0", "2026-03-14", "github/northwind/storefront", "build-and-ship", "success"]:
                        .init(runs: 1, milliseconds: 282_569),
                    ["organization-0", "2026-04-02", app, "firmware-checks", "failed"]:
                        .init(runs: 1, milliseconds: 271_327),
                ])
        )
        #expect(
            TrueCounts.branches(snapshot)
                == TrueCounts([
                    ["organization-0", "2026-03-14", "github/northwind/storefront", "main"]:
                        .init(runs: 1, milliseconds: 264_370),
                    ["organization-0", "2026-04-03", app, "release/2.x"]: .init(runs: 1, milliseconds: 186_948),
                ])
        )
        await live.stop()
    }

    @Test func `a snapshot that has not changed answers 304 to its tag`() async throws {
        let live = try await LiveService()
        _ = try await live.snapshot()
        let first = try await get("/api/v1/snapshot", live)
        let tag = try #require(first.headers.first(name: "etag"))
        #expect(first.status == .ok)
        #expect(try await get("/api/v1/snapshot", live, [("if-none-match", tag)]).status == .notModified)
        #expect(try await get("/api/v1/snapshot", live, [("if-none-match", "\"x\", W/\(tag)")]).status == .notModified)
        #expect(try await get("/api/v1/snapshot", live, [("if-none-match", "\"0-00000000-r0\"")]).status == .ok)

        var options = FakeHistoryOptions(seed: 1, firstDay: Day("2026-11-02")!)
        options.dayCount = 1
        _ = try await live.send(FakeHistory(options: options).deliveries)
        _ = try await live.snapshot()
        let second = try await get("/api/v1/snapshot", live, [("if-none-match", tag)])
        #expect(second.status == .ok)
        #expect(second.headers.first(name: "etag") != tag)
        await live.stop()
    }

    @Test func `a replay through the service gives the same bytes`() async throws {
        let live = try await LiveService()
        var options = FakeHistoryOptions(seed: 5, firstDay: Day("2026-11-02")!)
        options.dayCount = 2
        options.oddities = .usual
        _ = try await live.send(FakeHistory(options: options).deliveries)
        let before = try await live.snapshot().canonicalBytes()
        var request = HTTPClientRequest(url: live.running.dashboardURL + "/api/v1/replay")
        request.method = .POST
        request.headers.add(name: "authorization", value: "Bearer \(try live.token)")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let body = try await response.body.collect(upTo: 1 << 20)
        #expect(response.status == .ok)
        #expect(String(buffer: body).contains("\"status\":\"done\""))
        #expect(try await live.snapshot().canonicalBytes() == before)
        await live.stop()
    }

    @Test(arguments: ["/api/v1/snapshot", "/api/v1/connections", "/metrics", "/readyz", "/"])
    func `nothing of the dashboard is shown without a token`(_ path: String) async throws {
        let live = try await LiveService()
        let response = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: live.running.dashboardURL + path),
            timeout: .seconds(30)
        )
        #expect(response.status == .unauthorized)
        await live.stop()
    }

    @Test func `a page shows odd names as text`() async throws {
        let live = try await LiveService()
        var options = FakeHistoryOptions(seed: 3, firstDay: Timestamp.now.day)
        options.dayCount = 1
        options.weekendShare = 1
        options.oddities.oddNames = 1
        _ = try await live.send(FakeHistory(options: options).deliveries)
        let snapshot = try await live.snapshot()
        let response = try await get("/", live)
        let page = String(buffer: try await response.body.collect(upTo: 4 << 20))
        #expect(response.status == .ok)
        let slugs = Set(snapshot[.jobs].map(\.key.texts[0]))
        #expect(!slugs.isEmpty)
        let inserted = page.replacing("<script src=\"/assets/live.js\" defer></script>", with: "")
        #expect(!inserted.contains("<script") && !inserted.contains("<img") && !inserted.contains("<b>"))
        await live.stop()
    }

    private func get(
        _ path: String,
        _ live: LiveService,
        _ headers: [(String, String)] = []
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: live.running.dashboardURL + path)
        request.headers.add(name: "authorization", value: "Bearer \(try live.token)")
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        return try await HTTPClient.shared.execute(request, timeout: .seconds(30))
    }
}
