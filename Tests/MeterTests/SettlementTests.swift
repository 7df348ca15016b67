import CircleCI
import EventLog
import FakeCircleCI
import Foundation
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

extension MemoryLog: SettleKnowledge {
    func settlements(of connection: String, day: Day) async throws -> KnownSettlements {
        try KnownSettlements(partition(connection: connection, day: day), day: day)
    }

    func settledDays(of connection: String) async throws -> [Day: Timestamp] {
        Dictionary(
            uniqueKeysWithValues: settledDays().filter { $0.connection == connection }.map { ($0.day, $0.exportedAt) }
        )
    }

    func runCounts(of connection: String) async throws -> [Day: Int] {
        snapshot[.coverage].filter { $0.key.connection == connection }
            .reduce(into: [:]) { $0[$1.key.day, default: 0] += $1.tally[0] }
    }
}

/// Webhooks, of which some are lost, then usage exports in files: credits by feature equal what the made-up CircleCI
/// says itself.
struct SettlementTests {
    /// How many job runs the organization has, about. The long form is run by hand with 100000.
    private static let jobCount =
        ProcessInfo.processInfo.environment["CIRCLEMETER_TEST_JOBS"].flatMap { Int($0) } ?? 3000
    private static let firstDay = Day("2026-08-03")!
    private static let exportedAt = Timestamp("2026-10-20T06:00:00Z")!

    private static func history(jobs: Int = jobCount, days: Int = 60, seed: UInt64) -> FakeHistory {
        var options = FakeHistoryOptions(seed: seed, firstDay: firstDay)
        options.dayCount = days
        // About four and a half jobs a pipeline, five days and two quarters a week.
        options.pipelinesPerDay = max(1, jobs * 7 / (days * 25))
        options.oddities = .usual
        return FakeHistory(options: options)
    }

    private static let allDays = firstDay...Day("2026-11-20")!

    @Test func `credits by feature equal the truth to the thousandth, whatever the webhooks told`() async throws {
        let seed = TestSeed.of(round: 1)
        let world = SettleWorld(SettlementTests.history(seed: seed))
        try world.deliver(share: 0.85, seed: seed)
        let file = try world.file("all.csv.gz", days: SettlementTests.allDays)
        let report = try await world.settle([file], days: SettlementTests.allDays)
        let truth = world.history.usages(on: SettlementTests.allDays)
        #expect(truth.count > SettlementTests.jobCount / 2)
        #expect(report.files.map(\.rows) == [truth.count] && report.isGood, "seed \(seed)")
        let snapshot = world.log.snapshot
        var credits: [String: Int] = [:]
        for usage in truth {
            for (feature, value) in usage.credits { credits["\(usage.day) \(feature)", default: 0] += value }
        }
        var counted: [String: Int] = [:]
        for row in snapshot[.features] {
            #expect(row.tally[FeatureColumns.provisional] == 0, "seed \(seed)")
            counted["\(row.key.day) \(row.key.texts[1])", default: 0] += row.tally[FeatureColumns.settled]
        }
        #expect(counted.filter { $0.value != 0 } == credits.filter { $0.value != 0 }, "seed \(seed)")
        // By job and day, too, and every run is there and settled.
        var jobs: [String: Int] = [:]
        for usage in truth {
            jobs["\(usage.day) \(usage.workflowName) \(usage.jobName)", default: 0] += usage.totalCredits
        }
        var countedJobs: [String: Int] = [:]
        let settled = UsageTable.jobs.column("credits_settled")
        for row in snapshot[.jobs] {
            countedJobs["\(row.key.day) \(row.key.texts[1]) \(row.key.texts[2])", default: 0] += row.tally[settled]
        }
        #expect(countedJobs.filter { $0.value != 0 } == jobs.filter { $0.value != 0 }, "seed \(seed)")
        let coverage = snapshot[.coverage].reduce((runs: 0, settled: 0)) {
            ($0.runs + $1.tally[0], $0.settled + $1.tally[4])
        }
        #expect(coverage.settled == truth.count && coverage.runs == truth.count, "seed \(seed)")
        #expect(snapshot[.coverage].allSatisfy { $0.tally[UsageTable.coverage.valueColumns.count] == 1 })
    }

