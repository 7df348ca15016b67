import EventLog
import FakeCircleCI
import TestSupport
import Testing

/// Every state that a loss of power can leave, after every call of what a service does with its log: each recovers, with all
/// that had been called durable by then.
struct CrashStateTests {
    /// A state, and what must be in it.
    private struct Situation: Hashable {
        var state: DirectoryState
        var durableCount: Int
    }

    /// Up to so many changes that may be on disk or not are tried in all combinations.
    private static let exhaustiveCount = 6

    /// Which of `count` changes are on disk: all combinations of few; of many, each alone, all but each, and some at random.
    private static func choices(_ count: Int, _ generator: inout SeededGenerator) -> [(Int) -> Bool] {
        if count <= exhaustiveCount {
            return (0..<(1 << count)).map { combination in { combination >> $0 & 1 == 1 } }
        }
        var choices: [(Int) -> Bool] = [{ _ in true }, { _ in false }]
        // Of very many, a part.
        for _ in 0..<min(count, 12) {
            let one = count <= 12 ? choices.count / 2 - 1 : Int.random(in: 0..<count, using: &generator)
            choices.append { $0 == one }
            choices.append { $0 != one }
        }
        for _ in 0..<12 {
            let kept = (0..<count).map { _ in Bool.random(using: &generator) }
            choices.append { kept[$0] }
        }
        return choices
    }

    /// The records that had been called durable: those there were, and the first of the new ones.
    private func ledger(_ run: LogRun, _ moment: FaultyFileSystem.Moment) -> LogRun.Ledger {
        var ledger = run.ledger
        for sequence in ledger.order.sorted().dropFirst(moment.durableCount) { ledger.promised[sequence] = nil }
        // Whether the erasure had ended by then is not known here.
        ledger.isErased = false
        return ledger
    }

    private func tryStates(
        of run: LogRun,
        _ what: String,
        _ campaign: Campaign,
        _ generator: inout SeededGenerator,
        doubtfulBatches: Int = 1
    ) async throws -> [Workload.Prepared] {
        let directory = run.fixture.directory
        var seen: Set<Situation> = []
        var states: [Workload.Prepared] = []
        for (index, moment) in run.fileSystem.moments.enumerated() {
            let ledger = ledger(run, moment)
            let count = moment.disk.uncertainCount(in: directory)
            campaign.count("changes whose every state was tried", count <= CrashStateTests.exhaustiveCount ? 1 : 0)
            for isKept in CrashStateTests.choices(count, &generator) {
                let state = moment.disk.left(of: directory, keeping: isKept)
                guard seen.insert(Situation(state: state, durableCount: moment.durableCount)).inserted else { continue }
                states.append(Workload.Prepared(workload: run.workload, contents: state, ledger: ledger))
                try await run.expectRecovered(
                    state,
                    "\(what), after change \(index + 1)",
                    of: ledger,
                    doubtfulBatches: doubtfulBatches
                )
                campaign.count("crash states")
            }
        }
        campaign.count("changes", run.fileSystem.moments.count)
        return states
    }

    /// Loses power once more while a state is being recovered.
    private func tryAgain(
        _ states: [Workload.Prepared],
        _ run: LogRun,
        _ campaign: Campaign,
        _ generator: inout SeededGenerator
    ) async throws {
        for _ in 0..<3 {
            guard var state = states.randomElement(using: &generator), state.contents?.isThere == true else { continue }
            state.ledger.order = []
            let again = LogRun(state, seed: run.seed, recordsMoments: true)
            let log = try again.open()
            await again.append(log, 95...95)
            await log.close()
            let what = "seed \(run.seed), \(run.workload.name), during recovery"
            // The batch that was in doubt, and then the one that is being written.
            _ = try await tryStates(of: again, what, campaign, &generator, doubtfulBatches: 2)
        }
    }

    @Test func `whatever a crash leaves at any call is recovered with all that was acknowledged`() async throws {
        let campaign = Campaign("log-crash-states", unit: "seeds", short: 1)
        while let seed = campaign.nextSeed() {
            var generator = SeededGenerator(seed: seed)
            for workload in Workload.all {
                let run = LogRun(try await workload.prepared(seed: seed), seed: seed, recordsMoments: true)
                try await workload.work(run)
                let what = "seed \(seed), \(workload.name)"
                let states = try await tryStates(of: run, what, campaign, &generator)
                try await tryAgain(states, run, campaign, &generator)
            }
        }
        campaign.finish()
    }
}
