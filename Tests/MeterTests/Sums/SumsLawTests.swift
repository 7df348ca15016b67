import Dispatch
import EventLog
import FakeCircleCI
import GRDB
import Synchronization
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// Whatever of it is kept in memory: an answer from sums is the answer from all rows of the same position, byte for byte.
struct SumsLawTests {
    private static let today = Day("2026-04-10")!
    private static let groupings = [
        "project", "workflow", "job", "project,workflow,job", "workflow,project", "branch", "project,branch,day", "day",
        "month", "connection", "connection,month,project", "resource_class", "executor,resource_class,day",
        "operating_system", "day,job",
    ]

    private static func usage(_ random: inout RandomAdvances) throws -> Report {
        let days = [random.day(), random.day()].sorted()
        var values = [
            "from": "\(days[0])", "to": "\(days[1])", "group_by": random.pick(groupings),
            "compare": random.pick(["true", "false"]),
        ]
        values["connection"] = random.pick([nil, nil, "acme", "globex", "nobody"])
        if random.happens(3) { values["project"] = random.pick(RandomAdvances.slugs + ["p-unnamed", "nowhere"]) }
        return try Report(.usage, values, today: today)
    }

    private static func other(_ random: inout RandomAdvances) throws -> Report {
        let name = random.pick(Report.Name.allCases.filter { $0 != .usage })
        guard name != .people else { return try Report(.people, ["month": random.day().month], today: today) }
        let days = [random.day(), random.day()].sorted()
        var values = ["from": "\(days[0])", "to": "\(days[1])"]
        values["connection"] = random.pick([nil, "acme", "globex"])
        if name == .counters { values["table"] = random.pick(UsageTable.allCases).rawValue }
        return try Report(name, values, today: today)
    }

    /// The report as JSON; the error where it cannot be told.
    private static func text(_ report: Report, _ snapshot: Snapshot, _ groups: UsageReport.Groups?) -> String {
        do {
            let table = try report.table(of: snapshot, groups, rules: PeopleRules())
            return String(decoding: report.json(table, of: snapshot, rules: PeopleRules()), as: UTF8.self)
        } catch {
            return "\(error)"
        }
    }

    private static func whole(_ report: Report, _ store: UsageStore) throws -> String {
        var filter = report.filter
        filter.tables = Set(UsageTable.allCases)
        let snapshot = try store.snapshot(filter)
        guard let usage = report.usage else { return text(report, snapshot, nil) }
        // Of all days, since what came before decides what machines jobs are taken to run on.
        return text(report, snapshot, UsageReport.groups(usage, of: try store.snapshot()))
    }

    private static func check(_ report: Report, _ store: UsageStore, _ seed: UInt64) throws {
        let (snapshot, groups) = try store.answer(report)
        #expect((groups != nil) == (report.usage != nil))
        #expect(text(report, snapshot, groups) == (try whole(report, store)), "seed \(seed), \(report)")
    }

    private static func checkOverview(_ store: UsageStore, _ today: Day, _ seed: UInt64) throws {
        let range = ReportRange(today.adding(days: -29)...today)
        let answer = try store.overview(range, rules: PeopleRules())
        let snapshot = try store.snapshot()
        #expect("\(answer.counts)" == "\(OverviewCounts(range, of: snapshot))", "seed \(seed), \(today)")
        let people = PeopleReport.summary(month: today, today: today, snapshot: snapshot)
        #expect(answer.activeUsers == people.activeUsers, "seed \(seed), \(today)")
        #expect(answer.snapshot.position == snapshot.position)
    }

