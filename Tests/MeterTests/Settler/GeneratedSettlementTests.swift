import FakeCircleCI
import Foundation
import Synchronization
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// A whole made-up organization: webhooks with losses, reconciled, settled through the API. The long form is run by hand:
/// `CIRCLEMETER_TEST_JOBS=100000 scripts/test --filter GeneratedSettlementTests`.
struct GeneratedSettlementTests {
    private static let jobCount =
        ProcessInfo.processInfo.environment["CIRCLEMETER_TEST_JOBS"].flatMap { Int($0) } ?? 3000
    private static let dayCount = 60

    private static func history(seed: UInt64) -> FakeHistory {
        var options = FakeHistoryOptions(seed: seed, firstDay: Day("2026-08-03")!)
        options.dayCount = dayCount
        // About four and a half jobs a pipeline, five days and two quarters a week.
        options.pipelinesPerDay = max(1, jobCount * 7 / (dayCount * 25))
        options.oddities = .usual
        return FakeHistory(options: options)
    }

    @Test(.timeLimit(.minutes(60)))
    func `webhooks with losses, reconciled and settled, equal the truth`() async throws {
        let seed = TestSeed.of(round: 1)
        var random = SeededGenerator(seed: seed)
        var site = FakeSiteOptions(seed: seed)
        site.pageSize = 100
        site.exportRowsPerFile = max(500, GeneratedSettlementTests.jobCount / 8)
        var options = ReconcileOptions.immediate
        options.chunkSize = 500
        let clock = ContinuousClock()
        var since = clock.now
        func say(_ what: String) {
            guard GeneratedSettlementTests.jobCount > 10_000 else { return }
            print("\(what): \((clock.now - since) / .seconds(1)) s")
            since = clock.now
        }
        try await ReconcileWorld.run(GeneratedSettlementTests.history(seed: seed), site: site, options: options) {
            world in
            say("made up")
            let id = world.connectionIDs[0]
            world.site.advance(to: Timestamp("2026-10-20T08:00:00Z")!)
            try world.take(seed: seed) { _ in Double.random(in: 0..<1, using: &random) >= 0.1 }
            say("\(world.log.count(.webhook)) webhooks taken")
            let reconciled = try await world.reconciler().reconcile(id, .init(thoroughness: .everything))
            #expect(reconciled.error == nil && reconciled.addedCount > 0, "seed \(seed)")
            say("\(reconciled.addedCount) events reconciled by \(world.site.callCount) calls")
            let report = try await world.settle()
            #expect(report.problem == nil && report.exports.count == 3, "seed \(seed)")
            let files = report.exports.flatMap(\.settlement.files)
            let rows = files.reduce(0) { $0 + $1.rows }
            #expect(rows > GeneratedSettlementTests.jobCount / 2, "seed \(seed)")
            say("\(rows) rows of \(files.count) files settled")
            world.expectSettled(through: Day("2026-10-19")!, "seed \(seed)")
            say("\(files.reduce(0) { $0 + $1.credits } / 1000) credits compared")
            let before = world.log.count(.export)
            try await world.settle()
            #expect(world.log.count(.export) == before, "seed \(seed)")
        }
    }
}
