import Usage
import Wire

/// `/people`: who made compute run in a month, who is new, and how many it will have been at its end.
struct PeoplePage: ReportPage {
    private let report: Report
    private let values: [String: String]

    init(_ values: [String: String], today: Day) throws(MeterError) {
        self.values = values
        report = try Report(.people, values, today: today)
    }

    var range: ReportRange { report.range }
    var reports: [Report] { [report] }

    func content(
        of snapshot: Snapshot,
        _ groups: [UsageReport.Groups?],
        rules: PeopleRules
    ) throws(MeterError) -> ReportPages.Content {
        var content = ReportPages.Content()
        let table = try report.table(of: snapshot, rules: rules)
        guard let summary = report.summary(of: snapshot, rules: rules) else { return content }
        content.headlines = [PeoplePage.headline(summary)]
        content.figures = [
            ReportPages.Figure(
                title: "Active users",
                value: grouped(summary.activeUsers),
                note: summary.bots > 0 ? "and \(grouped(summary.bots)) programs" : nil
            ),
            ReportPages.Figure(title: "Expected by the month's end", value: grouped(summary.forecast.activeUsers)),
            ReportPages.Figure(title: "New", value: grouped(summary.new)),
            ReportPages.Figure(title: "Gone since the month before", value: grouped(summary.gone)),
            ReportPages.Figure(
                title: "Not registered",
                value: grouped(summary.unregistered),
                note: summary.unknown > 0 ? "of \(grouped(summary.unknown)) it is not known yet" : nil
            ),
        ]
        content.sections = [
            section(table, title: "New this month", where: { $0.isNew && !$0.isBot }, empty: "Nobody."),
            section(table, title: "All people", where: { !$0.isBot }, empty: "Nobody was active in this month."),
            section(table, title: "Programs", where: \.isBot, empty: "None."),
        ].filter { $0.title != "Programs" || $0.hasRows }
        // In the first month everybody is new, and one list says it.
        if summary.new == summary.activeUsers { content.sections.removeAll { $0.title == "New this month" } }
        content.notes = [
            "CircleCI bills everybody who triggers a pipeline, registered or not. A person is counted once: names are merged "
                + "by rules and by people.json in the data directory.",
            "Who is registered, and who pressed the button where no commit says it, comes with the usage export.",
        ]
        return content
    }

    private struct Row {
        var isNew: Bool
        var isBot: Bool
    }

    private func section(
        _ table: ReportTable,
        title: String,
        where isShown: (Row) -> Bool,
        empty: String
    ) -> ReportView {
        var part = ReportTable(columns: table.columns)
        let (isNew, kind) = (table.column("is_new"), table.column("kind"))
        for row in table.rows {
            let shown = Row(
                isNew: isNew.map { row[$0] == .bool(true) } ?? false,
                isBot: kind.map { row[$0] == .text("bot") } ?? false
            )
            if isShown(shown) { part.append(row) }
        }
        return ReportView(
            part,
            title: title,
            hidden: ["month", "kind"],
            empty: empty,
            csvPath: path(values, under: "/api/v1/people", adding: ["format": "csv"])
        )
    }

    private static func headline(_ summary: PeopleSummary) -> String {
        let isOver = summary.through >= summary.month.adding(days: 31).firstOfMonth.adding(days: -1)
        if summary.activeUsers == 0 { return isOver ? "Nobody was active." : "Nobody was active so far." }
        func people(_ count: Int) -> String { count == 1 ? "1 person" : "\(grouped(count)) people" }
        var text = "\(people(summary.activeUsers)) \(summary.activeUsers == 1 ? "was" : "were") active"
        text += isOver ? "" : " so far"
        if summary.new > 0 { text += ", \(grouped(summary.new)) of them for the first time" }
        if !isOver { text += "; about \(grouped(summary.forecast.activeUsers)) by the end of the month" }
        return text + "."
    }
}