    /// With room for everything, for some of it, and for nothing.
    @Test(arguments: 0..<8)
    func `answers from sums are the answers from rows, whatever came between`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        let directory = TemporaryDirectory()
        let path = "\(directory.path)/usage.sqlite"
        let budget = [SumsMemory.usualBudgetBytes, 100_000, 0][Int(round % 3)]
        func open(_ purpose: UsageStore.Purpose) throws -> UsageStore {
            try #require(try UsageStore(path: path, purpose: purpose, sumsBudgetBytes: budget))
        }
        try open(.rebuild).close()
        var store = try open(.service)
        var random = RandomAdvances(seed: seed)
        for _ in 0..<120 {
            try store.publish(random.next())
            while random.happens(2) { try SumsLawTests.check(try SumsLawTests.usage(&random), store, seed) }
            if random.happens(4) { try SumsLawTests.check(try SumsLawTests.other(&random), store, seed) }
            if random.happens(6) { try SumsLawTests.checkOverview(store, random.day(), seed) }
            if random.happens(6) { _ = try store.warmUp(today: random.day()) }
            guard random.happens(20) else { continue }
            try store.close()
            store = try open(.service)
        }
        #expect(store.sums.byteCount <= budget, "seed \(seed)")
    }

    @Test func `a question that was asked before reads no row of days that stayed as they were`() throws {
        let directory = TemporaryDirectory()
        let store = try #require(try UsageStore(path: "\(directory.path)/usage.sqlite", purpose: .rebuild))
        var random = RandomAdvances(seed: TestSeed.of(round: 1))
        for _ in 0..<30 { try store.publish(random.next()) }
        let report = try Report(
            .usage,
            ["from": "2026-01-20", "to": "2026-04-12", "compare": "true"],
            today: SumsLawTests.today
        )
        let before = try SumsLawTests.whole(report, store)
        _ = try store.answer(report)
        // Behind the back of the versions: only who reads rows sees it.
        try store.database.write { try $0.execute(sql: "UPDATE jobs SET success = success + 1") }
        let (snapshot, groups) = try store.answer(report)
        #expect(SumsLawTests.text(report, snapshot, groups) == before)
        #expect(try SumsLawTests.whole(report, store) != before)
    }

    @Test func `where a change of days is not written down, the law does not hold`() throws {
        let directory = TemporaryDirectory()
        let store = try #require(try UsageStore(path: "\(directory.path)/usage.sqlite", purpose: .rebuild))
        try store.database.write {
            try $0.execute(
                sql: "CREATE TRIGGER forgetful BEFORE UPDATE ON day_versions BEGIN SELECT RAISE(IGNORE); END"
            )
        }
        var random = RandomAdvances(seed: TestSeed.of(round: 4))
        let report = try Report(.usage, ["from": "2026-01-20", "to": "2026-04-12"], today: SumsLawTests.today)
        var differences = 0
        for _ in 0..<60 {
            try store.publish(random.next())
            let (snapshot, groups) = try store.answer(report)
            let whole = try SumsLawTests.whole(report, store)
            differences += SumsLawTests.text(report, snapshot, groups) == whole ? 0 : 1
        }
        #expect(differences > 0)
    }

    @Test func `once warmed up, the usual pages need no more days`() throws {
        let directory = TemporaryDirectory()
        let store = try #require(try UsageStore(path: "\(directory.path)/usage.sqlite", purpose: .rebuild))
        var random = RandomAdvances(seed: TestSeed.of(round: 2))
        for _ in 0..<60 { try store.publish(random.next()) }
        var steps = 0
        while !(try store.warmUp(today: SumsLawTests.today)) { steps += 1 }
        #expect(steps > 10 && steps < 100)
        let size = store.sums.byteCount
        _ = try store.answer([
            try Report(.usage, ["period": "last-365-days", "compare": "true"], today: SumsLawTests.today)
        ])
        _ = try store.overview(
            ReportRange(ReportPeriod.last30Days.days(today: SumsLawTests.today)),
            rules: PeopleRules()
        )
        #expect(store.sums.byteCount == size)
    }

    @Test func `readers at once, with a writer beside them, each get the answer of their position`() async throws {
        let directory = TemporaryDirectory()
        let path = "\(directory.path)/usage.sqlite"
        try #require(try UsageStore(path: path, purpose: .rebuild)).close()
        let store = try #require(try UsageStore(path: path, purpose: .service))
        let seed = TestSeed.of(round: 3)
        let report = try Report(
            .usage,
            ["from": "2026-01-25", "to": "2026-04-10", "group_by": "project,job", "compare": "true"],
            today: SumsLawTests.today
        )
        let expected = Mutex<[Int: String]>([:])
        let answers = try await withThrowingTaskGroup(of: [(Int, String)].self) { group in
            let isDone = Flag()
            let answered = DispatchSemaphore(value: 0)
            for reader in 0..<4 {
                group.addTask {
                    try await onOwnThread("reader \(reader)") {
                        var answers: [(Int, String)] = []
                        repeat {
                            let (snapshot, groups) = try store.answer(report)
                            let text = SumsLawTests.text(report, snapshot, groups)
                            answers.append((snapshot.position?.sequence ?? 0, text))
                            answered.signal()
                        } while !isDone.isRaised
                        return answers
                    }
                }
            }
            try await onOwnThread("writer") {
                defer { isDone.raise() }
                var random = RandomAdvances(seed: seed)
                for _ in 0..<60 {
                    let advance = random.next()
                    try store.publish(advance)
                    let text = try SumsLawTests.whole(report, store)
                    expected.withLock { $0[advance.position?.sequence ?? 0] = text }
                    // Of four readers, one has asked again after the publish when five answers have come since.
                    while answered.wait(timeout: .now()) == .success {}
                    for _ in 0..<5 where answered.wait(timeout: .now() + 600) == .timedOut { return }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        for (sequence, text) in answers where sequence > 0 {
            #expect(text == expected.withLock { $0[sequence] }, "seed \(seed), record \(sequence)")
        }
        #expect(Set(answers.map(\.0)).count > 30)
    }
}
