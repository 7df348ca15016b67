import FakeCircleCI
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// The list of jobs on too large machines, against what the made-up CircleCI says that each run used.
struct RightSizingTests {
    @Test(arguments: 0..<3)
    func `exactly the jobs that never needed half of their machine are listed`(_ round: UInt64) async throws {
        let seed = TestSeed.of(round: round)
        var options = FakeHistoryOptions(seed: seed, firstDay: Day("2026-08-03")!)
        options.dayCount = 14
        options.pipelinesPerDay = 30
        let world = SettleWorld(FakeHistory(options: options))
        let days = Day("2026-08-03")!...Day("2026-08-31")!
        _ = try await world.settle([try world.file("all.csv", days: days)])
        var runs: [String: [TrueUsage]] = [:]
        for usage in world.history.usages(on: days) where usage.cpu != nil {
            let key = "\(usage.projectID) \(usage.workflowName) \(usage.jobName) \(usage.resourceClass)"
            runs[key, default: []].append(usage)
        }
        let idle = runs.filter { _, usages in
            usages.count >= RightSizingReport.minimumRunCount
                && usages.allSatisfy { $0.cpu!.maximum < 5000 && $0.memory!.maximum < 5000 }
        }
        let snapshot = world.log.snapshot
        let ids = Dictionary(
            world.history.organizations.flatMap(\.projects).map { ($0.slug, $0.id) },
            uniquingKeysWith: { first, _ in first }
        )
        let table = RightSizingReport.table(ReportRange(days), includesAll: true, of: snapshot)
        func text(_ row: [ReportTable.Value], _ name: String) -> String {
            guard case .text(let text) = row[table.column(name)!] else { return "" }
            return text
        }
        func key(_ row: [ReportTable.Value]) -> String {
            "\(ids[text(row, "project")] ?? "?") \(text(row, "workflow")) \(text(row, "job")) \(text(row, "resource_class"))"
        }
        #expect(Set(table.rows.map(key)) == Set(runs.keys), "seed \(seed)")
        let card = RateCard.published
        for row in table.rows {
            let smaller = text(row, "smaller_class")
            guard idle[key(row)] != nil else {
                #expect(smaller.isEmpty, "seed \(seed), \(key(row))")
                continue
            }
            let (executor, resourceClass) = (text(row, "executor"), text(row, "resource_class"))
            let rate = card.thousandthsPerMinute(executor: executor, resourceClass: resourceClass, day: days.lowerBound)
            // The smallest machine of its kind has no smaller one.
            guard !smaller.isEmpty else { continue }
            let other = card.thousandthsPerMinute(executor: executor, resourceClass: smaller, day: days.lowerBound)
            #expect(try #require(other) < (try #require(rate)), "seed \(seed), \(key(row))")
            #expect(smaller.hasPrefix("arm.") == resourceClass.hasPrefix("arm."), "seed \(seed)")
            let credits = (runs[key(row)] ?? []).reduce(0) { $0 + ($1.credits["compute"] ?? 0) }
            guard case .integer(let counted) = row[table.column("credits")!],
                case .integer(let saved) = row[table.column("credits_saved")!]
            else {
                Issue.record("credits are missing, seed \(seed)")
                continue
            }
            #expect(counted >= credits && saved > 0 && saved < counted, "seed \(seed), \(key(row))")
        }
        #expect(!idle.isEmpty && idle.count < runs.count, "seed \(seed)")
        let advised = RightSizingReport.table(ReportRange(days), of: snapshot)
        #expect(advised.rows.allSatisfy { idle[key($0)] != nil && !text($0, "smaller_class").isEmpty }, "seed \(seed)")
    }
}
