import CircleCI
import EventLog
import FakeCircleCI
import Synchronization
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// The passes of a service that runs: what they cost, and what they find without asking about everything.
struct ReconcileScheduleTests {
    /// Passes once an hour until the site's time is `end`, taking what is due before each.
    private func live(
        _ world: ReconcileWorld,
        through end: Timestamp,
        seed: UInt64,
        _ isTaken: (GeneratedDelivery) -> Bool
    ) async throws {
        let reconciler = world.reconciler()
        while world.site.now < end {
            world.site.advance(to: world.site.now.adding(seconds: 7200.0))
            try world.take(seed: seed, isTaken)
            for id in world.connectionIDs { try await reconciler.reconcile(id, .init(thoroughness: .economical)) }
        }
    }

    private static let end = Timestamp("2026-11-08T12:00:00Z")!

    private func history(_ seed: UInt64) -> FakeHistory {
        var oddities = OddityRates()
        oddities.cancellations = 0.1
        oddities.automaticReruns = 0.1
        var options = FakeHistoryOptions.small(seed: seed, oddities: oddities)
        options.pipelinesPerDay = 30
        options.projectCount = 2
        return FakeHistory(options: options)
    }

    @Test func `where every webhook arrives, a tenth of the calls is enough, and adds nothing`() async throws {
        let seed = TestSeed.of(round: 1)
        var options = FakeHistoryOptions.small(seed: seed, oddities: OddityRates())
        options.pipelinesPerDay = 60
        options.projectCount = 2
        var site = FakeSiteOptions(seed: seed)
        site.erroredPipelines = 0
        try await ReconcileWorld.run(FakeHistory(options: options), site: site, options: ReconcileOptions()) { world in
            try await live(world, through: ReconcileScheduleTests.end, seed: seed) { _ in true }
            #expect(world.log.count(.api) == 0, "seed \(seed)")
            let pipelines = Set(world.site.history.workflows.map(\.pipeline.id)).count
            let workflows = Array(world.site.history.workflows).count
            let asked =
                world.site.callCount("/pipeline/{id}/workflow") + world.site.callCount("/workflow/{id}/job")
                + world.site.callCount("/project/{slug}/job/{number}") + world.site.callCount("/pipeline/{id}")
                // Once for each job, however often it runs.
                - world.log.descriptions.count
            #expect(asked * 10 <= pipelines + workflows, "seed \(seed): \(asked) of \(pipelines) + \(workflows)")
        }
    }

    @Test func `a clock that was ahead keeps no pipelines from being listed once it is right`() async throws {
        let seed = TestSeed.of(round: 20)
        try await ReconcileWorld.run(history(seed), options: ReconcileOptions()) { world in
            let secondsAhead = Mutex(3 * 86_400.0)
            let reconciler = world.reconciler(now: { world.site.now.adding(seconds: secondsAhead.withLock { $0 }) })
            world.site.advance(to: ReconcileScheduleTests.end)
            try world.take(seed: seed) { _ in true }
            let id = world.connectionIDs[0]
            try await reconciler.reconcile(id, .init(thoroughness: .economical))
            secondsAhead.withLock { $0 = 0 }
            let listings = world.site.callCount("/project/{slug}/pipeline")
            try await reconciler.reconcile(id, .init(thoroughness: .economical))
            #expect(world.site.callCount("/project/{slug}/pipeline") > listings, "seed \(seed)")
        }
    }

