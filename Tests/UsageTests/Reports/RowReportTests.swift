import Testing
import Usage
import Wire

/// Reports of rows that are stated here, cell by cell.
struct RowReportTests {
    private static let day = Day("2026-08-03")!
    private static let range = ReportRange(day...Day("2026-08-31")!)

    private static func key(_ texts: [String], connection: String = "acme", day: Day = day) -> RowKey {
        RowKey(connection: connection, day: day, texts: texts)
    }

    private static func snapshot(_ rows: [UsageTable: [(RowKey, Tally)]]) -> Snapshot {
        var parts = SnapshotParts()
        parts.rows = rows
        return Snapshot(parts)
    }

    private static func values(_ table: ReportTable, _ name: String) -> [ReportTable.Value] {
        guard let column = table.column(name) else { return [] }
        return table.rows.map { $0[column] }
    }

    /// What `runs` runs of a job used, each the same, in hundredths of a percent.
    private static func use(_ job: [String], runs: Int, cpu: Int, memory: Int) -> [(RowKey, Tally)] {
        let measures = [("cpu_median", cpu / 2), ("cpu_max", cpu), ("ram_median", memory / 2), ("ram_max", memory)]
        return measures.map { measure, value in
            var used = Histogram()
            used.add(milliseconds: value, count: runs)
            let values = [runs, value < 5000 ? runs : 0]
            return (key(job + [measure], day: day.firstOfMonth), Tally(values: values, durations: used))
        }
    }

    private static func spent(_ job: [String], _ credits: Int) -> (RowKey, Tally) {
        (key(job + ["linux"]), Tally(values: [1, 60_000, 60_000, credits, credits]))
    }

    private static func job(_ name: String, _ resourceClass: String) -> [String] {
        ["github/o/r", "build", name, resourceClass, "docker"]
    }

    @Test func `a machine of which half is never needed would do as the smallest that suffices`() throws {
        let jobs = ["idle", "busy", "few", "memory", "smallest"].map {
            RowReportTests.job($0, $0 == "smallest" ? "small" : "xlarge")
        }
        let snapshot = RowReportTests.snapshot([
            .utilization: RowReportTests.use(jobs[0], runs: 5, cpu: 2400, memory: 1000)
                + RowReportTests.use(jobs[1], runs: 9, cpu: 5000, memory: 1000)
                + RowReportTests.use(jobs[2], runs: 4, cpu: 100, memory: 100)
                + RowReportTests.use(jobs[3], runs: 9, cpu: 100, memory: 9000)
                + RowReportTests.use(jobs[4], runs: 9, cpu: 100, memory: 100),
            .resources: jobs.map { RowReportTests.spent($0, 80_000) },
        ])
        let table = RightSizingReport.table(RowReportTests.range, of: snapshot)
        #expect(RowReportTests.values(table, "job") == [.text("idle")])
        // A quarter of an xlarge's 40 credits a minute is a medium's 10.
        #expect(RowReportTests.values(table, "smaller_class") == [.text("medium")])
        #expect(RowReportTests.values(table, "credits") == [.integer(80_000)])
        #expect(RowReportTests.values(table, "credits_saved") == [.integer(60_000)])
        #expect(RowReportTests.values(table, "runs") == [.integer(5)])
        // Nobody told what a credit costs.
        #expect(RowReportTests.values(table, "cost_saved") == [.none])
        let all = RightSizingReport.table(RowReportTests.range, includesAll: true, of: snapshot)
        #expect(all.rows.count == 5)
        #expect(RowReportTests.values(all, "smaller_class").filter { $0 == .none }.count == 4)
        let other = ReportRange(Day("2026-09-01")!...Day("2026-09-30")!)
        #expect(RightSizingReport.table(other, includesAll: true, of: snapshot).rows.isEmpty)
    }

