import Usage
import Wire

/// `/coverage`: who told of the runs, what is missing, and which days are settled.
struct CoveragePage: ReportPage {
    private let report: Report
    private let settlements: Report
    private let values: [String: String]

    init(_ values: [String: String], today: Day) throws(MeterError) {
        self.values = values
        report = try Report(.coverage, values, today: today)
        settlements = try Report(.settlements, values, today: today)
    }

    var range: ReportRange { report.range }
    var reports: [Report] { [report, settlements] }

    func content(
        of snapshot: Snapshot,
        _ groups: [UsageReport.Groups?],
        rules: PeopleRules
    ) throws(MeterError) -> ReportPages.Content {
        var content = ReportPages.Content()
        let table = try report.table(of: snapshot, rules: rules)
        let sums = Sums(table)
        let (runs, missing) = (sums.of("runs"), sums.of("missing"))
        content.headlines = [
            missing == 0
                ? "Nothing is known to be missing in these days."
                : "CircleCI names \(grouped(missing)) runs or pipelines that could not be fetched."
        ]
        content.figures = [
            ReportPages.Figure(title: "Job runs", value: grouped(runs)),
            ReportPages.Figure(title: "Told by a webhook", value: CoveragePage.share(sums.of("webhook"), of: runs)),
            ReportPages.Figure(title: "Filled in by the API", value: grouped(sums.of("api_only"))),
            ReportPages.Figure(title: "By the usage export alone", value: grouped(sums.of("export_only"))),
            ReportPages.Figure(title: "Settled", value: CoveragePage.share(sums.of("settled"), of: runs)),
            ReportPages.Figure(title: "Missing", value: grouped(missing)),
        ]
        content.calendar = CoverageCalendar(table, days: range.days, csvPath: csvPath)
        let sorted = newestFirst(table)
        content.sections = [
            ReportView(
                sorted,
                title: "Projects and days",
                csvPath: csvPath,
                link: { column, row in column == "day" ? logPath(sorted, row) : nil }
            )
        ]
        let settled = try settlements.table(of: snapshot, rules: rules)
        if !settled.rows.isEmpty {
            content.sections.append(
                ReportView(
                    newestFirst(settled),
                    title: "Provisional credits beside settled ones",
                    note:
                        "How far off the provisional figure of the settled runs was, and what the difference is made of.",
                    hidden: ["difference_by_machines", "difference_by_rates", "difference_by_features"],
                    csvPath: path(values, under: "/api/v1/settlements", adding: ["format": "csv"])
                )
            )
        }
        content.notes = [
            "A day is closed once a usage export that was made after it holds it completely: then nothing of it is missing.",
            "Corrections count how often an export said otherwise than one before.",
        ]
        return content
    }

    func missing(_ parts: MeterParts, _ context: DashboardContext) async throws -> MissingList? {
        try await MissingList.read(report.filter, parts, context)
    }

    private var csvPath: String { path(values, under: "/api/v1/coverage", adding: ["format": "csv"]) }

    private func logPath(_ table: ReportTable, _ row: [ReportTable.Value]) -> String? {
        guard let project = table.column("project"), let day = table.column("day"),
            case .text(let slug) = row[project], case .text(let text) = row[day], let date = Day(text)
        else { return nil }
        return CoverageCalendar.logPath(slug, date...date)
    }

    private func newestFirst(_ table: ReportTable) -> ReportTable {
        var sorted = ReportTable(columns: table.columns)
        guard let day = table.column("day") else { return table }
        let missing = table.column("missing")
        let rows = table.rows.enumerated().sorted { first, second in
            let (mine, theirs) = (
                missing.map { first.element[$0].number > 0 } ?? false,
                missing.map { second.element[$0].number > 0 } ?? false
            )
            if mine != theirs { return mine }
            let days = (ReportText.text(first.element[day], .day), ReportText.text(second.element[day], .day))
            return days.0 != days.1 ? days.0 > days.1 : first.offset < second.offset
        }
        for row in rows { sorted.append(row.element) }
        return sorted
    }

    /// Rounded down, so that 100 % means all.
    private static func share(_ part: Int, of whole: Int) -> String {
        whole == 0 ? "–" : "\(part * 100 / whole) %"
    }
}
