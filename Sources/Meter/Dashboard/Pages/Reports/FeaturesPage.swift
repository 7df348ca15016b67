import Usage
import Wire

/// `/features`: what each feature cost and who used it, the machines behind compute, and the jobs whose machine is too
/// large.
struct FeaturesPage: ReportPage {
    private let features: Report
    private let machines: Report
    private let rightSizing: Report
    private let values: [String: String]

    init(_ values: [String: String], today: Day) throws(MeterError) {
        self.values = values
        features = try Report(.features, values, today: today)
        var asked = values
        asked["group_by"] = "machine"
        machines = try Report(.features, asked, today: today)
        asked["group_by"] = nil
        rightSizing = try Report(.rightSizing, asked, today: today)
    }

    var range: ReportRange { features.range }
    var reports: [Report] { [features, rightSizing] }

    func content(
        of snapshot: Snapshot,
        _ groups: [UsageReport.Groups?],
        rules: PeopleRules
    ) throws(MeterError) -> ReportPages.Content {
        var content = ReportPages.Content()
        let table = try features.table(of: snapshot, rules: rules).namingFeatures()
        let sums = Sums(table)
        content.headlines = [unused(table)].compactMap { $0 }
        let advised = try rightSizing.table(of: snapshot, rules: rules)
        let saved = Sums(advised).of("credits_saved")
        content.figures = [
            ReportPages.Figure(
                title: "Credits",
                value: ReportText.credits(sums.of("credits")),
                note: CreditsWords.share(
                    settled: sums.of("credits_settled"),
                    provisional: sums.of("credits_provisional")
                )
            ),
            ReportPages.Figure(title: "Jobs on too large machines", value: grouped(advised.rows.count)),
            ReportPages.Figure(title: "Smaller ones would save", value: "\(ReportText.credits(saved)) credits"),
        ]
        if let money = sums.money {
            content.figures.append(
                ReportPages.Figure(title: "Cost, \(money.currency)", value: ReportText.text(.money(money), .money))
            )
        }
        content.charts = [FeaturesPage.chart(table)].compactMap { $0 }
        content.sections = [
            ReportView(
                table,
                title: "Features",
                hidden: ["state", "currency"],
                csvPath: path(values, under: "/api/v1/features", adding: ["format": "csv"])
            ),
            ReportView(
                FeaturesPage.compute(try machines.table(of: snapshot, rules: rules)),
                title: "Machines behind compute",
                hidden: ["feature", "standing", "last_used", "projects", "currency"],
                csvPath: path(values, under: "/api/v1/features", adding: ["format": "csv", "group_by": "machine"])
            ),
            ReportView(
                advised,
                title: "Jobs whose machine is too large",
                note: "Of every measured run the maximum of CPU and of memory stayed under half of the machine. Months "
                    + "count whole; CircleCI measures no run under 15 seconds.",
                hidden: ["connection", "executor", "cpu_median_pct", "ram_median_pct", "currency"],
                empty: "None is known. How much of a machine was used comes with the usage export.",
                csvPath: path(values, under: "/api/v1/right-sizing", adding: ["format": "csv"])
            ),
        ]
        content.notes = [CreditsWords.note]
        return content
    }

    /// Nil where no feature cost anything.
    private static func chart(_ table: ReportTable) -> ChartView? {
        guard let settled = table.column("credits_settled"), let provisional = table.column("credits_provisional")
        else { return nil }
        let rows = table.rows.filter { $0[settled].number + $0[provisional].number > 0 }
        guard !rows.isEmpty else { return nil }
        return ChartView(
            id: "features",
            title: "Credits by feature",
            heading: "Feature",
            labels: rows.map { ReportText.text($0[0], .text) },
            series: [
                ChartView.Series(name: "Settled", color: "chart-settled", values: rows.map { $0[settled].number }),
                ChartView.Series(
                    name: "Provisional",
                    color: "chart-provisional",
                    values: rows.map { $0[provisional].number }
                ),
            ],
            unit: .credits,
            isHorizontal: true,
            hasCanvas: true
        )
    }

    /// Of all features only compute has a machine.
    private static func compute(_ table: ReportTable) -> ReportTable {
        var machines = ReportTable(columns: table.columns)
        for row in table.rows where row[0] == .text("compute") { machines.append(row) }
        return machines
    }

    private func unused(_ table: ReportTable) -> String? {
        guard let standing = table.column("standing") else { return nil }
        let unused = table.rows.filter { $0[standing] == .text(FeatureReport.Standing.paidUnused.rawValue) }
        guard !unused.isEmpty else { return nil }
        let names = unused.map { nameInSentence(ReportText.text($0[0], .text)) }.joined(separator: ", ")
        return "Paid for and not used in these days: \(names)."
    }
}

extension ReportTable {
    /// Features as people call them, and how they stand in words.
    func namingFeatures() -> ReportTable {
        var named = ReportTable(columns: columns)
        let (feature, standing) = (column("feature"), column("standing"))
        for row in rows {
            var row = row
            if let feature, case .text(let text) = row[feature] {
                row[feature] = .text(FeatureReport.title(of: text))
            }
            if let standing, case .text(let text) = row[standing] {
                row[standing] = .text(text.replacing("_", with: ", "))
            }
            named.append(row)
        }
        return named
    }
}
