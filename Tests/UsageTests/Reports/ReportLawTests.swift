import FakeCircleCI
import TestSupport
import Testing
import Usage
import Wire

/// Reports only add up what the snapshot holds: whatever runs are grouped by, nothing is lost and nothing comes twice.
struct ReportLawTests {
    /// From the day before the first pipeline on: a workflow may be older than its pipeline.
    private static let days = Day("2025-12-31")!...Day("2026-01-12")!

    private static func snapshot(_ seed: UInt64) throws -> Snapshot {
        var random = RandomEvents(seed: seed)
        var tables = UsageTables()
        var reducer = try Reducer(storage: tables)
        for event in random.events(count: 300, runCount: 80) { try reducer.fold(event, storage: tables) }
        tables.apply(reducer.takeChanges())
        return tables.snapshot(position: nil)
    }

    private static func bytes(_ value: ReportTable.Value) -> [UInt8] {
        guard case .text(let text) = value else { return [] }
        return Array(text.utf8)
    }

    private static func sum(_ table: ReportTable, _ name: String) -> Int {
        guard let column = table.column(name) else { return 0 }
        return table.rows.reduce(0) { sum, row in
            guard case .integer(let value) = row[column] else { return sum }
            return sum + value
        }
    }

    @Test(arguments: 0..<60)
    func `every grouping adds up to the same runs, time and credits`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        var random = SeededGenerator(seed: seed)
        let snapshot = try ReportLawTests.snapshot(seed)
        let first = ReportLawTests.days.lowerBound.adding(days: Int.random(in: 0..<6, using: &random))
        let range = ReportRange(
            first...first.adding(days: Int.random(in: 0..<5, using: &random)),
            connection: [nil, "acme", "globex"].randomElement(using: &random)!
        )
        let rows = snapshot[.jobs].filter {
            range.days.contains($0.key.day) && (range.connection ?? $0.key.connection) == $0.key.connection
        }
        let runs = rows.reduce(0) { sum, row in (0..<5).reduce(sum) { $0 + row.tally[$1] } }
        let milliseconds = rows.reduce(0) { $0 + $1.tally[5] }
        let credits = rows.reduce(0) { $0 + $1.tally[9] + $1.tally[10] }
        for groupings in [
            [UsageGrouping.connection], [.day], [.month], [.project], [.project, .workflow, .job], [.day, .job],
            [.branch], [.project, .branch, .day],
        ] {
            let request = UsageReport.Request(range, by: groupings)
            let table = try #require(UsageReport.table(request, of: snapshot))
            #expect(ReportLawTests.sum(table, "runs") == runs, "seed \(seed), by \(groupings)")
            #expect(ReportLawTests.sum(table, "duration_ms") == milliseconds, "seed \(seed), by \(groupings)")
            // By bytes: texts that are equal only by canonical equivalence are two groups.
            let keys = table.rows.map { row in row.prefix(groupings.count).map(ReportLawTests.bytes) }
            #expect(Set(keys).count == table.rows.count, "seed \(seed)")
            if table.column("credits") != nil {
                #expect(ReportLawTests.sum(table, "credits") == credits, "seed \(seed), by \(groupings)")
            }
        }
        // Machines are told of compute alone; every run has it.
        let machines = try #require(UsageReport.table(.init(range, by: [.resourceClass, .executor]), of: snapshot))
        #expect(ReportLawTests.sum(machines, "runs") == runs, "seed \(seed)")
    }

    @Test(arguments: 0..<60)
    func `the parts of a change add up to it, and both ranges stand as they are alone`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        let snapshot = try ReportLawTests.snapshot(seed)
        let range = ReportRange(Day("2026-01-04")!...Day("2026-01-06")!)
        #expect(range.before.days == Day("2026-01-01")!...Day("2026-01-03")!)
        let groupings = [UsageGrouping.connection, .project, .job]
        let compared = try #require(
            UsageReport.table(.init(range, by: groupings, comparesBefore: true), of: snapshot)
        )
        func integer(_ row: [ReportTable.Value], _ name: String) -> Int {
            guard let column = compared.column(name), case .integer(let value) = row[column] else { return 0 }
            return value
        }
        for row in compared.rows {
            let change = integer(row, "credits") - integer(row, "credits_before")
            #expect(integer(row, "credits_change") == change, "seed \(seed)")
            let parts = ["change_by_runs", "change_by_duration", "change_by_rate"].map { integer(row, $0) }
            #expect(parts.reduce(0, +) == change, "seed \(seed)")
            if integer(row, "runs") == integer(row, "runs_before"), integer(row, "runs") > 0,
                integer(row, "duration_ms") > 0, integer(row, "duration_ms_before") > 0
            {
                #expect(parts[0] == 0, "seed \(seed)")
            }
        }
        for (name, alone) in [("credits", range), ("credits_before", range.before)] {
            let table = try #require(UsageReport.table(.init(alone, by: groupings), of: snapshot))
            #expect(
                ReportLawTests.sum(compared, name) == ReportLawTests.sum(table, "credits"),
                "seed \(seed), \(name)"
            )
        }
    }

    @Test(arguments: 0..<40)
    func `features add up to all credits, in every detail`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        let snapshot = try ReportLawTests.snapshot(seed)
        let range = ReportRange(ReportLawTests.days)
        let usage = try #require(UsageReport.table(.init(range, by: [.project]), of: snapshot))
        for detail in FeatureReport.Detail.allCases {
            let table = FeatureReport.table(range, by: detail, of: snapshot)
            for name in ["credits", "credits_settled", "credits_provisional"] {
                #expect(
                    ReportLawTests.sum(table, name) == ReportLawTests.sum(usage, name),
                    "seed \(seed), \(detail), \(name)"
                )
            }
        }
        let features = FeatureReport.table(range, by: .feature, of: snapshot)
        let named = features.rows.map { $0[0] }
        #expect(FeatureReport.known.allSatisfy { named.contains(.text($0)) }, "seed \(seed)")
    }

    @Test(arguments: 0..<20)
    func `who used a feature counts once under whatever names`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        let snapshot = try ReportLawTests.snapshot(seed)
        let range = ReportRange(ReportLawTests.days)
        let used = snapshot[.featurePeople].filter { range.days.contains($0.key.day) }
        let everybody = PeopleRules(aliases: [
            PeopleRules.Alias(name: "all", identities: Set(used.map { PersonIdentity($0.key.texts[1]) }).sorted())
        ])
        for detail in [FeatureReport.Detail.feature, .day] {
            let alone = FeatureReport.table(range, by: detail, of: snapshot, rules: everybody)
            let people = try #require(alone.column("people"))
            for row in alone.rows {
                let isUsed = used.contains { use in
                    row[0] == .text(use.key.texts[0])
                        && (detail == .feature || row[1] == .text(use.key.day.description))
                }
                #expect(row[people] == .integer(1) || !isUsed, "seed \(seed), \(row[0])")
                #expect(row[people] != .integer(1) || isUsed, "seed \(seed), \(row[0])")
            }
        }
    }

    @Test(arguments: 0..<40)
    func `counters come as they are`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        let snapshot = try ReportLawTests.snapshot(seed)
        let range = ReportRange(ReportLawTests.days)
        for counters in UsageTable.allCases {
            let table = CounterReport.table(counters, range, of: snapshot)
            #expect(table.rows.count == snapshot[counters].count, "seed \(seed), \(counters)")
            for (column, name) in counters.valueColumns.enumerated() {
                let sum = snapshot[counters].reduce(0) { $0 + $1.tally[column] }
                #expect(ReportLawTests.sum(table, name) == sum, "seed \(seed), \(counters).\(name)")
            }
        }
    }

    @Test func `a cost that leaves out a day would look like all of it, and is none`() {
        var card = RateCard.published
        card.contract = Contract(
            currency: "USD",
            periods: [
                Contract.Period(from: Day("2026-01-01")!, to: Day("2026-01-31")!, billionthsPerCredit: 600_000)
            ]
        )
        var cost = Cost()
        cost.add(thousandths: 2_000_000, on: Day("2026-01-31")!, card)
        cost.add(thousandths: 0, on: Day("2026-02-01")!, card)
        #expect(cost.money?.decimal() == "1.20")
        cost.add(thousandths: 1, on: Day("2026-02-01")!, card)
        #expect(cost.money == nil)
        #expect(Cost().money == nil)
    }

    @Test func `what the counters are not kept by is refused`() {
        let range = ReportRange(ReportLawTests.days)
        #expect(!UsageReport.Request(range, by: [.branch, .job]).isPossible)
        #expect(!UsageReport.Request(range, by: [.resourceClass, .workflow]).isPossible)
        #expect(UsageReport.Request(range, by: [.resourceClass, .project, .day]).isPossible)
    }
}
