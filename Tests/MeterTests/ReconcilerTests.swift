import EventLog
import FakeCircleCI
import Synchronization
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// What the webhooks missed is found through the API, whatever goes wrong on the way.
struct ReconcilerTests {
    @Test(arguments: 0..<24)
    func `what was dropped is filled in, but for what cannot be fetched, which is named`(_ round: UInt64) async throws {
        let seed = TestSeed.of(round: round)
        var random = SeededGenerator(seed: seed)
        let history = FakeHistory(options: .small(seed: seed))
        let failing = history.workflows.map(\.pipeline.id).randomElement(using: &random)!
        var site = FakeSiteOptions(seed: seed)
        site.pageSize = 5
        site.faults.rateLimited = 0.02
        site.faults.retryAfterSeconds = 0
        site.faults.serverErrors = 0.02
        site.faults.alwaysFailing = [failing]
        try await ReconcileWorld.run(history, site: site) { world in
            world.site.advance(to: Timestamp("2026-12-31T00:00:00Z")!)
            try world.take(seed: seed) { _ in Double.random(in: 0..<1, using: &random) >= 0.15 }
            for id in world.connectionIDs { try await world.reconcileUntilFetched(id, failing: failing) }
            let truth = world.truth(except: [failing])
            let snapshot = world.log.snapshot
            #expect(TrueCounts(snapshot, .jobs) == truth.jobs, "seed \(seed)")
            #expect(TrueCounts(snapshot, .workflows) == truth.workflows, "seed \(seed)")
            #expect(TrueCounts.branches(snapshot) == truth.branches, "seed \(seed)")
            #expect(snapshot[.coverage].reduce(0) { $0 + $1.tally[5] } == 1, "seed \(seed)")
            var named: [Reconciliation.MissingItem] = []
            for id in world.connectionIDs {
                named += try await world.log.reconciliations(of: id).values.flatMap(\.reconciliation.missing)
            }
            #expect(named.map(\.pipeline.id) == [failing], "seed \(seed)")

            let added = world.log.count(.api)
            let bytes = snapshot.canonicalBytes(includesPosition: false)
            for id in world.connectionIDs { try await world.reconcileUntilFetched(id, failing: failing) }
            #expect(world.log.count(.api) == added, "seed \(seed): running it again added something")
            #expect(world.log.snapshot.canonicalBytes(includesPosition: false) == bytes, "seed \(seed)")
        }
    }

    @Test func `with no delivery at all the API tells everything`() async throws {
        let seed = TestSeed.of(round: 1)
        let history = FakeHistory(options: .small(seed: seed))
        try await ReconcileWorld.run(history) { world in
            world.site.advance(to: Timestamp("2026-12-31T00:00:00Z")!)
            let report = try await world.reconciler().reconcile(
                world.connectionIDs[0],
                .init(thoroughness: .everything)
            )
            #expect(report.error == nil)
            let truth = world.truth()
            #expect(TrueCounts(world.log.snapshot, .jobs) == truth.jobs, "seed \(seed)")
            #expect(TrueCounts(world.log.snapshot, .workflows) == truth.workflows, "seed \(seed)")
            #expect(report.addedCount == world.log.count(.api))
        }
    }

    @Test(arguments: 0..<8)
    func `cut anywhere and started anew, as often as may be, the end is the same`(_ round: UInt64) async throws {
        let seed = TestSeed.of(round: round)
        var random = SeededGenerator(seed: seed)
        let history = FakeHistory(options: .small(seed: seed))
        var options = ReconcileOptions.immediate
        options.chunkSize = 3
        try await ReconcileWorld.run(history, options: options) { world in
            world.site.advance(to: Timestamp("2026-12-31T00:00:00Z")!)
            try world.take(seed: seed) { _ in Double.random(in: 0..<1, using: &random) >= 0.5 }
            let id = world.connectionIDs[0]
            var cuts = 0
            for _ in 0..<200 {
                // The log takes so many entries and refuses one, in the middle of a batch perhaps. That is the end of the
                // process; one that went on would find the log willing again, and must not say that all is looked at.
                let log = world.log
                let left = Allowance(Int.random(in: 0..<12, using: &random))
                let cut = world.reconciler { entries in
                    for entry in entries {
                        guard left.take() else { throw CancellationError() }
                        try log.append([entry])
                    }
                }
                do {
                    try await cut.reconcile(id, .init(thoroughness: .everything))
                    break
                } catch is CancellationError {
                    cuts += 1
                }
            }
            #expect(cuts > 3, "seed \(seed)")
            try await world.reconciler().reconcile(id, .init(thoroughness: .everything))
            let truth = world.truth()
            #expect(TrueCounts(world.log.snapshot, .jobs) == truth.jobs, "seed \(seed)")
            #expect(TrueCounts(world.log.snapshot, .workflows) == truth.workflows, "seed \(seed)")
            let events = world.log.entries.filter { $0.source == .api }.map(\.body)
            #expect(Set(events).count == events.count, "seed \(seed): an event was added twice")
        }
    }

