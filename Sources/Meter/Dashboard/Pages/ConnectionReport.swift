import Wire

/// The values of the template `connection-report`: what was done or seen, project by project.
struct ConnectionReport {
    struct Row {
        let slug: String
        let outcome: String
        let rowTone: String
    }

    /// What is left to be done by hand at CircleCI, for a connection without a key.
    struct ByHand {
        let webhookURL: String
        let isWholeURL: Bool
    }

    let navigation: Navigation
    let heading: String
    let lines: [String]
    let listingProblem: String?
    let rows: [Row]
    let hasRows: Bool
    let rowHeading: String
    var byHand: ByHand?
    /// Whether the form that repairs hooks is offered.
    var offersRepair = false
    let connectionID: String
    /// Nil where there is no card any more.
    let cardPath: String?

    private init(
        _ heading: String,
        _ connectionID: String,
        lines: [String],
        rows: [Row],
        rowHeading: String = "What was done",
        listingProblem: String? = nil,
        hasCard: Bool = true,
        navigation: Navigation
    ) {
        self.navigation = navigation
        self.heading = heading
        self.lines = lines
        self.listingProblem = listingProblem.map {
            "The projects that the key's owner follows could not be listed: \(CircleCIWords.reason($0))."
        }
        self.rows = rows
        hasRows = !rows.isEmpty
        self.rowHeading = rowHeading
        self.connectionID = connectionID
        cardPath = hasCard ? ConnectionsPage.path(to: connectionID) : nil
    }

    /// - Parameter webhookPath: Where webhooks are taken, for who makes them by hand.
    init(connect report: ConnectReport, webhookPath: String, navigation: Navigation) {
        let id = report.hooks.connection
        guard let login = report.login else {
            self.init("\(id) takes webhooks", id, lines: [], rows: [], navigation: navigation)
            byHand = ByHand(
                webhookURL: report.hooks.hookURL ?? webhookPath,
                isWholeURL: report.hooks.hookURL != nil
            )
            return
        }
        let good = report.hooks.projects.count(where: \.outcome.isGood)
        let all = report.hooks.projects.count
        var lines = ["The key of \(login) is accepted, and sees \(report.organization)."]
        lines.append(
            all == 0
                ? "No project was found. Name projects, or follow them at CircleCI."
                : "\(good) of \(ConnectionReport.count(all, "project")) \(good == 1 ? "has" : "have") a webhook that leads here."
        )
        lines.append("The last 30 days are filled in now; the card shows how far that is.")
        self.init(
            "\(id) is connected",
            id,
            lines: lines,
            rows: ConnectionReport.rows(report.hooks),
            listingProblem: report.hooks.listingProblem,
            navigation: navigation
        )
    }

    init(repair report: HooksReport, navigation: Navigation) {
        self.init(
            report.isGood ? "The webhooks of \(report.connection) are right" : "Some webhooks could not be repaired",
            report.connection,
            lines: report.projects.isEmpty ? ["No project was found."] : [],
            rows: ConnectionReport.rows(report),
            listingProblem: report.listingProblem,
            navigation: navigation
        )
    }

    init(rotation report: RotationReport, now: Timestamp, navigation: Navigation) {
        let lines: [String]
        if let end = report.previousValidUntil {
            lines = [
                "Every webhook signs with the new secret.",
                "The old one counts until \(ShownTime(end, now: now).minute), for deliveries that are on their way.",
            ]
        } else {
            lines = [
                "Not every webhook could be told the new secret, so the old one stays valid: no delivery is refused.",
                "Rotate again to finish; the same new secret is used.",
            ]
        }
        self.init(
            report.isFinished ? "The secret of \(report.hooks.connection) is new" : "The rotation is not finished",
            report.hooks.connection,
            lines: lines,
            rows: ConnectionReport.rows(report.hooks),
            listingProblem: report.hooks.listingProblem,
            navigation: navigation
        )
    }

    init(removal report: HooksReport, navigation: Navigation) {
        self.init(
            "\(report.connection) is removed",
            report.connection,
            lines: ["Its key and secrets are gone; what is on the log stays. Its deliveries are refused from now on."],
            rows: ConnectionReport.rows(report),
            hasCard: false,
            navigation: navigation
        )
    }

    init(drift: [HookDrift], of id: String, navigation: Navigation) {
        let wrong = drift.count { !$0.isGood }
        self.init(
            "Webhooks of \(id) at CircleCI",
            id,
            lines: [
                drift.isEmpty
                    ? "No project was found."
                    : wrong == 0
                        ? "All are as they should be."
                        : "\(wrong) of \(ConnectionReport.count(drift.count, "project")) \(wrong == 1 ? "differs" : "differ") from what they should be."
            ],
            rows: drift.map { drift in
                Row(
                    slug: drift.slug,
                    outcome: drift.isGood ? "As it should be" : drift.problems.map(\.sentence).joined(separator: ". "),
                    rowTone: drift.isGood ? "good" : "warning"
                )
            },
            rowHeading: "Webhook",
            navigation: navigation
        )
        offersRepair = wrong > 0
    }

    private static func rows(_ report: HooksReport) -> [Row] {
        report.projects.map {
            Row(slug: $0.slug, outcome: $0.outcome.sentence, rowTone: $0.outcome.isGood ? "good" : "warning")
        }
    }

    private static func count(_ count: Int, _ noun: String) -> String {
        "\(grouped(count)) \(noun)\(count == 1 ? "" : "s")"
    }
}
