import FakeCircleCI
import Foundation
import Glibc
import TestSupport
import Testing
import Wire

@testable import Meter

/// Connections added, given keys, rotated, repaired and removed by commands, with and without a service, and whoever
/// does it killed somewhere between two calls of CircleCI's API. With and without unsynced bytes lost.
struct ConnectionKillTests {
    private static let changeCount = 8
    private static let id = LiveService.connection(0)

    private enum Change: String, CaseIterable {
        case add, reconnect, rotate, repair, remove
    }

    @Test(.timeLimit(.minutes(600)))
    func `killed while a connection changes, the change is there or not, and no secret is lost`() async throws {
        let campaign = Campaign("kills-connections", unit: "data directories", short: 2)
        while let seed = campaign.nextSeed() { try await ConnectionKillTests().run(seed, campaign) }
        campaign.finish()
    }

    private let directory = TemporaryDirectory()
    private var data: String { directory.path("data") }

    private func history(_ seed: UInt64) -> FakeHistory {
        let firstDay = Day(daysSinceEpoch: Timestamp.now.day.daysSinceEpoch)
        var options = FakeHistoryOptions(seed: seed, firstDay: firstDay)
        options.dayCount = 10
        options.projectCount = 2
        options.projectKinds = [.github]
        options.pipelinesPerDay = 20
        options.weekendShare = 1
        return FakeHistory(options: options)
    }

    private func run(_ seed: UInt64, _ campaign: Campaign) async throws {
        var random = SeededGenerator(seed: seed)
        try await FakeSite.run(history(seed)) { site, url in
            site.advance(to: .now)
            site.setFaults { $0.latency = .milliseconds(1) ... .milliseconds(5) }
            let address = "127.0.0.1:\(try FreePort.find())"
            var environment = [
                "CIRCLEMETER_CIRCLECI_URL": url, "CIRCLEMETER_API_CALLS_PER_SECOND": "1000",
                "CIRCLEMETER_PUBLIC_URL": "http://\(address)", "CIRCLEMETER_RECONCILE_EVERY": "off",
                "CIRCLEMETER_SETTLE_EVERY": "off",
            ]
            if seed % 2 == 0 { environment.merge(try HeldWritesLibrary.environment(data)) { $1 } }
            let world = World(site: site, address: address, environment: environment, seed: seed)
            var isThere = false
            for number in 0..<ConnectionKillTests.changeCount {
                site.addKey("key-\(number)", login: "admin")
                let change = isThere ? Change.allCases.dropFirst().randomElement(using: &random)! : .add
                let calls = Int.random(in: 0...14, using: &random)
                let hasService = Bool.random(using: &random)
                let isDone = try await kill(change, number, afterCalls: calls, hasService: hasService, world)
                campaign.count("kills of \(change.rawValue)")
                let note: Comment = "seed \(seed), change \(number): \(change), service \(hasService), done \(isDone)"
                isThere = try await audit(change, isDone: isDone, wasThere: isThere, world, note)
            }
        }
    }

    private struct World {
        let site: FakeSite
        let address: String
        let environment: [String: String]
        let seed: UInt64
    }

    private func command(_ arguments: [String], _ world: World, key: Int? = nil) throws -> ChildProcess {
        try ChildProcess(
            arguments + ["--data-dir", data],
            environment: world.environment,
            input: key.map { "key-\($0)\n" }
        )
    }

    private func arguments(_ change: Change, _ world: World) -> [String] {
        let id = ConnectionKillTests.id
        return switch change {
        case .add:
            ["connection", "add", id, "--org", world.site.history.organizations[0].id, "--api-key-file", "-"]
        case .reconnect: ["connection", "reconnect", id, "--api-key-file", "-"]
        case .rotate: ["connection", "rotate-secret", id]
        case .repair: ["connection", "repair-hooks", id]
        case .remove: ["connection", "remove", id, "--delete-hooks"]
        }
    }

    private func startService(_ world: World) async throws -> ChildProcess {
        let arguments = ["serve", "--webhook-address", world.address, "--dashboard-address", "127.0.0.1:0"]
        let service = try command(arguments + ["--log-level", "critical"], world)
        _ = try await service.line(after: "dashboard: ")
        return service
    }

    /// - Returns: whether the change was acknowledged before the kill.
    private func kill(
        _ change: Change,
        _ number: Int,
        afterCalls calls: Int,
        hasService: Bool,
        _ world: World
    ) async throws -> Bool {
        let service = hasService ? try await startService(world) : nil
        world.site.resetCalls()
        let hasKey = change == .add || change == .reconnect
        let child = try command(arguments(change, world), world, key: hasKey ? number : nil)
        while world.site.callCount < calls, Glibc.kill(child.processID, 0) == 0 { await Task.yield() }
        let victim = service ?? child
        victim.send(SIGKILL)
        let status = await child.status()
        if let service { #expect(await service.status() == -SIGKILL) }
        return status == 0
    }

    /// What is on disk opens, holds what was acknowledged, and takes every delivery that CircleCI signs.
    /// - Returns: whether the connection is there.
    private func audit(
        _ change: Change,
        isDone: Bool,
        wasThere: Bool,
        _ world: World,
        _ note: Comment
    ) async throws -> Bool {
        // The first one may be killed before it has made anything: then that is said, and nothing was acknowledged.
        let hasLog = FileManager.default.fileExists(atPath: DataDirectory(data).log)
        let listed = try command(["connection", "list", "--json"], world)
        let output = await listed.output()
        #expect(await listed.status() == (hasLog ? 0 : 1), "\(note): \(output)")
        #expect(hasLog || output.contains("there is no log") && change == .add && !isDone && !wasThere, note)
        let isThere = output.contains("\"\(ConnectionKillTests.id)\"")
        switch change {
        case .add: if isDone { #expect(isThere, note) }
        case .remove: if isDone { #expect(!isThere, note) }
        default: #expect(isThere, note)
        }
        let service = try await startService(world)
        if isThere {
            if change == .add || change == .remove {
                let repaired = try command(["connection", "repair-hooks", ConnectionKillTests.id], world)
                let said = await repaired.output()
                #expect(await repaired.status() == 0, "\(note): \(said)")
                for project in Set(world.site.hooks().map(\.projectID)) {
                    #expect(world.site.hooks(ofProject: project).count == 1, "made twice: \(note)")
                }
                #expect(!world.site.hooks().isEmpty, note)
            }
            let sent = await world.site.deliver(through: world.site.now.adding(seconds: 8 * 3600))
            #expect(sent.counts.answerCounts.keys.allSatisfy { $0 == 200 }, "\(note): \(sent.counts.answerCounts)")
            #expect(sent.counts.givenUpCount == 0, note)
        }
        service.send(SIGTERM)
        #expect(await service.status() == 0, note)
        return isThere
    }
}
