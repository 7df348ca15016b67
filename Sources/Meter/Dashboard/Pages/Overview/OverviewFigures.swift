import Usage

extension Overview {
    /// A number that stands out. The names are its own, so that the template does not find those of others.
    struct Figure {
        let label: String
        let figure: String
        var figureNote: String?
        /// Where more is said of it.
        var figurePath: String?
    }

    static func today(_ counts: OverviewCounts) -> [Figure] {
        Overview.figures(counts.days.last?.totals ?? UsageTotals())
    }

    /// - Parameter activeUsers: of this month.
    static func month(_ counts: OverviewCounts, activeUsers: Int) -> [Figure] {
        var figures = Overview.figures(counts.all)
        if let money = counts.all.money {
            figures.append(
                Figure(label: "Cost, \(money.currency)", figure: ReportText.text(.money(money), .money))
            )
        }
        return figures + [
            Figure(label: "Workflow runs", figure: grouped(counts.workflowRuns)),
            Figure(label: "People, this month", figure: grouped(activeUsers), figurePath: "/people"),
        ]
    }

    private static func figures(_ totals: UsageTotals) -> [Figure] {
        [
            Figure(label: "Job runs", figure: grouped(totals.runs)),
            Figure(label: "Succeeded", figure: totals.successShare),
            Figure(label: "Job minutes", figure: grouped(totals.durationMilliseconds / 60_000)),
            Figure(
                label: "Credits",
                figure: ReportText.credits(totals.credits),
                figureNote: CreditsWords.share(
                    settled: totals.creditsSettled,
                    provisional: totals.creditsProvisional
                ),
                figurePath: "/usage"
            ),
        ]
    }
}
