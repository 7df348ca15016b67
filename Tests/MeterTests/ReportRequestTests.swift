import Testing
import Usage
import Wire

@testable import Meter

/// What a report may be asked with, and what is refused by name.
struct ReportRequestTests {
    private static let today = Day("2026-11-26")!

    @Test(arguments: [
        ("today", "2026-11-26", "2026-11-26"), ("yesterday", "2026-11-25", "2026-11-25"),
        ("this-week", "2026-11-23", "2026-11-26"), ("last-week", "2026-11-16", "2026-11-22"),
        ("this-month", "2026-11-01", "2026-11-26"), ("last-month", "2026-10-01", "2026-10-31"),
        ("last-7-days", "2026-11-20", "2026-11-26"), ("last-30-days", "2026-10-28", "2026-11-26"),
        ("last-90-days", "2026-08-29", "2026-11-26"), ("last-365-days", "2025-11-27", "2026-11-26"),
    ])
    func `words for days`(_ word: String, _ first: String, _ last: String) throws {
        let report = try Report(.usage, ["period": word], today: ReportRequestTests.today)
        #expect(report.range.days == Day(first)!...Day(last)!)
    }

    @Test func `a week begins on Monday, on every day of it`() throws {
        for day in 0..<7 {
            let today = Day("2026-11-23")!.adding(days: day)
            #expect(ReportPeriod.thisWeek.days(today: today) == Day("2026-11-23")!...today)
            #expect(ReportPeriod.lastWeek.days(today: today) == Day("2026-11-16")!...Day("2026-11-22")!)
        }
        // Before 1970, too.
        let sunday = Day("1969-12-28")!
        #expect(ReportPeriod.thisWeek.days(today: sunday).lowerBound == Day("1969-12-22")!)
    }

    @Test func `people are of a month, and who is new needs the months before`() throws {
        let report = try Report(.people, ["month": "2026-02"], today: ReportRequestTests.today)
        #expect(report.range.days == Day("2026-02-01")!...Day("2026-02-28")!)
        #expect(try #require(report.filter.from) < Day("2025-02-01")!)
        let thisMonth = try Report(.people, [:], today: ReportRequestTests.today)
        #expect(thisMonth.range.days == Day("2026-11-01")!...Day("2026-11-30")!)
    }

    @Test func `a comparison needs as many days before`() throws {
        let report = try Report(
            .usage,
            ["from": "2026-11-10", "to": "2026-11-16", "compare": "true"],
            today: ReportRequestTests.today
        )
        #expect(report.filter.from == Day("2026-11-03")! && report.filter.to == Day("2026-11-16")!)
    }

    @Test(arguments: [
        (Report.Name.usage, ["from": "2026-02-30"], "from"), (.usage, ["to": "yesterday"], "to"),
        (.usage, ["from": "2026-11-02", "to": "2026-11-01"], "to"), (.usage, ["from": "1990-01-01"], "from"),
        (.usage, ["period": "fortnight"], "period"), (.usage, ["period": "today", "to": "2026-11-01"], "period"),
        (.usage, ["group_by": "project,person"], "group_by"), (.usage, ["group_by": "project,project"], "group_by"),
        (.usage, ["group_by": "branch,job"], "group_by"), (.usage, ["compare": "maybe"], "compare"),
        (.usage, ["limit": "0"], "limit"), (.usage, ["grop_by": "project"], "grop_by"),
        (.features, ["group_by": "branch"], "group_by"), (.features, ["project": "github/o/r"], "project"),
        (.coverage, ["table": "jobs"], "table"), (.people, ["month": "2026-11-01"], "month"),
        (.people, ["from": "2026-11-01"], "from"), (.people, ["month": "november"], "month"), (.counters, [:], "table"),
        (.counters, ["table": "sqlite_master"], "table"),
    ])
    func `what cannot be used is refused by its name`(
        _ name: Report.Name,
        _ values: [String: String],
        _ parameter: String
    ) {
        let error = #expect(throws: MeterError.self) {
            try Report(name, values, today: ReportRequestTests.today)
        }
        #expect(error?.code == .invalidParameter && error?.location == parameter)
    }

    @Test func `amounts for people`() {
        #expect(ReportText.credits(0) == "0")
        #expect(ReportText.credits(1_234_567) == "1\u{202f}235")
        #expect(ReportText.credits(-9_949) == "-9.9")
        #expect(ReportText.text(.integer(4_996), .percent) == "50.0 %")
        #expect(
            ReportText.text(.money(Money(currency: "USD", trillionths: -1_234_565_000_000_000)), .money)
                == "-1\u{202f}234.57"
        )
        #expect(ReportText.text(.money(Money(currency: "USD", trillionths: -50_000_000_000)), .money) == "-0.05")
        #expect(ReportText.change(from: 0, to: 5) == "new" && ReportText.change(from: 200, to: 250) == "+25 %")
        #expect(
            ReportText.change(from: 1, to: .max).hasPrefix("+") && ReportText.change(from: .max, to: -.max) == "-200 %"
        )
        #expect(ReportText.change(from: 200, to: 100) == "-50 %" && ReportText.change(from: 0, to: 0) == "–")
    }

    @Test(arguments: [
        // The days were entered beside the word that the form began with.
        ("last-30-days", "last-30-days", "2026-11-20", [("from", "2026-11-20")]),
        // The word was chosen, and the days were left standing.
        ("last-week", "", "2026-11-20", [("period", "last-week")]),
        ("last-week", "last-30-days", "2026-11-20", [("period", "last-week")]),
        ("last-30-days", "last-30-days", "", [("period", "last-30-days"), ("from", "")]),
    ])
    func `of days and a word for days a page takes the one that was changed`(
        _ period: String,
        _ shown: String,
        _ from: String,
        _ decided: [(String, String)]
    ) {
        let values = ReportForm.decided(["period": period, "shown": shown, "from": from])
        #expect(values == Dictionary(uniqueKeysWithValues: decided))
    }
}
