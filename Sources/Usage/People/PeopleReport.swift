public import Wire

/// Who made compute run in a month (UTC): everybody who wrote a commit that ran or who triggered a pipeline, with and
/// without an account at CircleCI, every person once however many names the log has for it.
public enum PeopleReport {
    /// One row for each person and program that was active in the month, those with most job runs first.
    ///
    /// - `jobs`, `workflows`: runs, each counted for one person: its commit's author, else who triggered it.
    /// - `authored`: job runs of commits that the person wrote.
    /// - `triggered`: job runs of pipelines that the person triggered. The API knows some of them and the usage export
    ///   others, and which are the same is not kept: of each day the greater number counts, so that none counts twice.
    /// - `registered`: whether the usage export calls the triggering user registered; none where it has not spoken.
    /// - `is_new`: not active in any earlier month that the snapshot holds.
    /// - `credits_settled`: of runs that the person triggered, else wrote, as the usage export has them.
    ///
    /// - Parameters:
    ///   - month: Any day of it.
    ///   - connection: Nil: all.
    ///   - snapshot: With the days before the month, too.
    public static func table(
        month: Day,
        connection: String? = nil,
        snapshot: Snapshot,
        rules: PeopleRules = PeopleRules()
    ) -> ReportTable {
        let month = month.firstOfMonth
        let activity = PeopleActivity(snapshot, connection: connection, rules: rules)
        let totals = activity.totals(of: month)
        var table = ReportTable(columns: columns)
        let persons = totals.keys.sorted {
            let (mine, theirs) = (activity.merge.persons[$0], activity.merge.persons[$1])
            return mine.name.hasBytes(of: theirs.name) ? $0 < $1 : mine.name.precedesInBytes(theirs.name)
        }
        for index in persons {
            guard let total = totals[index] else { continue }
            let person = activity.merge.persons[index]
            table.append([
                .text(month.month), .text(person.name), .integer(person.identities.count),
                .text(person.isBot ? "bot" : "person"), ReportTable.Value(total.isRegistered),
                .bool(activity.isNew(index, in: month)), .integer(total.jobs), .integer(total.workflows),
                .integer(total.days.count), .integer(total.authored), .integer(total.triggered),
                .integer(total.creditsSettled), ReportTable.Value(total.days.max()?.description),
            ])
        }
        if let jobs = table.column("jobs") { table.sort(by: jobs) }
        return table
    }

    private static let columns = [
        ReportTable.Column("month", .day, "Month"), ReportTable.Column("person", .text, "Person"),
        ReportTable.Column("identities", .count, "Names"), ReportTable.Column("kind", .text, "Kind"),
        ReportTable.Column("registered", .bool, "Registered"), ReportTable.Column("is_new", .bool, "New"),
        ReportTable.Column("jobs", .count, "Jobs"), ReportTable.Column("workflows", .count, "Workflows"),
        ReportTable.Column("active_days", .count, "Active days"), ReportTable.Column("authored", .count, "Authored"),
        ReportTable.Column("triggered", .count, "Triggered"),
        ReportTable.Column("credits_settled", .credits, "Credits settled"),
        ReportTable.Column("last_active", .day, "Last active"),
    ]

    /// The month in numbers, and where it is likely to end.
    ///
    /// - Parameters:
    ///   - month: Any day of it.
    ///   - today: The last day that has begun: what is forecast is the rest of the month behind it.
    ///   - connection: Nil: all.
    ///   - snapshot: With the days before the month, too.
    public static func summary(
        month: Day,
        today: Day,
        connection: String? = nil,
        snapshot: Snapshot,
        rules: PeopleRules = PeopleRules()
    ) -> PeopleSummary {
        let month = month.firstOfMonth
        let activity = PeopleActivity(snapshot, connection: connection, rules: rules)
        let totals = activity.totals(of: month)
        let people = totals.filter { !activity.merge.persons[$0.key].isBot }
        var summary = PeopleSummary(month: month, through: min(today, month.lastOfMonth))
        summary.activeUsers = people.count
        summary.bots = totals.count - people.count
        summary.registered = people.values.count { $0.isRegistered == true }
        summary.unregistered = people.values.count { $0.isRegistered == false }
        summary.unknown = people.values.count { $0.isRegistered == nil }
        summary.new = people.keys.count { activity.isNew($0, in: month) }
        let before = activity.activePeople(in: month.monthBefore)
        summary.gone = before.count { totals[$0] == nil }
        summary.forecast = PeopleForecast(
            firstDays: { activity.firstDays(in: $0) },
            month: month,
            through: summary.through
        )
        return summary
    }

    /// ``PeopleSummary/activeUsers`` alone.
    /// - Parameter snapshot: with all names of the days; of how often each stands there nothing is needed.
    public static func activeUsers(month: Day, snapshot: Snapshot, rules: PeopleRules = PeopleRules()) -> Int {
        PeopleActivity(snapshot, connection: nil, rules: rules).activePeople(in: month.firstOfMonth).count
    }
}

/// A month's people in numbers.
public struct PeopleSummary: Hashable, Sendable {
    /// Its first day.
    public let month: Day
    /// The last day of it that is counted; before ``month`` where it has not begun.
    public let through: Day
    /// Persons that were active; programs are not among them.
    public internal(set) var activeUsers = 0
    public internal(set) var bots = 0
    /// Of ``activeUsers``, those with an account at CircleCI, without, and those of whom no usage export has spoken.
    public internal(set) var registered = 0
    public internal(set) var unregistered = 0
    public internal(set) var unknown = 0
    /// Of ``activeUsers``, those in no earlier month.
    public internal(set) var new = 0
    /// Persons that were active in the month before and not in this one so far.
    public internal(set) var gone = 0
    /// The month's active users at its end.
    public internal(set) var forecast = PeopleForecast(activeUsers: 0, method: .ended)

    init(month: Day, through: Day) {
        self.month = month
        self.through = through
    }

    /// As a table of one row.
    public var table: ReportTable {
        var table = ReportTable(columns: [
            ReportTable.Column("month", .day, "Month"), ReportTable.Column("active_users", .count, "Active users"),
            ReportTable.Column("forecast", .count, "Expected by its end"),
            ReportTable.Column("forecast_method", .text, "Method"),
            ReportTable.Column("registered", .count, "Registered"),
            ReportTable.Column("unregistered", .count, "Unregistered"),
            ReportTable.Column("unknown", .count, "Unknown"),
            ReportTable.Column("new", .count, "New"), ReportTable.Column("gone", .count, "Gone"),
            ReportTable.Column("bots", .count, "Bots"),
        ])
        table.append([
            .text(month.month), .integer(activeUsers), .integer(forecast.activeUsers),
            .text(forecast.method.rawValue), .integer(registered), .integer(unregistered), .integer(unknown),
            .integer(new), .integer(gone), .integer(bots),
        ])
        return table
    }
}

extension Day {
    // The first and 31 days later are always in neighbouring months.
    var lastOfMonth: Day { firstOfMonth.adding(days: 31).firstOfMonth.adding(days: -1) }
    /// The first day of the month before.
    var monthBefore: Day { firstOfMonth.adding(days: -1).firstOfMonth }
}
