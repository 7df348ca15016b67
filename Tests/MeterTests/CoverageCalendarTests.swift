import EventLog
import Testing
import Usage
import Wire

@testable import Meter

/// The calendar of `/coverage`, and what it lists as missing.
@Suite(.timeLimit(.minutes(5)))
struct CoverageCalendarTests {
    private static let columns = [
        ReportTable.Column("connection", .text, ""), ReportTable.Column("day", .day, ""),
        ReportTable.Column("project", .text, ""), ReportTable.Column("project_name", .text, ""),
        ReportTable.Column("runs", .count, ""), ReportTable.Column("webhook", .count, ""),
        ReportTable.Column("api_only", .count, ""), ReportTable.Column("export_only", .count, ""),
        ReportTable.Column("missing", .count, ""), ReportTable.Column("closed", .bool, ""),
    ]

    private static func table(
        _ rows: [(project: String, day: String, webhook: Int, api: Int, export: Int, missing: Int, closed: Bool)]
    ) -> ReportTable {
        var table = ReportTable(columns: columns)
        for row in rows {
            let counts = [row.webhook + row.api + row.export, row.webhook, row.api, row.export, row.missing]
            table.append(
                [.text("acme"), .text(row.day), .text(row.project), .none] + counts.map { .integer($0) }
                    + [.bool(row.closed)]
            )
        }
        return table
    }

    private static func days(_ from: String, _ to: String) throws -> ClosedRange<Day> {
        try #require(Day(from))...(try #require(Day(to)))
    }

