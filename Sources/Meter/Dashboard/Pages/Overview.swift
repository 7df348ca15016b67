import Usage
import Wire

/// The values of the overview's template, as texts for people.
struct Overview {
    struct Project {
        let connection: String
        /// The slug.
        let project: String
        /// The display name where the slug does not show it; nil otherwise.
        let name: String?
        let runs: String
        let success: String
        let failed: String
        let canceled: String
        let other: String
        let minutes: String
        let credits: String
        let p50: String
        let p95: String
    }

    struct ConnectionLine {
        let id: String
        let organization: String
        let state: String
        let reason: String
        let since: String
        let projects: String
    }

    /// What somebody has to look at.
    struct AttentionLine {
        let text: String
        /// The rest is of a connection only.
        var connectionID: String?
        var cardPath: String?
        /// Where its key is entered; for admins, where another key is what it needs.
        var formPath: String?
        var formWord: String?
    }

    struct RecordLine {
        let source: String
        let type: String
        let outcome: String
        let records: String
    }

    /// Rows of a table beyond which the rest is only counted.
    private static let maximumProjects = 100

    let tag: String
    let navigation: Navigation
    let attention: [AttentionLine]
    let hasAttention: Bool
    let jobRuns: String
    let successRate: String
    let jobMinutes: String
    let workflowRuns: String
    let people: String
    let credits: String
    /// How many of them are settled.
    let creditsNote: String
    /// In money; nil without a contract.
    let cost: String?
    let currency: String?
    let projects: [Project]
    let hasProjects: Bool
    let moreProjects: String?
    let connections: [ConnectionLine]
    let hasConnections: Bool
    let logRecords: String
    let countedRecords: String
    let records: [RecordLine]
    let quarantined: String?

    init(
        snapshot: Snapshot,
        counts: OverviewCounts,
        activeUsers: Int,
        records: [RecordCount],
        connections: [Connection],
        attention: [AttentionLine],
        durableSequence: Int,
        quarantined: Int,
        tag: String,
        navigation: Navigation
    ) {
        self.tag = tag
        self.navigation = navigation
        self.attention = attention
        hasAttention = !attention.isEmpty
        jobRuns = grouped(counts.all.runs)
        successRate = counts.all.runs > 0 ? "\(counts.all.success * 100 / counts.all.runs) %" : "–"
        jobMinutes = grouped(counts.all.durationMilliseconds / 60_000)
        workflowRuns = grouped(counts.workflowRuns)
        credits = ReportText.credits(counts.all.credits)
        creditsNote = CreditsWords.share(
            settled: counts.all.creditsSettled,
            provisional: counts.all.creditsProvisional
        )
        cost = counts.all.money.map { ReportText.text(.money($0), .money) }
        currency = counts.all.money?.currency
        people = grouped(activeUsers)
        let busiest = counts.projects
        projects = busiest.prefix(Overview.maximumProjects).map { Overview.project($0, in: snapshot) }
        hasProjects = !projects.isEmpty
        moreProjects =
            busiest.count > Overview.maximumProjects ? grouped(busiest.count - Overview.maximumProjects) : nil
        let states = Dictionary(uniqueKeysWithValues: snapshot.connections.map { ($0.state.connection, $0) })
        self.connections = connections.map { connection in
            let known = states[connection.id]
            return ConnectionLine(
                id: connection.id,
                organization: connection.organization,
                state: known.map { Overview.word($0.state.state, $0.state.reason) } ?? "Connected",
                reason: known?.state.reason.replacing("_", with: " ") ?? "",
                since: (known?.state.since ?? connection.addedAt).description,
                projects: grouped(known?.projectCount ?? 0)
            )
        }
        hasConnections = !connections.isEmpty
        logRecords = grouped(durableSequence)
        countedRecords = grouped(snapshot.position?.sequence ?? 0)
        self.records = records.map {
            RecordLine(source: $0.source, type: $0.type, outcome: $0.outcome, records: grouped($0.records))
        }
        self.quarantined = quarantined > 0 ? grouped(quarantined) : nil
    }

    /// The word of the connections' page, for a state as the log tells it.
    private static func word(_ state: String, _ reason: String) -> String {
        ConnectionCondition.State(rawValue: state)
            .map { ConnectionCondition(state: $0, reason: reason, since: Timestamp(microseconds: 0)).word } ?? state
    }

    private static func project(_ counted: OverviewCounts.Project, in snapshot: Snapshot) -> Project {
        let name = snapshot.projectName(connection: counted.connection, slug: counted.project)
        let totals = counted.totals
        return Project(
            connection: counted.connection,
            project: counted.project,
            name: name.isEmpty || counted.project.hasSuffix("/" + name) ? nil : name,
            runs: grouped(totals.runs),
            success: grouped(totals.success),
            failed: grouped(totals.failed),
            canceled: grouped(totals.canceled),
            other: grouped(totals.runs - totals.success - totals.failed - totals.canceled),
            minutes: grouped(totals.durationMilliseconds / 60_000),
            credits: ReportText.credits(totals.credits),
            p50: duration(totals.durations.percentile(50)),
            p95: duration(totals.durations.percentile(95))
        )
    }
}

/// `1 234 567`: groups of three with a narrow space that does not break.
func grouped(_ number: Int) -> String {
    var text = ""
    let digits = String(abs(number))
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0 { text += "\u{202f}" }
        text.append(digit)
    }
    return number < 0 ? "-" + text : text
}

/// A duration in ms as people say it: `850 ms`, `42 s`, `3 min 5 s`, `2 h 10 min`.
func duration(_ milliseconds: Int) -> String {
    let seconds = milliseconds / 1000
    switch seconds {
    case 0: return "\(milliseconds) ms"
    case 1..<60: return "\(seconds) s"
    case 60..<3600: return "\(seconds / 60) min \(seconds % 60) s"
    default: return "\(seconds / 3600) h \(seconds / 60 % 60) min"
    }
}