    @Test(arguments: 0..<10)
    func `single lost events are found by the numbers of jobs, and the rest by hand`(_ round: UInt64) async throws {
        let seed = TestSeed.of(round: round)
        var random = SeededGenerator(seed: seed)
        // Decided once for each delivery, however often it is looked at.
        let lost = Set(
            history(seed).deliveries.filter { _ in Double.random(in: 0..<1, using: &random) < 0.05 }.map {
                "\($0.webhookID) \($0.eventID)"
            }
        )
        try await ReconcileWorld.run(history(seed), options: ReconcileOptions()) { world in
            try await live(world, through: ReconcileScheduleTests.end, seed: seed) {
                !lost.contains("\($0.webhookID) \($0.eventID)")
            }
            let found = world.log.count(.api)
            #expect(found > 0, "seed \(seed)")
            // By hand nothing is taken for granted. Of dozens the schedule may leave the one behind which nothing ran.
            let start = world.site.history.options.firstDay.start
            for id in world.connectionIDs {
                try await world.reconciler().reconcile(id, .init(thoroughness: .everything, since: start))
            }
            #expect(world.log.count(.api) - found <= 2, "seed \(seed)")
            let truth = world.truth()
            #expect(TrueCounts(world.log.snapshot, .jobs) == truth.jobs, "seed \(seed)")
            #expect(TrueCounts(world.log.snapshot, .workflows) == truth.workflows, "seed \(seed)")
        }
    }

    @Test func `a project whose hook is silent while the API shows pipelines is said to be silent`() async throws {
        let seed = TestSeed.of(round: 2)
        try await ReconcileWorld.run(history(seed), options: ReconcileOptions()) { world in
            let id = world.connectionIDs[0]
            let break1 = Timestamp("2026-11-03T12:00:00Z")!
            try await live(world, through: break1, seed: seed) { _ in true }
            #expect(await world.monitor.condition(of: id)?.state == .connected)
            try await live(world, through: Timestamp("2026-11-04T12:00:00Z")!, seed: seed) { $0.sentAt < break1 }
            #expect(await world.monitor.condition(of: id)?.state == .silent, "seed \(seed)")
        }
    }

    @Test func `a project that was lost or silent and is the connection's no more is forgotten by the next pass`()
        async throws
    {
        let seed = TestSeed.of(round: 4)
        try await ReconcileWorld.run(history(seed), options: ReconcileOptions()) { world in
            let id = world.connectionIDs[0]
            let noon = Timestamp("2026-11-03T12:00:00Z")!
            try await live(world, through: noon, seed: seed) { _ in true }
            for slug in ["gh/acme/renamed", "gh/acme/unfollowed"] {
                await world.monitor.observe([.projectLost(slug), .projectSilent(slug, since: noon)], of: id)
            }
            #expect(await world.monitor.condition(of: id)?.state == .limited, "seed \(seed)")
            try await world.reconciler().reconcile(id, .init(thoroughness: .economical))
            #expect(await world.monitor.health(of: id)?.all.map(\.state) == [.connected], "seed \(seed)")
        }
    }

