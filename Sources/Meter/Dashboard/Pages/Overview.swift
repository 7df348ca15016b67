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
        rules: PeopleRules,
        from: Day,
        today: Day,
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
        let totals = ProjectTotals(snapshot, from: from, through: today)
        jobRuns = grouped(totals.all.runs)
        successRate = totals.all.runs > 0 ? "\(totals.all.success * 100 / totals.all.runs) %" : "–"
        jobMinutes = grouped(totals.all.milliseconds / 60_000)
        workflowRuns = grouped(totals.workflowRuns)
        credits = ReportText.credits(totals.all.creditsSettled + totals.all.creditsProvisional)
        creditsNote = CreditsWords.share(
            settled: totals.all.creditsSettled,
            provisional: totals.all.creditsProvisional
        )
        cost = totals.all.cost.money.map { ReportText.text(.money($0), .money) }
        currency = totals.all.cost.money?.currency
        people = grouped(
            PeopleReport.summary(month: today, today: today, snapshot: snapshot, rules: rules).activeUsers
        )
        let busiest = totals.projects.sorted { $0.value.milliseconds > $1.value.milliseconds }
        projects = busiest.prefix(Overview.maximumProjects).map { Overview.project($0.key, $0.value, in: snapshot) }
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

    private static func project(
        _ key: ProjectTotals.Key,
        _ totals: ProjectTotals.Totals,
        in snapshot: Snapshot
    ) -> Project {
        let name = snapshot.projectName(connection: key.connection, slug: key.project)
        return Project(
            connection: key.connection,
            project: key.project,
            name: name.isEmpty || key.project.hasSuffix("/" + name) ? nil : name,
            runs: grouped(totals.runs),
            success: grouped(totals.success),
            failed: grouped(totals.failed),
            canceled: grouped(totals.canceled),
            other: grouped(totals.runs - totals.success - totals.failed - totals.canceled),
            minutes: grouped(totals.milliseconds / 60_000),
            credits: ReportText.credits(totals.creditsSettled + totals.creditsProvisional),
            p50: duration(totals.durations.percentile(50)),
            p95: duration(totals.durations.percentile(95))
        )
    }
}

/// Job rows of a range of days, added up by project.
struct ProjectTotals {
    struct Key: Hashable {
        let connection: String
        let project: String
    }

    struct Totals {
        var runs = 0
        var success = 0
        var failed = 0
        var canceled = 0
        var milliseconds = 0
        /// Thousandths of a credit.
        var creditsSettled = 0
        var creditsProvisional = 0
        var cost = Cost()
        var durations = Histogram()
    }

    private(set) var all = Totals()
    private(set) var projects: [Key: Totals] = [:]
    private(set) var workflowRuns = 0

    init(_ snapshot: Snapshot, from: Day, through last: Day) {
        let days = from...last
        for row in snapshot[.jobs] where days.contains(row.key.day) {
            let runs = UsageTable.jobs.runs(row.tally)
            let key = Key(connection: row.key.connection, project: row.key.texts[0])
            let settled = row.tally[ProjectTotals.settledColumn]
            let provisional = row.tally[ProjectTotals.provisionalColumn]
            all.cost.add(thousandths: settled + provisional, on: row.key.day, snapshot.rateCard)
            ProjectTotals.add(row.tally, runs: runs, to: &projects[key, default: Totals()])
            ProjectTotals.add(row.tally, runs: runs, to: &all)
        }
        for row in snapshot[.workflows] where days.contains(row.key.day) {
            workflowRuns += UsageTable.workflows.runs(row.tally)
        }
    }

    private static let settledColumn = UsageTable.jobs.column("credits_settled")
    /// Derived, and so behind the stored ones.
    private static let provisionalColumn = UsageTable.jobs.valueColumns.count

    private static func add(_ tally: Tally, runs: Int, to totals: inout Totals) {
        totals.creditsSettled += tally[settledColumn]
        totals.creditsProvisional += tally[provisionalColumn]
        totals.runs += runs
        totals.success += tally[UsageTable.jobs.column("success")]
        totals.failed += tally[UsageTable.jobs.column("failed")]
        totals.canceled += tally[UsageTable.jobs.column("canceled")]
        totals.milliseconds += tally[UsageTable.jobs.column("duration_ms")]
        totals.durations.add(tally.durations)
    }
}

extension UsageTable {
    /// The place of a value that the table has.
    func column(_ name: String) -> Int {
        guard let column = valueColumns.firstIndex(of: name) else { preconditionFailure("\(rawValue) has no \(name)") }
        return column
    }

    /// The runs of a row of jobs or workflows, which stand before the duration by status.
    func runs(_ tally: Tally) -> Int {
        (0..<column("duration_ms")).reduce(0) { $0 + tally[$1] }
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
