import Wire

/// What was used of CircleCI's features and what that cost: runs, minutes, credits, projects and people of each, when it
/// was last used, and whether it is paid for and not used.
public enum FeatureReport {
    /// The features that CircleCI bills, each a column of its usage export.
    public static let known = [
        "compute", "dlc", "user", "storage", "network", "lease", "lease_overage", "ipranges",
    ]

    /// As people read it; an unknown feature's own name.
    public static func title(of feature: String) -> String {
        switch feature {
        case "compute": "Compute"
        case "dlc": "Docker layer caching"
        case "user": "Users"
        case "storage": "Storage"
        case "network": "Network"
        case "lease": "Lease"
        case "lease_overage": "Lease overage"
        case "ipranges": "IP ranges"
        case "unattributed": "Not attributed"
        default: feature
        }
    }

    /// How a feature stands in a range of days.
    public enum Standing: String, Sendable {
        case used
        /// Credits were charged, and no run of it lasted any time.
        case paidUnused = "paid_unused"
        /// Used before the range, not in it.
        case dormant
        /// Never seen in any day that the snapshot holds.
        case never
    }

    /// What each feature's rows are told apart by.
    public enum Detail: String, CaseIterable, Sendable {
        case feature
        case machine
        case project
        case day
    }

    /// - Parameters:
    ///   - snapshot: with all days, so that what was used before is known; those of the range at least.
    ///   - rules: by which the names of people are merged.
    public static func table(
        _ range: ReportRange,
        by detail: Detail,
        of snapshot: Snapshot,
        rules: PeopleRules = PeopleRules()
    ) -> ReportTable {
        var groups: [GroupKey: Use] = [:]
        for row in snapshot[.features] where ReportRange.matches(row.key, connection: range.connection) {
            var texts = [row.key.texts[1]]
            switch detail {
            case .feature: break
            case .machine: texts += row.key.texts[2...4]
            case .project: texts.append(row.key.texts[0])
            case .day: texts.append(row.key.day.description)
            }
            groups[GroupKey(texts: texts), default: Use()].add(row, range, snapshot.rateCard)
        }
        let people = hasPeople(detail) ? people(range, by: detail, snapshot, rules) : [:]
        if detail == .feature {
            for key in known.map({ GroupKey(texts: [$0]) }) where groups[key] == nil { groups[key] = Use() }
        }
        var table = ReportTable(columns: columns(detail))
        for (key, use) in groups.sorted(by: { $0.key < $1.key }) {
            guard use.standing != .dormant || detail == .feature else { continue }
            var row = key.texts.map { ReportTable.Value.text($0) }
            row += [
                .integer(use.totals.runs), .integer(use.totals.durationMilliseconds), .integer(use.projects.count),
            ]
            if hasPeople(detail) {
                // Who used it is known once it is settled.
                let count = people[key]?.count
                row.append(ReportTable.Value(count ?? (use.totals.creditsProvisional == 0 ? 0 : nil)))
            }
            row += CreditsColumns.values(use.totals)
            row += [.text(use.standing.rawValue), ReportTable.Value(use.lastUsed?.description)]
            table.append(row)
        }
        if detail != .day, let credits = table.column("credits") { table.sort(by: credits) }
        return table
    }

    private static func columns(_ detail: Detail) -> [ReportTable.Column] {
        var columns = [ReportTable.Column("feature", .text, "Feature")]
        switch detail {
        case .feature: break
        case .machine:
            columns += [
                ReportTable.Column("resource_class", .text, "Resource class"),
                ReportTable.Column("executor", .text, "Executor"),
                ReportTable.Column("operating_system", .text, "Operating system"),
            ]
        case .project: columns.append(ReportTable.Column("project", .text, "Project"))
        case .day: columns.append(ReportTable.Column("day", .day, "Day"))
        }
        columns += [
            ReportTable.Column("runs", .count, "Runs"), ReportTable.Column("duration_ms", .milliseconds, "Time"),
            ReportTable.Column("projects", .count, "Projects"),
        ]
        if hasPeople(detail) { columns.append(ReportTable.Column("people", .count, "People")) }
        return columns + CreditsColumns.columns + [
            ReportTable.Column("standing", .text, "Standing"), ReportTable.Column("last_used", .day, "Last used"),
        ]
    }

    /// Who used a feature is kept by day, not by project or machine.
    private static func hasPeople(_ detail: Detail) -> Bool { detail == .feature || detail == .day }

    /// The persons, each once and programs apart, who used each feature in the range.
    private static func people(
        _ range: ReportRange,
        by detail: Detail,
        _ snapshot: Snapshot,
        _ rules: PeopleRules
    ) -> [GroupKey: Set<Int>] {
        let merge = PeopleActivity(snapshot, connection: range.connection, rules: rules).merge
        var people: [GroupKey: Set<Int>] = [:]
        for row in snapshot[.featurePeople] where range.contains(row.key) {
            guard let person = merge[PersonIdentity(row.key.texts[1])], !merge.persons[person].isBot else { continue }
            let texts = [row.key.texts[0]] + (detail == .day ? [row.key.day.description] : [])
            people[GroupKey(texts: texts), default: []].insert(person)
        }
        return people
    }

    /// The use of one group.
    private struct Use {
        var totals = UsageTotals()
        var projects: Set<GroupKey> = []
        var lastUsed: Day?

        mutating func add(_ row: Snapshot.Row, _ range: ReportRange, _ rateCard: RateCard) {
            guard row.key.day <= range.days.upperBound else { return }
            if row.tally[FeatureColumn.runs] > 0 { lastUsed = max(lastUsed ?? row.key.day, row.key.day) }
            guard range.contains(row.key) else { return }
            totals.add(row, of: .features, rateCard: rateCard)
            projects.insert(GroupKey(texts: [row.key.connection, row.key.texts[0]]))
        }

        var standing: Standing {
            if totals.credits != 0, totals.durationMilliseconds == 0 { return .paidUnused }
            if totals.runs > 0 || totals.credits != 0 { return .used }
            return lastUsed == nil ? .never : .dormant
        }
    }
}