    @Test(arguments: 0..<4)
    func `twice, in another order, in overlapping slices: nothing changes`(_ round: UInt64) async throws {
        let seed = TestSeed.of(round: round)
        var random = SeededGenerator(seed: seed)
        let history = SettlementTests.history(jobs: 400, days: 8, seed: seed)
        let later = SettlementTests.exportedAt.adding(seconds: 86_400)
        let days = (0..<8).map { Day(daysSinceEpoch: SettlementTests.firstDay.daysSinceEpoch + Int32($0)) }
        func slices(_ world: SettleWorld) throws -> [SettleRequest.File] {
            // Three slices of one export and two of a later one, which says otherwise of a fifth of the rows.
            var files: [SettleRequest.File] = []
            for (index, range) in [days[0]...days[4], days[3]...days[6], days[6]...days[7]].enumerated() {
                files.append(try world.file("first-\(index).csv", days: range))
            }
            for (index, range) in [days[0]...days[3], days[2]...days[7]].enumerated() {
                files.append(
                    try world.file("later-\(index).csv.gz", days: range, exportedAt: later, correctedShare: 0.2)
                )
            }
            return files
        }
        let reference = SettleWorld(history)
        try reference.deliver(share: 0.7, seed: seed)
        _ = try await reference.settle(try slices(reference))
        let expected = reference.log.snapshot.canonicalBytes(includesPosition: false)
        for _ in 0..<3 {
            let world = SettleWorld(history)
            var files = try slices(world)
            files += files
            files.shuffle(using: &random)
            let isFirst = Bool.random(using: &random)
            if isFirst { try world.deliver(share: 0.7, seed: seed) }
            for file in files { _ = try await world.settle([file]) }
            if !isFirst { try world.deliver(share: 0.7, seed: seed) }
            #expect(world.log.snapshot.canonicalBytes(includesPosition: false) == expected, "seed \(seed)")
            let before = world.log.entries.count
            let again = try await world.settle(files)
            #expect(world.log.entries.count == before, "seed \(seed)")
            #expect(again.files.allSatisfy { $0.settled + $0.corrected + $0.confirmed == 0 }, "seed \(seed)")
        }
    }

    @Test func `a corrected export changes exactly what it corrects`() async throws {
        let seed = TestSeed.of(round: 9)
        let world = SettleWorld(SettlementTests.history(jobs: 500, days: 5, seed: seed))
        let plain = world.history.usages(on: SettlementTests.allDays)
        _ = try await world.settle([try world.file("first.csv", days: SettlementTests.allDays)])
        let before = world.log.snapshot
        let later = SettlementTests.exportedAt.adding(seconds: 3600)
        let file = try world.file("second.csv", days: SettlementTests.allDays, exportedAt: later, correctedShare: 0.1)
        let corrected = world.usages("second.csv")
        let changed = zip(plain, corrected).filter { $0 != $1 }
        let report = try await world.settle([file])
        #expect(!changed.isEmpty && report.files[0].corrected == changed.count, "seed \(seed)")
        #expect(report.files[0].confirmed == plain.count - changed.count && report.files[0].settled == 0)
        let after = world.log.snapshot
        let settled = UsageTable.jobs.column("credits_settled")
        func total(_ snapshot: Snapshot) -> Int { snapshot[.jobs].reduce(0) { $0 + $1.tally[settled] } }
        let difference = changed.reduce(0) { $0 + $1.1.totalCredits - $1.0.totalCredits }
        #expect(total(after) - total(before) == difference, "seed \(seed)")
        let corrections = after[.coverage].reduce(0) { $0 + $1.tally[UsageTable.coverage.column("corrections")] }
        #expect(corrections == changed.count, "seed \(seed)")
        // Where nothing was corrected, nothing changed.
        let touched = Set(changed.map { "\($0.0.day) \($0.0.workflowName) \($0.0.jobName)" })
        let rows = Dictionary(uniqueKeysWithValues: before[.jobs].map { ($0.key, $0.tally) })
        for row in after[.jobs] where !touched.contains("\(row.key.day) \(row.key.texts[1]) \(row.key.texts[2])") {
            #expect(rows[row.key] == row.tally, "seed \(seed)")
        }
        // The older export again, though it comes last, changes nothing back.
        _ = try await world.settle([try world.file("first.csv", days: SettlementTests.allDays)])
        #expect(total(world.log.snapshot) == total(after), "seed \(seed)")
    }

