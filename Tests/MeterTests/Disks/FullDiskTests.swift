import AsyncHTTPClient
import CircleCI
import FakeCircleCI
import Foundation
import Glibc
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import Meter

/// A disk that is really full, again and again, under the real program.
struct FullDiskTests {
    private static let fillCount = 6

    @Test(
        .enabled(if: SmallDisk.isAllowed, "needs the right to mount a tmpfs"),
        .timeLimit(.minutes(600))
    )
    func `a full disk refuses and loses nothing, and is taken up again when there is room (needs to mount)`()
        async throws
    {
        let campaign = Campaign("full-disk", unit: "disks", short: 1)
        while let seed = campaign.nextSeed() { try await run(seed, campaign) }
        campaign.finish()
    }

    private func run(_ seed: UInt64, _ campaign: Campaign) async throws {
        var random = SeededGenerator(seed: seed)
        let disk = try SmallDisk(memoryBytes: 24 << 20)
        let data = DataDirectory("\(disk.path)/data")
        let audited = AuditedService(seed: seed, data: data, mayRefuse: true)
        try await audited.addConnection()
        try await withClient(concurrency: 16) { client in
            var service = try audited.start(segmentBytes: 50_000)
            var url = try await audited.webhookURL(of: service)
            for number in 0..<FullDiskTests.fillCount {
                let room = [0, 4_096, 20_000, 100_000, 400_000].randomElement(using: &random)!
                let note: Comment = "seed \(seed), fill \(number) leaving \(room)"
                await audited.send(to: url, client, atMost: Int.random(in: 1...150, using: &random))
                disk.fill(leaving: room)
                let before = audited.refusedCount
                // Until all sixteen senders have been refused.
                await audited.send(to: url, client, atMost: .max)
                #expect(audited.refusedCount > before, note)
                campaign.count("full disks")
                try await expectRefusal(url, client, note)
                try await expectReaders(audited, note)
                try await expectRefusedChange(audited, note)
                if Int.random(in: 0..<3, using: &random) == 0 {
                    service.send(SIGKILL)
                    _ = await service.status()
                    try await startWhileFull(audited, note)
                    campaign.count("starts while full")
                    disk.free()
                    service = try audited.start(segmentBytes: 50_000)
                    url = try await audited.webhookURL(of: service)
                } else {
                    disk.free()
                }
                try await expectRecovery(audited, url, client, note)
            }
            service.send(SIGTERM)
            #expect(await service.status() == 0, "seed \(seed)")
        }
        try await audited.audit()
        campaign.count("acknowledged deliveries", audited.acknowledgedCount)
        campaign.count("refused deliveries", audited.refusedCount)
    }

    /// 503, and when to come again.
    private func expectRefusal(_ url: String, _ client: HTTPClient, _ note: Comment) async throws {
        let body = Array("{\"id\":\"\(UUID())\",\"type\":\"ping\"}".utf8)
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        let signature = WebhookSignature.header(for: body, secret: AuditedService.secret)
        request.headers.add(name: "circleci-signature", value: signature)
        request.body = .bytes(ByteBuffer(bytes: body))
        let response = try await client.execute(request, timeout: .seconds(60))
        // Some room for a line of a few bytes may be left.
        guard response.status != .ok else { return }
        #expect(response.status.code == 503, note)
        #expect(response.headers.first(name: "retry-after").flatMap { Int($0) } ?? 0 > 0, note)
    }

    /// Readers go on: what is on the log and in the snapshot is shown.
    private func expectReaders(_ audited: AuditedService, _ note: Comment) async throws {
        for command in [["log", "stat"], ["connection", "list"]] {
            let answer = try await ChildProcess.run(command + ["--data-dir", audited.data.path])
            #expect(answer.status == 0, "\(note): \(command) \(answer.output)")
        }
    }

    /// A change that cannot be kept is refused with its reason, and what was there stays.
    private func expectRefusedChange(_ audited: AuditedService, _ note: Comment) async throws {
        let added = try await ChildProcess.run(
            ["connection", "add", "beta", "--org", "gh/beta", "--webhook-secret-file", "-", "--data-dir"]
                + [audited.data.path],
            input: String(repeating: "s", count: 40)
        )
        if added.status != 0 {
            let reasons = ["unwritable_file", "log_unavailable", "connection_exists"]
            #expect(reasons.contains { added.output.contains($0) }, "\(note): \(added.output)")
        }
        let listed = try await ChildProcess.run(["connection", "list", "--json", "--data-dir", audited.data.path])
        #expect(listed.status == 0 && listed.output.contains("\"acme\""), "\(note): \(listed.output)")
    }

    /// A start on a full disk serves or says why it does not.
    private func startWhileFull(_ audited: AuditedService, _ note: Comment) async throws {
        let service = try audited.start(segmentBytes: 50_000)
        do {
            _ = try await audited.webhookURL(of: service)
            service.send(SIGKILL)
            _ = await service.status()
        } catch let failure as ChildProcess.Failure {
            #expect(await service.status() == 1, note)
            #expect(
                failure.description.contains("space") || failure.description.contains("room"),
                "\(note): \(failure)"
            )
        }
    }

    /// By itself: the senders come again until all is taken.
    private func expectRecovery(
        _ audited: AuditedService,
        _ url: String,
        _ client: HTTPClient,
        _ note: Comment
    ) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while audited.unansweredCount > 0, .now < end {
            await audited.send(to: url, client, atMost: 0)
            if audited.unansweredCount > 0 { try await Task.sleep(for: .milliseconds(100)) }
        }
        #expect(audited.unansweredCount == 0, note)
    }
}