    @Test func `what is found twice, by passes that do not know of each other, is on the log once`() async throws {
        let history = FakeHistory(options: .small(seed: 6))
        try await ReconcileWorld.run(history) { world in
            world.site.advance(to: Timestamp("2026-12-31T00:00:00Z")!)
            let found = Mutex<[LogEntry]>([])
            for _ in 0..<2 {
                let reconciler = world.reconciler { entries in found.withLock { $0 += entries } }
                try await reconciler.reconcile(world.connectionIDs[0], .init(thoroughness: .everything))
            }
            let entries = found.withLock { $0 }.filter { $0.source == .api && !$0.isDescription }
            #expect(!entries.isEmpty)
            try world.log.append(entries)
            #expect(world.log.count(.api) * 2 == entries.count)
        }
    }

    /// The clock of the first pass is ahead by less than the overlap, so that nothing shows it and the mark lies ahead.
    @Test func `what was created just before the mark, and not listed then, is found`() async throws {
        let seed = TestSeed.of(round: 2)
        let history = FakeHistory(options: .small(seed: seed, oddities: OddityRates()))
        // Nothing ran later, so that no job's number tells of it.
        let last = try #require(history.workflows.map(\.pipeline.createdAt).max())
        try await ReconcileWorld.run(history) { world in
            let id = world.connectionIDs[0]
            world.site.advance(to: last.adding(seconds: -1.0))
            let early = world.reconciler(now: { world.site.now.adding(seconds: 1800.0) })
            try await early.reconcile(id, .init(thoroughness: .everything))
            world.site.advance(to: Timestamp("2026-12-31T00:00:00Z")!)
            try await world.reconciler().reconcile(id, .init(thoroughness: .everything))
            let truth = world.truth()
            #expect(TrueCounts(world.log.snapshot, .jobs) == truth.jobs, "seed \(seed)")
            #expect(TrueCounts(world.log.snapshot, .workflows) == truth.workflows, "seed \(seed)")
        }
    }

    @Test func `the latest word on a project counts after a restart, although the clock was ahead before it`()
        async throws
    {
        let history = FakeHistory(options: .small(seed: 6))
        try await ReconcileWorld.run(history) { world in
            let id = world.connectionIDs[0]
            world.site.advance(to: Timestamp("2026-12-31T00:00:00Z")!)
            let early = world.reconciler(now: { world.site.now.adding(seconds: 3 * 86_400.0) })
            try await early.reconcile(id, .init(thoroughness: .everything))
            let before = try await world.log.reconciliations(of: id)
            #expect(!before.isEmpty)
            try await world.reconciler().reconcile(id, .init(thoroughness: .everything))
            let after = try await world.log.reconciliations(of: id)
            for (project, said) in before {
                #expect(after[project]?.happenedAt == said.happenedAt.adding(seconds: 0.001))
            }
        }
    }

    @Test func `a dry run says what it would add, and adds nothing`() async throws {
        let history = FakeHistory(options: .small(seed: 5))
        try await ReconcileWorld.run(history) { world in
            world.site.advance(to: Timestamp("2026-12-31T00:00:00Z")!)
            try world.take(seed: 5) { $0.happenedAt.microseconds % 2 == 0 }
            let id = world.connectionIDs[0]
            let before = world.log.entries.count { $0.source != .meter }
            let reconciler = world.reconciler()
            let planned = Allowance(0)
            let dry = try await reconciler.reconcile(
                id,
                .init(thoroughness: .everything, isDryRun: true),
                planned: { planned.add($1.count) }
            )
            #expect(world.log.entries.count { $0.source != .meter } == before)
            #expect(try await world.log.reconciliations(of: id).isEmpty)
            let wet = try await reconciler.reconcile(id, .init(thoroughness: .everything))
            #expect(dry.addedCount > 0)
            #expect(dry.addedCount == wet.addedCount)
            #expect(planned.value == wet.addedCount)
        }
    }
}

extension ReconcileWorld {
    /// Passes until nothing but `failing` is missing: calls that fail now and then are made again by the next pass.
    fileprivate func reconcileUntilFetched(_ id: String, failing: String) async throws {
        let reconciler = reconciler()
        for _ in 0..<20 {
            let report = try await reconciler.reconcile(id, .init(thoroughness: .everything))
            if report.error == nil, report.projects.allSatisfy({ $0.error == nil }),
                report.missing.allSatisfy({ $0.pipeline.id == failing })
            {
                return
            }
        }
    }
}

/// Counts down, or up, from several tasks.
final class Allowance: Sendable {
    private let count: Mutex<Int>

    init(_ count: Int) { self.count = Mutex(count) }

    var value: Int { count.withLock { $0 } }
    func add(_ amount: Int) { count.withLock { $0 += amount } }
    /// False once, when the count is used up.
    func take() -> Bool {
        count.withLock { count in
            count -= 1
            return count != -1
        }
    }
}