    @Test func `a file with a mistake changes nothing, and the others are settled`() async throws {
        let world = SettleWorld(SettlementTests.history(jobs: 200, days: 4, seed: 3))
        let good = try world.file("good.csv", days: SettlementTests.firstDay...SettlementTests.firstDay)
        var bad = try world.file("bad.csv", days: SettlementTests.allDays)
        try world.append("a row of one field\n", to: bad)
        bad.name = "bad.csv"
        let report = try await world.settle([bad, good], days: SettlementTests.allDays)
        #expect(report.files[0].error?.code == .fieldCount && report.files[0].rows == 0)
        #expect(report.files[1].error == nil && report.files[1].settled > 0)
        #expect(report.days == nil)
        #expect(world.log.count(.export) == report.files[1].settled)
        #expect(world.log.count(.meter) == 0)
    }

    @Test func `cut anywhere, settling again adds the rest`() async throws {
        let history = SettlementTests.history(jobs: 300, days: 4, seed: 8)
        let whole = SettleWorld(history)
        _ = try await whole.settle([try whole.file("all.csv", days: SettlementTests.allDays)])
        let expected = whole.log.snapshot.canonicalBytes(includesPosition: false)
        for allowed in [0, 1, 40, 250] {
            let world = SettleWorld(history)
            let file = try world.file("all.csv", days: SettlementTests.allDays)
            await #expect(throws: SettleWorld.Cut.self) { try await world.settle([file], allowed: allowed) }
            #expect(world.log.count(.export) == allowed)
            let report = try await world.settle([file])
            #expect(report.files[0].known == allowed)
            #expect(world.log.snapshot.canonicalBytes(includesPosition: false) == expected)
        }
    }

    @Test func `an export that was made before a day was over does not close it`() async throws {
        let world = SettleWorld(SettlementTests.history(jobs: 100, days: 3, seed: 5))
        let days = SettlementTests.firstDay...Day(daysSinceEpoch: SettlementTests.firstDay.daysSinceEpoch + 2)
        // On the last of the days, at noon.
        let noon = Timestamp("2026-08-05T12:00:00Z")!
        _ = try await world.settle([try world.file("early.csv", days: days, exportedAt: noon)], days: days)
        let closed = UsageTable.coverage.valueColumns.count
        for row in world.log.snapshot[.coverage] {
            #expect((row.tally[closed] == 1) == (row.key.day < days.upperBound), "\(row.key.day)")
        }
        #expect(world.log.snapshot[.coverage].contains { $0.key.day == days.upperBound })
    }

    @Test func `a dry run says what would be added, and adds nothing`() async throws {
        let world = SettleWorld(SettlementTests.history(jobs: 100, days: 3, seed: 4))
        let file = try world.file("all.csv", days: SettlementTests.allDays)
        let report = try await world.settle([file], days: SettlementTests.allDays, isDryRun: true)
        #expect(report.files[0].settled == report.files[0].rows && report.files[0].rows > 0)
        #expect(world.log.entries.isEmpty)
    }

