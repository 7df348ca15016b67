import AsyncHTTPClient
import FakeCircleCI
import Foundation
import TestSupport
import Testing

@testable import Meter

/// Promise 1: acknowledged means durable. The real program is killed at random instants under sixteen senders, also while
/// it starts and recovers, closes segments, or makes its snapshot anew; what it acknowledged must be on the log once, and
/// counted once.
struct KillTests {
    /// Kills of one data directory before its audit.
    private static let killCount = 20

    @Test(.timeLimit(.minutes(600)))
    func `killed at any instant, nothing acknowledged is lost`() async throws {
        try await run(Campaign("kills", unit: "data directories", short: 4)) { _ in [:] }
    }

    /// A plain kill leaves the page cache to the kernel. Here bytes reach the kernel only by a sync, so that a kill
    /// loses whatever was not synced.
    @Test(.timeLimit(.minutes(600)))
    func `killed with unsynced bytes lost, nothing acknowledged is lost`() async throws {
        let held = try HeldWritesLibrary.environment
        try await run(Campaign("kills-held-writes", unit: "data directories", short: 2), environment: held)
    }

    /// On a slow disk kills fall in between the writes of one change, to the snapshot's files too.
    @Test(.timeLimit(.minutes(600)))
    func `killed on a slow disk, nothing acknowledged is lost`() async throws {
        let held = try HeldWritesLibrary.environment
        try await run(Campaign("kills-slow-disk", unit: "data directories", short: 2)) { directory in
            held(directory).merging(["HELD_WRITES_SLOWEST_SYNC_MICROSECONDS": "40000"]) { $1 }
        }
    }

    private func run(
        _ campaign: Campaign,
        environment: @escaping @Sendable (_ directory: String) -> [String: String]
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    while let seed = campaign.nextSeed() { try await kill(seed, campaign, environment) }
                }
            }
            try await group.waitForAll()
        }
        campaign.finish()
    }

    private func kill(
        _ seed: UInt64,
        _ campaign: Campaign,
        _ environment: @Sendable (_ directory: String) -> [String: String]
    ) async throws {
        let directory = TemporaryDirectory()
        let data = DataDirectory(directory.path("data"))
        let service = AuditedService(seed: seed, data: data, environment: environment(data.path))
        var random = SeededGenerator(seed: seed)
        try await service.addConnection()
        let told = try await withClient(concurrency: 16) { client in
            for _ in 0..<KillTests.killCount { campaign.count(try await cycle(service, client, &random)) }
            let last = try service.start(logLevel: "info")
            let url = try await service.webhookURL(of: last)
            // What was under way at the last kill is sent again and must be taken now.
            await service.send(to: url, client, atMost: 0)
            last.send(SIGTERM)
            #expect(await last.status() == 0, "seed \(seed)")
            return await last.output()
        }
        try await service.audit(told: told)
        campaign.count("acknowledged deliveries", service.acknowledgedCount)
    }

    /// One kill; the seed says of what, and when.
    private func cycle(
        _ service: AuditedService,
        _ client: HTTPClient,
        _ random: inout SeededGenerator
    ) async throws -> String {
        let milliseconds = Int.random(in: 0..<250, using: &random)
        let count = Int.random(in: 1...100, using: &random)
        let segmentBytes = [5_000, 40_000, 200_000].randomElement(using: &random)!
        // Then all is folded anew, and the kill may fall into that.
        if Int.random(in: 0..<6, using: &random) == 0 {
            try? FileManager.default.removeItem(atPath: service.data.usage)
        }
        switch Int.random(in: 0..<8, using: &random) {
        case 0:
            let replay = try ChildProcess(
                ["replay", "--data-dir", service.data.path],
                environment: service.environment
            )
            // The instant of the kill is what varies; no event marks the places in between.
            try await Task.sleep(for: .milliseconds(milliseconds))
            replay.send(SIGKILL)
            #expect([-SIGKILL, 0].contains(await replay.status()), "seed \(service.seed)")
            return "kills of a replay"
        case 1, 2:
            let running = try service.start(segmentBytes: segmentBytes)
            try await Task.sleep(for: .milliseconds(milliseconds))
            running.send(SIGKILL)
            #expect(await running.status() == -SIGKILL, "seed \(service.seed)")
            return "kills while it opens"
        default:
            let running = try service.start(segmentBytes: segmentBytes)
            let url = try await service.webhookURL(of: running)
            await service.send(to: url, client, atMost: count) { running.send(SIGKILL) }
            running.send(SIGKILL)
            #expect(await running.status() == -SIGKILL, "seed \(service.seed)")
            return "kills under load"
        }
    }
}

/// The library that lets bytes reach the kernel by a sync only.
enum HeldWritesLibrary {
    /// What a process on a data directory is started with.
    static var environment: @Sendable (_ directory: String) -> [String: String] {
        get throws {
            let library = ChildProcess.products.appending(path: "libHeldWrites.so").path
            try #require(FileManager.default.fileExists(atPath: library))
            let loaded = [library, ProcessInfo.processInfo.environment["LD_PRELOAD"]].compactMap(\.self)
            return { ["LD_PRELOAD": loaded.joined(separator: ":"), "HELD_WRITES_DIRECTORY": $0] }
        }
    }
}