    @Test func `each cell says how complete its day is, by a sign and in words, and what is missing comes first`()
        throws
    {
        let table = Self.table([
            ("gh/o/a", "2026-11-01", 3, 0, 0, 0, false), ("gh/o/a", "2026-11-02", 3, 1, 0, 0, false),
            ("gh/o/a", "2026-11-03", 2, 1, 1, 0, true), ("gh/o/b", "2026-11-02", 0, 0, 0, 2, false),
            ("gh/o/c", "2026-11-03", 0, 0, 5, 0, false),
        ])
        let calendar = try #require(
            CoverageCalendar(table, days: try Self.days("2026-11-01", "2026-11-04"), csvPath: "/csv")
        )
        let signs = calendar.calendarLines.map { "\($0.projectTitle) " + $0.dayCells.map(\.cellSign).joined() }
        #expect(signs == ["gh/o/b \u{b7}!2\u{b7}\u{b7}", "gh/o/c \u{b7}\u{b7}a\u{b7}", "gh/o/a \u{2713}aS\u{b7}"])
        let cells = calendar.calendarLines.flatMap(\.dayCells)
        #expect(Set(cells.map(\.cellWords)).count == 5)
        let gap = calendar.calendarLines[0].dayCells[1]
        #expect(gap.isGap && gap.cellWords == "2 missing" && gap.cellTone == "gap")
        #expect(gap.cellPath == "/log?from=2026-11-02&project=gh%2Fo%2Fb&to=2026-11-02")
        let settled = calendar.calendarLines[2].dayCells[2]
        #expect(
            settled.cellDetail
                == "2026-11-03, 4 runs: 2 by webhook, 1 by the API, 1 by the usage export; settled and closed"
        )
        #expect(cells.allSatisfy { ($0.cellPath == nil) == ($0.cellWords == "no run") })
        #expect(calendar.calendarLines[0].projectPath == "/log?from=2026-11-01&project=gh%2Fo%2Fb&to=2026-11-04")
    }

    @Test(arguments: [1, 30, 92, 93, 365, 644, 645, 3660])
    func `however many days, no run is lost and no more columns are made than fit`(_ dayCount: Int) throws {
        let first = try #require(Day("2020-02-20"))
        let days = first...first.adding(days: dayCount - 1)
        let rows = (0..<dayCount).map { index in
            (
                project: "gh/o/a", day: first.adding(days: index).description, webhook: 1, api: 0, export: 0,
                missing: index == dayCount - 1 ? 1 : 0, closed: false
            )
        }
        let calendar = try #require(CoverageCalendar(Self.table(rows), days: days, csvPath: "/csv"))
        let cells = calendar.calendarLines[0].dayCells
        #expect(cells.count == calendar.dayHeads.count && cells.count <= CoverageCalendar.maximumColumns)
        #expect(calendar.monthHeads.reduce(0) { $0 + $1.columnCount } == cells.count)
        #expect(cells.last?.isGap == true && cells.filter(\.isGap).count == 1)
        let columns = CoverageCalendar.Columns(days)
        #expect(columns.days(of: 0).lowerBound == days.lowerBound)
        #expect(columns.days(of: cells.count - 1).upperBound == days.upperBound)
        for place in cells.indices.dropFirst() {
            let (before, range) = (columns.days(of: place - 1), columns.days(of: place))
            #expect(before.upperBound.adding(days: 1) == range.lowerBound)
            // Weeks begin on Monday: 2020-02-24 was one.
            let monday = try #require(Day("2020-02-24"))
            let distance = range.lowerBound.daysSinceEpoch - monday.daysSinceEpoch
            #expect(columns.daysPerColumn == 1 || distance % 7 == 0)
        }
        #expect((columns.daysPerColumn == 1) == (dayCount <= CoverageCalendar.maximumColumns))
    }

    @Test func `projects beyond those that are shown are counted`() throws {
        let rows = (0..<103).map { index in
            (
                project: "gh/o/\(index)", day: "2026-11-01", webhook: 1, api: 0, export: 0,
                missing: index == 102 ? 1 : 0,
                closed: false
            )
        }
        let days = try Self.days("2026-11-01", "2026-11-02")
        let calendar = try #require(CoverageCalendar(Self.table(rows), days: days, csvPath: "/csv"))
        #expect(calendar.calendarLines.count == 100 && calendar.moreProjects == "3")
        #expect(calendar.calendarLines[0].projectTitle == "gh/o/102")
        #expect(CoverageCalendar(Self.table([]), days: days, csvPath: "/csv") == nil)
    }

    @Test func `the page names what is missing until the day is closed, and says when it is tried again`() async throws
    {
        try await ConnectionPageSite.run { site in
            try await site.add("acme")
            try await site.add("globex", key: nil)
            let today = Timestamp.now.day
            try await Self.miss(200, of: "acme", on: today, site)
            try await Self.miss(3, of: "globex", on: today.adding(days: -1), site)
            let admin = try await site.signIn()
            let page = try await admin.get("/coverage").body
            #expect(page.contains("!200") && page.contains("!3"))
            #expect(page.contains("<code><bdi>item-0&lt;b&gt;</bdi></code>"))
            #expect(page.contains("3 more are not listed"))
            #expect(page.contains("CircleCI answers with an error of its own"))
            #expect(page.contains("action=\"/connections/acme/reconcile\""))
            let viewer = try await site.signIn(ConnectionPageSite.viewer).get("/coverage").body
            #expect(viewer.contains("!200") && !viewer.contains("/reconcile\""))
            let other = try await admin.get("/coverage?connection=globex").body
            #expect(other.contains("globex has no API key") && other.contains("href=\"/connections/globex/reconnect\""))
            #expect(!other.contains("acme: tried again"))
            // An export that holds the day completely closes it.
            let yesterday = today.adding(days: -1)
            _ = try await site.parts.log.append(
                ExportEvents.settled(yesterday...yesterday, rows: 0, exportedAt: .now, connection: "globex", at: .now)
            )
            try await site.settle()
            let closed = try await admin.get("/coverage?connection=globex").body
            #expect(!closed.contains("globex has no API key") && !closed.contains("!3"))
        }
    }

    /// Says on the log that CircleCI named so many workflows and did not tell more.
    private static func miss(_ count: Int, of connection: String, on day: Day, _ site: ConnectionPageSite) async throws
    {
        let pipeline = Reconciliation.OpenPipeline(id: "pipeline", number: 7, createdAt: day.start)
        let reconciliation = Reconciliation(
            through: .now,
            missing: (0..<count).map {
                Reconciliation.MissingItem(
                    kind: "workflow",
                    id: "item-\($0)<b>",
                    pipeline: pipeline,
                    day: day,
                    reason: "server_error"
                )
            }
        )
        _ = try await site.parts.log.append(
            ReconciliationEvent.entry(
                reconciliation,
                project: ReconcileProject(id: "project", slug: "github/\(connection)/web", name: ""),
                connection: connection,
                at: .now
            )
        )
        try await site.settle()
    }
}

extension ConnectionPageSite {
    /// Waits until all that is on the log is counted.
    func settle() async throws {
        let end = parts.log.durableEnd.sequence
        for await sequence in parts.projector.published.sequences() where sequence >= end { break }
    }
}