    @Test func `provisional credits stand beside the settled ones for each project and day`() async throws {
        let seed = TestSeed.of(round: 12)
        let world = SettleWorld(SettlementTests.history(jobs: 2000, days: 30, seed: seed))
        try world.deliver(share: 1, seed: seed)
        let before = world.log.snapshot
        let provisional = UsageTable.jobs.valueColumns.count
        #expect(before[.settlements].isEmpty)
        #expect(before[.jobs].contains { $0.tally[provisional] > 0 })
        #expect(before[.jobs].allSatisfy { $0.tally[UsageTable.jobs.column("credits_settled")] == 0 })
        // Half of the days are settled: of these nothing is provisional, of the others all.
        let middle = Day(daysSinceEpoch: SettlementTests.firstDay.daysSinceEpoch + 15)
        _ = try await world.settle([try world.file("half.csv", days: SettlementTests.firstDay...middle)])
        let after = world.log.snapshot
        for row in after[.jobs] where row.key.day <= middle { #expect(row.tally[provisional] == 0, "seed \(seed)") }
        let laterJobs = after[.jobs].filter { middle < $0.key.day && $0.tally[5] > 60_000 }
        #expect(!laterJobs.isEmpty && laterJobs.allSatisfy { $0.tally[provisional] > 0 }, "seed \(seed)")
        // From the second day on the machines are known, so compute is off by rounding, and by jobs that moved.
        let columns = UsageTable.settlements.valueColumns
        let estimated = columns.firstIndex(of: "credits_provisional")!
        let compute = columns.firstIndex(of: "credits_compute")!
        let rows = after[.settlements].filter { SettlementTests.firstDay < $0.key.day }
        let off = rows.reduce(0) { $0 + abs($1.tally[estimated] - $1.tally[compute]) }
        let all = rows.reduce(0) { $0 + $1.tally[compute] }
        #expect(all > 0 && off * 100 < all * 25, "seed \(seed): off by \(off) of \(all)")
    }
}

private enum FeatureColumns {
    static let settled = UsageTable.features.column("credits_settled")
    static let provisional = UsageTable.features.valueColumns.count
}

/// A made-up organization, a log in memory, and files of its usage exports.
final class SettleWorld: Sendable {
    struct Cut: Error {}

    static let connection = "acme"
    let history: FakeHistory
    let log = MemoryLog()
    private let directory = TemporaryDirectory()
    private let exports = Exports()

    private final class Exports: @unchecked Sendable {
        // Only one test at a time touches its world.
        var usages: [String: [TrueUsage]] = [:]
    }

    init(_ history: FakeHistory) {
        self.history = history
    }

    /// The log takes a share of the webhooks' deliveries.
    func deliver(share: Double, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed ^ 0x5eed)
        var entries: [LogEntry] = []
        for delivery in history.deliveries where Double.random(in: 0..<1, using: &random) < share {
            entries.append(
                LogEntry(
                    receivedAt: delivery.sentAt,
                    source: .webhook,
                    connection: SettleWorld.connection,
                    body: delivery.body
                )
            )
        }
        try log.append(entries)
    }

    func file(
        _ name: String,
        days: ClosedRange<Day>,
        exportedAt: Timestamp = Timestamp("2026-10-20T06:00:00Z")!,
        correctedShare: Double = 0
    ) throws -> SettleRequest.File {
        var options = FakeUsageExport.Options(days: days)
        options.correctedShare = correctedShare
        let export = FakeUsageExport(history, options: options)
        var text = Array(export.header.utf8)
        var usages: [TrueUsage] = []
        export.rows {
            text += Array($0.line.utf8)
            usages.append($0.usage)
        }
        exports.usages[name] = usages
        let path = directory.path(name)
        try Data(name.hasSuffix(".gz") ? GzipWriter.compressed(text) : text).write(to: URL(filePath: path))
        return SettleRequest.File(name: name, path: path, exportedAt: exportedAt)
    }

    func append(_ text: String, to file: SettleRequest.File) throws {
        let handle = try FileHandle(forWritingTo: URL(filePath: file.path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(text.utf8))
        try handle.close()
    }

    func usages(_ name: String) -> [TrueUsage] { exports.usages[name] ?? [] }

    /// - Parameter allowed: how many entries the log takes before the process dies.
    @discardableResult
    func settle(
        _ files: [SettleRequest.File],
        days: ClosedRange<Day>? = nil,
        isDryRun: Bool = false,
        allowed: Int = .max
    ) async throws -> SettleReport {
        let log = log
        var settlement = Settlement(
            connection: SettleWorld.connection,
            request: SettleRequest(files: files, days: days, isDryRun: isDryRun),
            knowledge: log,
            append: { entries in
                let room = allowed - log.count(.export)
                try log.append(Array(entries.prefix(max(0, room))))
                if entries.count > room { throw Cut() }
            },
            now: { Timestamp("2026-10-21T00:00:00Z")! },
            progress: { _ in }
        )
        return try await settlement.run()
    }
}
