import TestSupport
import Testing
import Wire

@testable import Usage

/// Sums of days add up to what all rows add up to.
struct SumsTests {
    private static let range = ReportRange(Day("2025-12-20")!...Day("2026-01-31")!)
    private static let groupings: [[UsageGrouping]] = [
        [.project], [.project, .workflow, .job], [.job], [.day], [.month], [.connection, .month, .project],
        [.project, .branch, .day], [.executor, .resourceClass, .day], [.operatingSystem],
    ]

    private static func snapshots(_ events: [TestEvent]) throws -> (all: Snapshot, byConnection: [String: Snapshot]) {
        func folded(_ events: [TestEvent]) throws -> Snapshot {
            var tables = UsageTables()
            var reducer = try Reducer(storage: tables)
            for event in events { try reducer.fold(event, storage: tables) }
            tables.apply(reducer.takeChanges())
            return tables.snapshot(position: nil)
        }
        return (try folded(events), try Dictionary(grouping: events, by: \.connection).mapValues(folded))
    }

    private static func placed(
        _ kind: SumsKind,
        _ snapshots: [String: Snapshot],
        in range: ReportRange,
        _ memory: inout SumsMemory
    ) -> [PlacedSums] {
        snapshots.flatMap { connection, snapshot in
            CountedDay.days(kind, of: snapshot).filter { range.days.contains($0.key) }.map {
                PlacedSums(connection: connection, span: DaySpan(day: $0.key), sums: memory.named($0.value))
            }
        }
    }

