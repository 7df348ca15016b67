import Usage
import Wire

/// Credits day by day, or month by month where the range is long, of the projects that used most; of a chosen project,
/// of its workflows. Minutes where there are no credits.
struct UsageTrend {
    /// Beyond, a bar is a month.
    private static let maximumDayCount = 92
    /// Groups of their own color; the rest is one.
    private static let maximumGroupCount = 6

    let report: Report
    private let isMonthly: Bool
    /// By what the bars are divided.
    private let group: UsageGrouping

    /// - Throws: `invalid_parameter`, which names it.
    init(_ values: [String: String], range: ReportRange, today: Day) throws(MeterError) {
        var asked = values
        group = values["project"].map { $0.isEmpty ? .project : .workflow } ?? .project
        isMonthly = range.dayCount > UsageTrend.maximumDayCount
        asked["group_by"] = "\((isMonthly ? UsageGrouping.month : .day).rawValue),\(group.rawValue)"
        for name in ["limit", "offset", "compare"] { asked[name] = nil }
        report = try Report(.usage, asked, today: today)
    }

    /// Nil where nothing ran.
    ///
    /// - Parameters:
    ///   - groups: what ``report`` adds up to.
    ///   - title: how a project is called, given its slug.
    func chart(
        of snapshot: Snapshot,
        _ groups: UsageReport.Groups?,
        rules: PeopleRules,
        title: (String) -> String
    ) throws(MeterError) -> ChartView? {
        let table = try report.table(of: snapshot, groups, rules: rules)
        let hasCredits = Sums(table).of("credits") != 0
        guard let period = table.column(isMonthly ? "month" : "day"), let name = table.column(group.rawValue),
            let value = table.column(hasCredits ? "credits" : "duration_ms"), !table.rows.isEmpty
        else { return nil }
        let periods = periods
        var places: [String: Int] = [:]
        for (place, label) in periods.enumerated() { places[label] = place }
        var groups: [String: [Int]] = [:]
        for row in table.rows {
            guard let place = places[ReportText.text(row[period], .text)] else { continue }
            let key = ReportText.text(row[name], .text)
            groups[key, default: [Int](repeating: 0, count: periods.count)][place] += row[value].number
        }
        let named = groups.map { Group(name: $0.key, values: $0.value) }
        return ChartView(
            id: "trend",
            title: "\(hasCredits ? "Credits" : "Minutes") by \(isMonthly ? "month" : "day") and \(group.rawValue)",
            heading: isMonthly ? "Month" : "Day",
            labels: periods,
            series: series(named, title: title),
            unit: hasCredits ? .credits : .minutes,
            hasCanvas: true
        )
    }

    private struct Group {
        let name: String
        /// One for each day or month.
        let values: [Int]
        let sum: Int

        init(name: String, values: [Int]) {
            self.name = name
            self.values = values
            sum = values.reduce(0, +)
        }
    }

    /// The greatest groups, and all others as one.
    private func series(_ groups: [Group], title: (String) -> String) -> [ChartView.Series] {
        let sorted = groups.sorted { $0.sum != $1.sum ? $0.sum > $1.sum : $0.name < $1.name }
        let most = sorted.prefix(UsageTrend.maximumGroupCount)
        let titles = most.map { group == .project ? title($0.name) : $0.name }
        var series: [ChartView.Series] = []
        for (index, one) in most.enumerated() {
            // Projects of the same name are told apart by their slugs.
            let isAlone = titles.filter { $0 == titles[index] }.count == 1
            let name = isAlone ? titles[index] : one.name
            series.append(
                ChartView.Series(
                    name: name.isEmpty ? "(without a name)" : name,
                    color: "chart-\(index + 1)",
                    values: one.values
                )
            )
        }
        let rest = sorted.dropFirst(series.count)
        guard let first = rest.first else { return series }
        var values = [Int](repeating: 0, count: first.values.count)
        for one in rest {
            for (place, value) in one.values.enumerated() { values[place] += value }
        }
        series.append(ChartView.Series(name: "\(grouped(rest.count)) others", color: "chart-rest", values: values))
        return series
    }

    /// Every day or month of the range, also those in which nothing ran.
    private var periods: [String] {
        let days = (0..<report.range.dayCount).map { report.range.days.lowerBound.adding(days: $0) }
        guard isMonthly else { return days.map(\.description) }
        return days.enumerated().filter { $0.offset == 0 || $0.element == $0.element.firstOfMonth }
            .map(\.element.month)
    }
}