    @Test func `coverage shows each row of the range, and whether an export has closed the day`() {
        let counts = [7, 4, 2, 1, 3, 5, 6]
        let rows = [
            (RowReportTests.key(["github/o/r"]), Tally(values: counts)),
            (RowReportTests.key(["github/o/r"], connection: "globex"), Tally(values: counts)),
            (RowReportTests.key(["github/o/r"], day: Day("2026-07-31")!), Tally(values: counts)),
        ]
        var parts = SnapshotParts()
        parts.rows = [.coverage: rows]
        parts.settledDays = [
            SettledDay(connection: "acme", day: RowReportTests.day, exportedAt: Timestamp("2026-08-04T00:00:00Z")!),
            // That day was not over.
            SettledDay(connection: "globex", day: RowReportTests.day, exportedAt: Timestamp("2026-08-03T23:00:00Z")!),
        ]
        let table = CoverageReport.table(RowReportTests.range, of: Snapshot(parts))
        #expect(table.rows.map(\.count) == [11, 11])
        // What CircleCI's own bill does not have is not missing.
        let closed = [7, 4, 2, 1, 3, 0, 6].map { ReportTable.Value.integer($0) }
        #expect(table.rows[0] == [.text("acme"), .text("2026-08-03"), .text("github/o/r")] + closed + [.bool(true)])
        let open = counts.map { ReportTable.Value.integer($0) }
        #expect(table.rows[1] == [.text("globex"), .text("2026-08-03"), .text("github/o/r")] + open + [.bool(false)])
    }

    @Test func `features have names for people, and one that is not known keeps its own`() {
        let names = [
            "compute", "dlc", "user", "storage", "network", "lease", "lease_overage", "ipranges", "unattributed",
        ]
        let titles = names.map { FeatureReport.title(of: $0) }
        #expect(Set(titles).count == names.count && titles.allSatisfy { $0.first?.isUppercase == true })
        #expect(FeatureReport.title(of: "teleport") == "teleport")
    }

    @Test func `a month's people as a row are the summary's numbers`() throws {
        var world = PeopleWorld(seed: 3)
        let snapshot = world.snapshot(months: 3, firstMonth: Day("2026-07-01")!)
        let month = Day("2026-09-01")!
        let summary = PeopleReport.summary(month: month, today: month, snapshot: snapshot, rules: world.rules)
        let row = try #require(summary.table.rows.first)
        #expect(summary.table.rows.count == 1 && row[0] == .text("2026-09"))
        #expect(row[1] == .integer(summary.activeUsers) && row[9] == .integer(summary.bots))
        let count = PeopleReport.activeUsers(month: Day("2026-09-20")!, snapshot: snapshot, rules: world.rules)
        #expect(count + summary.bots >= summary.activeUsers && count > 0)
    }

    @Test(arguments: [
        ("0", 0, 0), ("12", 3, 12_000), ("12.5", 3, 12_500), ("0.001", 3, 1), ("9223372036854775807", 0, .max),
    ])
    func `a decimal is a whole number of its last digit`(_ text: String, _ digits: Int, _ value: Int) {
        #expect(DecimalText.value(text, digits: digits) == value)
    }

    @Test(arguments: ["", ".5", "1.", "1.2345", "1,5", "-1", "+1", "1e3", "9223372036854775808", "1.2.3", " 1"])
    func `what is no decimal, or has too many digits, is no number`(_ text: String) {
        #expect(DecimalText.value(text, digits: 3) == nil)
    }

    @Test func `changes are shown by the project's slug, and what adds up to nothing is not`() {
        var changes = UsageChanges()
        let at = Timestamp(microseconds: 1)
        changes.projects = [ProjectName(connection: "acme", id: "p", slug: "github/o/r", name: "r", lastSeen: at)]
        func row(_ project: String, _ count: Int) -> (key: RowKey, change: Tally) {
            (RowReportTests.key([project, "main"]), Tally(values: [count, 0]))
        }
        changes.rows = [.branches: [row("p", 2), row("github/o/r", 3), row("q", 1), row("q", -1)]]
        let shown = changes.shownRows(after: UsageChanges())
        #expect(shown.map(\.key.texts) == [["github/o/r", "main"]])
        #expect(shown.first?.change == Tally(values: [5, 0]) && shown.first?.change != Tally(values: [5, 1]))
        #expect(UsageTable.jobs.sources == [.jobs, .resources] && UsageTable.people.sources == [.people])
        #expect(UsageTable.features.sources == [.features, .jobs, .resources])
    }
}