    @Test func `a dead key stops the calls within two passes; a new one starts them`() async throws {
        let seed = TestSeed.of(round: 3)
        try await ReconcileWorld.run(history(seed)) { world in
            let id = world.connectionIDs[0]
            world.site.advance(to: Timestamp("2026-11-03T12:00:00Z")!)
            let reconciler = world.reconciler()
            try await reconciler.reconcile(id, .init(thoroughness: .economical))
            world.site.revoke(ReconcileWorld.key)
            world.site.resetCalls()
            _ = try? await reconciler.reconcile(id, .init(thoroughness: .economical))
            _ = try? await reconciler.reconcile(id, .init(thoroughness: .economical))
            let condition = try #require(await world.monitor.condition(of: id))
            #expect(condition.state == .reconnectRequired && condition.reason == "rejected")
            for _ in 0..<20 {
                await #expect(throws: MeterError.self) {
                    try await reconciler.reconcile(id, .init(thoroughness: .economical))
                }
            }
            #expect(world.site.callCount <= 3, "\(world.site.calls)")

            world.site.advance(to: Timestamp("2026-12-31T00:00:00Z")!)
            world.site.addKey("another-key", login: "dev-1")
            try await world.store.update(id) { $0.apiKey = Secret(Array("another-key".utf8)) }
            await world.monitor.observe([.keyReplaced(expires: nil), .keyAccepted], of: id)
            let start = world.site.history.options.firstDay.start
            try await reconciler.reconcile(id, .init(thoroughness: .thorough, since: start))
            // No webhook was ever taken here, which is said as well.
            #expect(await world.monitor.condition(of: id)?.state == .silent)
            #expect(TrueCounts(world.log.snapshot, .jobs) == world.truth().jobs, "seed \(seed)")
        }
    }

    @Test(arguments: ["rate limits", "server errors", "edge refusals", "html answers", "dropped connections", "404"])
    func `nothing but a 401 of me ever says reconnect`(_ fault: String) async throws {
        let seed = TestSeed.of(round: 4)
        try await ReconcileWorld.run(history(seed)) { world in
            let id = world.connectionIDs[0]
            world.site.advance(to: Timestamp("2026-11-05T12:00:00Z")!)
            let reconciler = world.reconciler()
            try await reconciler.reconcile(id, .init(thoroughness: .economical))
            world.site.setFaults { faults in
                faults.probe = true
                faults.retryAfterSeconds = 0
                switch fault {
                case "rate limits": faults.rateLimited = 1
                case "server errors": faults.serverErrors = 1
                case "edge refusals": faults.edgeRefusals = 1
                case "html answers": faults.htmlAnswers = 1
                case "dropped connections": faults.droppedConnections = 1
                default: break
                }
            }
            if fault == "404" {
                for project in world.site.history.organizations[0].projects {
                    world.site.removeAccess(ReconcileWorld.key, project.slug)
                }
            }
            var states: Set<ConnectionCondition.State> = []
            for _ in 0..<4 {
                _ = try? await reconciler.reconcile(id, .init(thoroughness: .everything))
                if let state = await world.monitor.condition(of: id)?.state { states.insert(state) }
            }
            #expect(!states.contains(.reconnectRequired))
            let expected: ConnectionCondition.State =
                fault == "404" ? .limited : fault == "rate limits" ? .rateLimited : .unreachable
            #expect(await world.monitor.condition(of: id)?.state == expected)
            // What was not to be had stays to be had.
            world.site.setFaults { $0 = FakeAPIFaults() }
            for project in world.site.history.organizations[0].projects {
                world.site.restoreAccess(ReconcileWorld.key, project.slug)
            }
            world.site.advance(to: Timestamp("2026-12-31T00:00:00Z")!)
            let start = world.site.history.options.firstDay.start
            try await reconciler.reconcile(id, .init(thoroughness: .everything, since: start))
            #expect(TrueCounts(world.log.snapshot, .jobs) == world.truth().jobs, "seed \(seed)")
        }
    }

    @Test func `the time of a damaged place of the log is asked for again, once`() async throws {
        let seed = TestSeed.of(round: 5)
        try await ReconcileWorld.run(history(seed), options: ReconcileOptions()) { world in
            let id = world.connectionIDs[0]
            let (from, to) = (Timestamp("2026-11-03T08:00:00Z")!, Timestamp("2026-11-03T20:00:00Z")!)
            world.site.advance(to: Timestamp("2026-11-07T12:00:00Z")!)
            try world.take(seed: seed) { $0.sentAt < from || $0.sentAt > to }
            // As if everything had been looked at before the damage was done.
            for project in world.site.history.organizations[0].projects {
                let reached = Reconciliation(through: world.site.now)
                let target = ReconcileProject(id: project.id, slug: project.slug, name: project.name)
                try world.log.append([
                    ReconciliationEvent.entry(reached, project: target, connection: id, at: world.site.now)
                ])
            }
            world.site.advance(to: world.site.now.adding(seconds: 60.0))
            world.log.damages.withLock { $0 = [DamagedRange(place: "1:4000", since: from, until: to)] }
            let reconciler = world.reconciler()
            try await reconciler.reconcile(id, .init(thoroughness: .economical))
            #expect(TrueCounts(world.log.snapshot, .jobs) == world.truth().jobs, "seed \(seed)")
            let marks = try await world.log.reconciliations(of: id)
            #expect(marks.values.allSatisfy { $0.reconciliation.refilled == ["1:4000"] })
            // After a restart the log alone says that it is done.
            world.site.resetCalls()
            world.site.advance(to: world.site.now.adding(seconds: 60.0))
            try await world.reconciler().reconcile(id, .init(thoroughness: .economical))
            #expect(world.site.callCount("/pipeline/{id}/workflow") == 0)
        }
    }
}
