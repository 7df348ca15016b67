import TestSupport
import Testing

@testable import Meter

/// The whole service on a clock, a disk and a network that are made up: the receiver's answers, the log, the projector and
/// `usage.sqlite`, the reconciler with CircleCI's client and budget, the connections. Deliveries are lost, doubled, late and
/// out of order; CircleCI fails; the disk is full or fails; the process dies and the power goes; the clock jumps; keys are
/// revoked and secrets rotated. In the end the counters are the truth.
struct SimulatorTests {
    @Test func `whatever happens on the way, in the end the counters are what ran`() async throws {
        let campaign = Campaign("simulator", unit: "seeds", short: 30)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    while let seed = campaign.nextSeed() { await simulate(seed, for: campaign) }
                }
            }
        }
        campaign.finish()
    }

    private func simulate(_ seed: UInt64, for campaign: Campaign) async {
        let simulation = Simulation(seed: seed)
        do {
            try await simulation.run()
        } catch {
            await simulation.blame("the simulation ended with an error: \(error)")
        }
        for (what, count) in await simulation.counts.sorted(by: { $0.key < $1.key }) where count > 0 {
            campaign.count(what, count)
        }
        let problems = await simulation.problems
        guard !problems.isEmpty else { return }
        let story = await simulation.story.joined(separator: "\n")
        Issue.record("seed \(seed): \(problems.joined(separator: "\n  "))\nThe story:\n\(story)")
    }
}
