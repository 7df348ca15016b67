import FakeCircleCI
import TestSupport
import Testing
import Wire

@testable import Usage

/// Who was active in a month.
struct PeopleReportTests {
    private static let firstMonth = Day("2026-07-01")!

    @Test(arguments: 0..<100)
    func `persons add up to what their identities did`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        var world = PeopleWorld(seed: seed)
        let snapshot = world.snapshot(months: 4, firstMonth: PeopleReportTests.firstMonth)
        let month = Day("2026-09-01")!
        let table = PeopleReport.table(month: month, snapshot: snapshot, rules: world.rules)
        func sum(_ name: String) throws -> Int {
            let column = try #require(table.column(name))
            return table.rows.reduce(0) { if case .integer(let value) = $1[column] { $0 + value } else { $0 } }
        }
        let people = snapshot[.people].filter { $0.key.day == month }
        let activity = snapshot[.activity].filter { $0.key.day.firstOfMonth == month }
        #expect(try sum("jobs") == people.reduce(0) { $0 + $1.tally[0] }, "seed \(seed)")
        #expect(try sum("workflows") == people.reduce(0) { $0 + $1.tally[1] }, "seed \(seed)")
        #expect(
            try sum("authored") == activity.filter { $0.key.texts[1] == "author" }.reduce(0) { $0 + $1.tally[0] },
            "seed \(seed)"
        )
        let triggered = activity.filter { $0.key.texts[1] == "trigger" }.reduce(0) { $0 + $1.tally[0] }
        #expect(try sum("triggered") <= triggered, "seed \(seed)")
        #expect(
            try sum("credits_settled")
                == snapshot[.featurePeople].filter { $0.key.day.firstOfMonth == month }.reduce(0) { $0 + $1.tally[1] },
            "seed \(seed)"
        )
        let summary = PeopleReport.summary(
            month: month,
            today: month,
            snapshot: snapshot,
            rules: world.rules
        )
        #expect(summary.activeUsers + summary.bots == table.rows.count, "seed \(seed)")
        #expect(summary.registered + summary.unregistered + summary.unknown == summary.activeUsers, "seed \(seed)")
        #expect(summary.new <= summary.activeUsers, "seed \(seed)")
    }

    @Test(arguments: 0..<100)
    func `no fewer are forecast than there are, and on the last day just these`(_ round: UInt64) {
        let seed = TestSeed.of(round: round)
        var world = PeopleWorld(seed: seed)
        let snapshot = world.snapshot(months: 4, firstMonth: PeopleReportTests.firstMonth)
        let month = Day("2026-09-01")!
        for number in 0..<30 {
            let today = month.adding(days: number)
            let seen = snapshot.filtered(connection: nil, from: nil, to: today)
            let summary = PeopleReport.summary(month: month, today: today, snapshot: seen, rules: world.rules)
            #expect(summary.forecast.activeUsers >= summary.activeUsers, "seed \(seed)")
            if number == 29 {
                #expect(summary.forecast.method == .ended)
                #expect(summary.forecast.activeUsers == summary.activeUsers, "seed \(seed)")
            }
        }
        let over = PeopleReport.summary(month: month, today: Day("2027-01-05")!, snapshot: snapshot, rules: world.rules)
        #expect(over.forecast.activeUsers == over.activeUsers, "seed \(seed)")
    }

    @Test func `the months before give the curve, the last days the pace where there are none`() {
        let month = Day("2026-09-01")!
        let through = Day("2026-09-10")!
        // Of 8 in August, 4 were there by the 10th; so it will be twice the 3 so far.
        let curve = PeopleForecast(
            firstDays: { first in
                if first == month { return [1, 2, 9].map { first.adding(days: $0) } }
                return first == Day("2026-08-01")! ? [0, 1, 2, 9, 10, 20, 25, 30].map { first.adding(days: $0) } : []
            },
            month: month,
            through: through
        )
        #expect(curve == PeopleForecast(activeUsers: 6, method: .curve))
        // One in seven days, 20 to come: 3 more.
        let pace = PeopleForecast(
            firstDays: { first in first == month ? [1, 2, 9].map { first.adding(days: $0) } : [] },
            month: month,
            through: through
        )
        #expect(pace == PeopleForecast(activeUsers: 6, method: .pace))
        #expect(Day("2026-02-11")!.lastOfMonth == Day("2026-02-28")!)
        #expect(Day("2028-02-29")!.lastOfMonth == Day("2028-02-29")!)
        #expect(Day("2026-12-31")!.lastOfMonth == Day("2026-12-31")!)
        #expect(Day("2026-03-31")!.monthBefore == Day("2026-02-01")!)
    }

    @Test func `a row says who, since when, and whether CircleCI knows them`() throws {
        var changes = UsageChanges()
        func row(_ day: String, _ texts: [String], _ values: [Int]) -> (key: RowKey, change: Tally) {
            (RowKey(connection: "acme", day: Day(day)!, texts: texts), Tally(values: values))
        }
        changes.rows[.activity] = [
            row("2026-08-03", ["old@example.com", "author"], [1, 1]),
            row("2026-08-04", ["ann@example.com", "author"], [1, 1]),
            row("2026-09-02", ["ann@example.com", "author"], [5, 1]),
            row("2026-09-02", ["login:ann", "trigger"], [4, 1]),
            row("2026-09-02", ["user:1", "trigger"], [3, 0, 0, 3]),
            row("2026-09-05", ["user:1", "trigger"], [2, 0, 0, 2]),
            row("2026-09-05", ["7+dependabot[bot]@users.noreply.github.com", "author"], [2, 1]),
        ]
        changes.rows[.people] = [
            row("2026-09-01", ["ann@example.com"], [5, 1]),
            row("2026-09-01", ["7+dependabot[bot]@users.noreply.github.com"], [2, 1]),
        ]
        changes.rows[.identityPairs] = [row("2026-09-01", ["ann@example.com", "user:1"], [5])]
        var tables = UsageTables()
        tables.apply(changes)
        let snapshot = tables.snapshot(position: nil)
        let rules = PeopleRules(aliases: [
            PeopleRules.Alias(
                name: "Ann",
                identities: [PersonIdentity("ann@example.com"), PersonIdentity("login:ann")]
            )
        ])
        let month = Day("2026-09-20")!
        let table = PeopleReport.table(month: month, connection: "acme", snapshot: snapshot, rules: rules)
        #expect(table.rows.count == 2)
        #expect(
            table.rows[0] == [
                .text("2026-09"), .text("Ann"), .integer(3), .text("person"), .bool(false), .bool(false), .integer(5),
                .integer(1), .integer(2), .integer(5), .integer(6), .integer(0), .text("2026-09-05"),
            ]
        )
        #expect(table.rows[1][3] == .text("bot"))
        let summary = PeopleReport.summary(
            month: month,
            today: Day("2026-10-01")!,
            connection: "acme",
            snapshot: snapshot,
            rules: rules
        )
        #expect(summary.activeUsers == 1 && summary.bots == 1 && summary.unregistered == 1)
        #expect(summary.new == 0 && summary.gone == 1)
        #expect(PeopleReport.table(month: month, connection: "other", snapshot: snapshot).rows.isEmpty)
    }
}