    @Test(arguments: 0..<12) func `a report from sums is the report from rows`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        var random = RandomEvents(seed: seed)
        // A rate card counts for all connections.
        let events = random.events(count: 160, runCount: 40).filter { $0.notice?.source != .meter }
        let (all, byConnection) = try SumsTests.snapshots(events)
        var memory = SumsMemory()
        for groupings in SumsTests.groupings {
            let project = random.maybe(30) { $0.pick(["github/o/r0", "nowhere"]) }
            let request = UsageReport.Request(
                ReportRange(Day("2026-01-02")!...Day("2026-01-05")!),
                by: groupings,
                project: project,
                comparesBefore: random.chance(50)
            )
            let kind = try #require(request.sumsKind)
            let parts = SumsTests.placed(kind, byConnection, in: request.neededRange, &memory)
            let fromSums = UsageReport.table(request, of: UsageReport.groups(request, of: parts))
            let fromRows = UsageReport.table(request, of: all)
            #expect(fromSums?.rows == fromRows?.rows, "seed \(seed), by \(groupings)")
        }
    }

    @Test(arguments: 0..<12) func `the overview from sums is the overview from rows`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        var random = RandomEvents(seed: seed)
        let events = random.events(count: 160, runCount: 40).filter { $0.notice?.source != .meter }
        let (all, byConnection) = try SumsTests.snapshots(events)
        var memory = SumsMemory()
        let parts = SumsKind.overview.map { SumsTests.placed($0, byConnection, in: SumsTests.range, &memory) }
        let fromRows = OverviewCounts(SumsTests.range, of: all)
        let fromSums = OverviewCounts(SumsTests.range, of: parts[0], parts[1])
        #expect(SumsTests.figures(fromSums) == SumsTests.figures(fromRows), "seed \(seed)")
        #expect(fromSums.coverage == fromRows.coverage && fromRows.coverage.runs > 0, "seed \(seed)")
        var runs = 0
        for row in all[.jobs] where SumsTests.range.contains(row.key) {
            for column in JobColumn.success...JobColumn.other { runs += row.tally[column] }
        }
        #expect(fromRows.all.runs == runs, "seed \(seed)")
    }

    private static func figures(_ counts: OverviewCounts) -> [String] {
        func text(_ totals: UsageTotals) -> String {
            "\(totals.runs) \(totals.success) \(totals.durationMilliseconds) \(totals.credits) \(totals.durations)"
        }
        return [text(counts.all), "\(counts.workflowRuns)"]
            + counts.days.map { "\($0.day) \(text($0.totals)) \($0.workflowRuns)" }
            + counts.projects.map { "\($0.connection) \($0.project) \(text($0.totals))" }.sorted()
    }

    @Test func `the sums of a month are the sum of its days`() throws {
        var random = RandomEvents(seed: 5)
        let (_, byConnection) = try SumsTests.snapshots(random.events(count: 160, runCount: 40))
        let request = UsageReport.Request(ReportRange(Day("2026-01-01")!...Day("2026-01-31")!), by: [.project, .job])
        let kind = try #require(request.sumsKind)
        var memory = SumsMemory()
        for (connection, snapshot) in byConnection {
            let days = SumsTests.placed(kind, [connection: snapshot], in: request.range, &memory)
            let month = PlacedSums(
                connection: connection,
                span: DaySpan(month: Day("2026-01-15")!),
                sums: PartialSums.sum(days.map(\.sums))
            )
            let fromDays = UsageReport.table(request, of: UsageReport.groups(request, of: days))
            #expect(UsageReport.table(request, of: UsageReport.groups(request, of: [month]))?.rows == fromDays?.rows)
        }
    }

    @Test func `a range is whole months and the days that are left`() {
        let spans = DaySpan.spans(of: Day("2026-01-30")!...Day("2026-03-02")!)
        #expect(spans.map(\.isMonth) == [false, false, true, false, false])
        #expect(spans.first?.days == Day("2026-01-30")!...Day("2026-01-30")!)
        #expect(spans[2].days == Day("2026-02-01")!...Day("2026-02-28")!)
        #expect(spans.last?.first == Day("2026-03-02")!)
    }

    @Test func `a span's version changes with each of its days, and without counters there is none`() {
        let month = DaySpan(month: Day("2026-02-10")!)
        var versions = DayVersions()
        #expect(versions.version(of: month) == nil && versions.version(of: DaySpan(day: Day("2026-02-10")!)) == nil)
        versions.sequences = [Day("2026-02-03")!: 7, Day("2026-02-28")!: 4, Day("2026-03-01")!: 9]
        #expect(versions.version(of: month) == DayVersions.Version(sequence: 7, dayCount: 2))
        #expect(versions.version(of: DaySpan(day: Day("2026-03-01")!)) == .init(sequence: 9, dayCount: 1))
        #expect(versions.days(of: month) == [Day("2026-02-03")!, Day("2026-02-28")!])
    }

    @Test func `sums are kept as of a version, and those used longest ago go first`() throws {
        var memory = SumsMemory(budgetBytes: 3000)
        let sums = memory.named(CountedDay())
        let day = { (number: Int) in DaySpan(day: Day("2026-01-01")!.adding(days: number)) }
        let version = DayVersions.Version(sequence: 5, dayCount: 1)
        func isKept(_ number: Int, _ version: DayVersions.Version) -> Bool {
            memory.sums(.completeness, connection: "acme", span: day(number), version: version) != nil
        }
        memory.keep(sums, .completeness, connection: "acme", span: day(0), version: version)
        #expect(isKept(0, version) && !isKept(0, .init(sequence: 6, dayCount: 1)) && !isKept(1, version))
        // Older ones do not take the place of later ones.
        memory.keep(sums, .completeness, connection: "acme", span: day(0), version: .init(sequence: 4, dayCount: 1))
        #expect(isKept(0, version))
        for number in 1..<31 {
            memory.keep(sums, .completeness, connection: "acme", span: day(number), version: version)
            #expect(isKept(0, version), "used again and again")
            #expect(memory.byteCount <= memory.budgetBytes)
        }
        #expect(!isKept(1, version) && isKept(30, version))
        let kept = memory.byteCount
        memory.keep(
            month: sums,
            .completeness,
            connection: "acme",
            span: DaySpan(month: Day("2026-01-01")!),
            version: .init(sequence: 9, dayCount: 31)
        )
        #expect(memory.byteCount < kept && !isKept(0, version), "the days of a large month go")
        #expect(SumsKind.completeness.tables == [.workflows, .coverage])
        #expect(SumsKind.usage(.jobs, []).tables == [.jobs])
    }
}
