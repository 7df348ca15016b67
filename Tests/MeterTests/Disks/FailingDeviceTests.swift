import FakeCircleCI
import Foundation
import Glibc
import TestSupport
import Testing

@testable import Meter

/// A device whose writes fail: a file system on a loop device, whose own file lies on a disk that gets full. The file
/// system has room, writes go into memory, and the sync fails; Linux drops the pages that it could not write.
struct FailingDeviceTests {
    @Test(
        .enabled(
            if: Campaign.isAskedFor("failing-device"),
            "by scripts/prove only: what it leaves of a file system differs"
        ),
        .enabled(if: LoopDevice.isAllowed, "needs root and loop devices"),
        .timeLimit(.minutes(600))
    )
    func `a device that fails loses nothing that was acknowledged (by scripts/prove, with root and loop devices)`()
        async throws
    {
        let campaign = Campaign("failing-device", unit: "devices", short: 1)
        while let seed = campaign.nextSeed() { try await run(seed, campaign) }
        campaign.finish()
    }

    private func run(_ seed: UInt64, _ campaign: Campaign) async throws {
        var random = SeededGenerator(seed: seed)
        let device = try LoopDevice(byteCount: 64 << 20, over: SmallDisk(memoryBytes: 32 << 20))
        // Its path changes with each mounting, and nothing else does.
        var disk: SmallDisk? = try SmallDisk(on: device)
        let link = TemporaryDirectory()
        let data = DataDirectory(link.path("mounted/data"))
        try mounted(disk, link)
        let audited = AuditedService(seed: seed, data: data, mayRefuse: true)
        try await audited.addConnection()
        try await withClient(concurrency: 16) { client in
            for _ in 0..<2 {
                let failing = try audited.start(segmentBytes: 100_000)
                let url = try await audited.webhookURL(of: failing)
                await audited.send(to: url, client, atMost: Int.random(in: 50...200, using: &random))
                device.below.fill(leaving: [0, 50_000, 300_000].randomElement(using: &random)!)
                let before = audited.refusedCount
                // Until all sixteen senders have been refused.
                await audited.send(to: url, client, atMost: .max)
                #expect(audited.refusedCount > before, "seed \(seed)")
                campaign.count("failures")
                failing.send(SIGKILL)
                _ = await failing.status()
                // Repaired: room below, and the file system as it is on the device, not as it was in memory.
                disk = nil
                device.below.free()
                device.check()
                disk = try SmallDisk(on: device)
                try mounted(disk, link)
            }
            let last = try audited.start()
            let url = try await audited.webhookURL(of: last)
            await audited.send(to: url, client, atMost: 0)
            #expect(audited.unansweredCount == 0, "seed \(seed)")
            last.send(SIGTERM)
            #expect(await last.status() == 0, "seed \(seed)")
        }
        try await audited.audit()
        campaign.count("acknowledged deliveries", audited.acknowledgedCount)
        campaign.count("refused deliveries", audited.refusedCount)
    }

    private func mounted(_ disk: SmallDisk?, _ link: TemporaryDirectory) throws {
        unlink(link.path("mounted"))
        try #require(symlink(disk?.path ?? "", link.path("mounted")) == 0)
    }
}
