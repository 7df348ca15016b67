import FakeCircleCI
import Wire

@testable import Meter

/// What a seed makes of a simulation: what ran at CircleCI, and how much goes wrong.
struct SimulationPlan: Sendable {
    let history: FakeHistoryOptions
    let site: FakeSiteOptions
    let reconcileOptions: ReconcileOptions
    let maximumSegmentBytes: Int
    /// Between two passes of the reconciler.
    let periodSeconds: Double
    /// Shares of the deliveries, from 0 to 1.
    let lost: Double
    let doubled: Double
    let late: Double
    let deaths: Int
    /// Share of the deaths in which the power goes.
    let powerLosses: Double
    let restarts: Int
    let diskTroubles: Int
    let apiTroubles: Int
    let clockErrors: Int
    let revocations: Int
    let rotations: Int
    let rebuilds: Int

    init(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        /// Mostly a little, often nothing.
        func share(upTo most: Double) -> Double {
            let share = Double.random(in: -0.4...1, using: &random)
            return share <= 0 ? 0 : share * share * most
        }
        var history = FakeHistoryOptions(seed: seed, firstDay: Day("2026-11-02")!)
        history.oddities = OddityRates(all: share(upTo: 0.25))
        // A second webhook of a project is made by hand at CircleCI; nobody does here.
        history.oddities.secondWebhooks = 0
        history.organizationCount = number(0...3) == 0 ? 2 : 1
        history.projectCount = number(1...3)
        history.dayCount = number(1...2)
        history.pipelinesPerDay = number(2...5)
        self.history = history
        var site = FakeSiteOptions(seed: seed)
        site.pageSize = number(2...20)
        self.site = site
        var options = ReconcileOptions()
        options.chunkSize = number(1...50)
        reconcileOptions = options
        maximumSegmentBytes = number(0...2) == 0 ? number(4...64) << 10 : 64 << 20
        periodSeconds = 3600 * Double(number(1...6))
        lost = share(upTo: 0.5)
        doubled = share(upTo: 0.4)
        late = share(upTo: 0.5)
        deaths = number(0...4)
        powerLosses = Double.random(in: 0...1, using: &random)
        restarts = number(0...1)
        diskTroubles = number(0...2)
        apiTroubles = number(0...3)
        clockErrors = number(0...2)
        revocations = number(0...1)
        rotations = number(0...2)
        rebuilds = number(0...1)
    }
}
