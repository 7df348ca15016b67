import Usage
import Wire

/// `/usage`: runs, time and credits by what was chosen, beside the days before, and why the credits changed.
struct UsagePage: ReportPage {
    static let groupings: [(value: String, title: String)] = [
        ("project", "Project"), ("project,workflow", "Workflow"), ("project,workflow,job", "Job"),
        ("project,branch", "Branch"), ("executor,resource_class", "Resource class"), ("day", "Day"),
        ("month", "Month"), ("connection", "Connection"),
    ]
    /// Columns whose values are said by others: the table would be wider than any screen.
    private static let hidden: Set<String> = [
        "failed", "canceled", "success", "duration_ms_before", "credits_settled", "credits_provisional", "runs_before",
        "credits_before", "change_by_runs", "change_by_duration", "change_by_rate", "currency",
    ]

    private let report: Report
    private let trend: UsageTrend
    private let values: [String: String]

    init(_ values: [String: String], today: Day) throws(MeterError) {
        // A form sends what was left empty, too.
        self.values = values.filter { !$0.value.isEmpty }
        var asked = values
        asked["compare"] = "true"
        report = try Report(.usage, asked, today: today)
        trend = try UsageTrend(values, range: report.range, today: today)
    }

    var range: ReportRange { report.range }
    var reports: [Report] { [report, trend.report] }

    func content(
        of snapshot: Snapshot,
        _ groups: [UsageReport.Groups?],
        rules: PeopleRules
    ) throws(MeterError) -> ReportPages.Content {
        let table = try report.table(of: snapshot, groups[0], rules: rules)
        var content = ReportPages.Content()
        let sums = Sums(table)
        content.headlines = [headline(table, snapshot)].compactMap { $0 }
        content.figures = [
            ReportPages.Figure(title: "Job runs", value: grouped(sums.of("runs"))),
            ReportPages.Figure(title: "Time", value: duration(sums.of("duration_ms"))),
        ]
        if table.column("credits") != nil {
            content.figures += [
                ReportPages.Figure(
                    title: "Credits",
                    value: ReportText.credits(sums.of("credits")),
                    note: CreditsWords.share(
                        settled: sums.of("credits_settled"),
                        provisional: sums.of("credits_provisional")
                    )
                ),
                ReportPages.Figure(
                    title: "Against the \(range.dayCount) days before",
                    value: ReportText.change(from: sums.of("credits_before"), to: sums.of("credits")),
                    note: "\(ReportText.credits(sums.of("credits_before"))) credits then"
                ),
            ]
        }
        if let money = sums.money {
            content.figures.append(
                ReportPages.Figure(title: "Cost, \(money.currency)", value: ReportText.text(.money(money), .money))
            )
        }
        let chart = try trend.chart(of: snapshot, groups[1], rules: rules) { projectTitle($0, snapshot) }
        content.charts = [chart].compactMap { $0 }
        content.sections = [
            ReportView(
                table,
                title: values["project"].map { "In \(nameInSentence(projectTitle($0, snapshot)))" } ?? "By \(chosen)",
                hidden: UsagePage.hidden.union(values["project"] == nil ? [] : ["project"]),
                csvPath: path(values, under: "/api/v1/usage", adding: ["compare": "true", "format": "csv"]),
                link: { column, row in
                    guard column == "project", values["project"] == nil, let place = table.column("project"),
                        case .text(let project) = row[place]
                    else { return nil }
                    return path(values, under: "/usage", adding: ["project": project, "group_by": "workflow,job"])
                }
            )
        ]
        content.notes = [
            CreditsWords.note,
            "A change has three parts: more or fewer runs, longer or shorter runs, and more or fewer credits for a minute.",
        ]
        return content
    }

    /// What used the most, and why it is more or less than before.
    private func headline(_ table: ReportTable, _ snapshot: Snapshot) -> String? {
        guard let credits = table.column("credits"), let change = table.column("credits_change"),
            let reason = table.column("change_reason"),
            let most = table.rows.max(by: { $0[credits].number < $1[credits].number }), most[credits].number > 0
        else { return nil }
        let keys = table.columns.prefix { $0.name != "runs" }
        let names = zip(keys, most).compactMap { column, value -> String? in
            guard case .text(let text) = value, column.name != "project_name" else { return nil }
            if column.name == "project" { return nameInSentence(projectTitle(text, snapshot)) }
            return text.isEmpty ? nil : nameInSentence(text)
        }
        var text = "\(names.joined(separator: ", ")) used the most: \(ReportText.credits(most[credits].number)) credits"
        let difference = most[change].number
        if difference != 0, case .text(let why) = most[reason] {
            text += ", \(ReportText.credits(abs(difference))) \(difference > 0 ? "more" : "fewer") than in the "
            text += "\(range.dayCount) days before, mostly because of \(why)"
        }
        return text + "."
    }

    /// What the rows are about, in words.
    private var chosen: String {
        let groupBy = values["group_by"].flatMap { $0.isEmpty ? nil : $0 } ?? UsagePage.groupings[0].value
        let title = UsagePage.groupings.first { $0.value == groupBy }?.title ?? groupBy.replacing(",", with: ", ")
        return title.lowercased().replacing("_", with: " ")
    }

    private func projectTitle(_ slug: String, _ snapshot: Snapshot) -> String {
        snapshot.projectTitle(slug, connection: range.connection)
    }
}
