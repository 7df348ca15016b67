import Usage
import Wire

extension Overview {
    /// Job runs and credits, day by day.
    static func charts(_ days: [OverviewCounts.DayCounts], hasCanvas: Bool) -> [ChartView] {
        let labels = days.map(\.day.description)
        func series(_ name: String, _ color: String, _ value: (UsageTotals) -> Int) -> ChartView.Series {
            ChartView.Series(name: name, color: color, values: days.map { value($0.totals) })
        }
        return [
            ChartView(
                id: "runs",
                title: "Job runs by day",
                heading: "Day",
                labels: labels,
                series: [
                    series("Succeeded", "chart-success", \.success), series("Failed", "chart-failed", \.failed),
                    series("Canceled", "chart-canceled", \.canceled), series("Other", "chart-other", \.other),
                ],
                unit: .count,
                more: [("Minutes", days.map { grouped($0.totals.durationMilliseconds / 60_000) })],
                hasCanvas: hasCanvas
            ),
            ChartView(
                id: "credits",
                title: "Credits by day",
                heading: "Day",
                labels: labels,
                series: [
                    series("Settled", "chart-settled", \.creditsSettled),
                    series("Provisional", "chart-provisional", \.creditsProvisional),
                ],
                unit: .credits,
                hasCanvas: hasCanvas
            ),
        ]
    }
}

extension UsageTotals {
    /// Runs that ended otherwise.
    var other: Int { runs - success - failed - canceled }

    /// The share of runs that succeeded, rounded down so that 100 % means all; a dash where nothing ran.
    var successShare: String { share(success, of: runs) }
}

/// In percent, rounded down so that 100 % means all; a dash where there is nothing to share.
func share(_ part: Int, of whole: Int) -> String {
    if whole == 0 { return "–" }
    let percent = part * 100 / whole
    return percent == 0 && part > 0 ? "under 1 %" : "\(percent) %"
}
