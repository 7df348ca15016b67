import Wire

/// Who was active when, by persons.
struct PeopleActivity {
    /// What a person did in a month.
    struct Total {
        var jobs = 0
        var workflows = 0
        var days: Set<Day> = []
        var authored = 0
        /// Job runs by day, as the API and as the usage export know it.
        fileprivate var triggeredByLogin: [Day: Int] = [:]
        fileprivate var triggeredByUser: [Day: Int] = [:]
        fileprivate var registeredRuns = 0
        fileprivate var unregisteredRuns = 0
        /// Thousandths of a credit.
        var creditsSettled = 0

        var triggered: Int {
            triggeredByLogin.merging(triggeredByUser, uniquingKeysWith: max).values.reduce(0, +)
        }

        /// Who has an account counts as registered although another user of the same person has none.
        var isRegistered: Bool? { registeredRuns > 0 ? true : unregisteredRuns > 0 ? false : nil }
    }

    let merge: PeopleMerge
    private let rows: (activity: [Snapshot.Row], people: [Snapshot.Row], features: [Snapshot.Row])
    /// Of each person, by month the first day on which it was active.
    private var firstDays: [Int: [Day: Day]] = [:]

    init(_ snapshot: Snapshot, connection: String?, rules: PeopleRules) {
        func rows(_ table: UsageTable) -> [Snapshot.Row] {
            guard let connection else { return snapshot[table] }
            return snapshot[table].filter { $0.key.connection.hasBytes(of: connection) }
        }
        self.rows = (rows(.activity), rows(.people), rows(.featurePeople))
        var identities = Set(self.rows.activity.map { PersonIdentity($0.key.texts[0]) })
        identities.formUnion(self.rows.people.map { PersonIdentity($0.key.texts[0]) })
        identities.formUnion(self.rows.features.map { PersonIdentity($0.key.texts[1]) })
        merge = PeopleMerge(
            identities,
            pairs: rows(.identityPairs).map { row in
                PeopleMerge.Pair(
                    author: PersonIdentity(row.key.texts[0]),
                    user: PersonIdentity(row.key.texts[1]),
                    runs: row.tally[0]
                )
            },
            rules: rules
        )
        for row in self.rows.activity {
            guard let person = person(row.key.texts[0]) else { continue }
            let (day, month) = (row.key.day, row.key.day.firstOfMonth)
            firstDays[person, default: [:]][month] = min(day, firstDays[person]?[month] ?? day)
        }
    }

    private func person(_ text: String) -> Int? { merge[PersonIdentity(text)] }

    /// Those who were active in a month, programs included, by place among the persons.
    func totals(of month: Day) -> [Int: Total] {
        var totals: [Int: Total] = [:]
        for row in rows.activity where row.key.day.firstOfMonth == month {
            guard let person = person(row.key.texts[0]) else { continue }
            let jobs = row.tally[ActivityColumn.jobs]
            let isUser = PersonIdentity(row.key.texts[0]).kind == .user
            var total = totals[person] ?? Total()
            total.days.insert(row.key.day)
            if row.key.texts[1] == "author" {
                total.authored += jobs
            } else if isUser {
                total.triggeredByUser[row.key.day, default: 0] += jobs
            } else {
                total.triggeredByLogin[row.key.day, default: 0] += jobs
            }
            total.registeredRuns += row.tally[ActivityColumn.registeredRuns]
            total.unregisteredRuns += row.tally[ActivityColumn.unregisteredRuns]
            totals[person] = total
        }
        // Only of who was active: these rows stand for months, and the snapshot may end within this one.
        for row in rows.people where row.key.day == month {
            guard let person = person(row.key.texts[0]) else { continue }
            totals[person]?.jobs += row.tally[PersonColumn.jobs]
            totals[person]?.workflows += row.tally[PersonColumn.workflows]
        }
        for row in rows.features where row.key.day.firstOfMonth == month {
            guard let person = person(row.key.texts[1]) else { continue }
            totals[person]?.creditsSettled += row.tally[FeaturePersonColumn.creditsSettled]
        }
        return totals
    }

    func isNew(_ person: Int, in month: Day) -> Bool {
        !(firstDays[person]?.keys.contains { $0 < month } ?? false)
    }

    /// Places of those who were active in a month and are no programs.
    func activePeople(in month: Day) -> [Int] {
        firstDays.filter { $0.value[month] != nil && !merge.persons[$0.key].isBot }.map(\.key)
    }

    /// Of each who is no program, the day on which it was first active in a month.
    func firstDays(in month: Day) -> [Day] { activePeople(in: month).compactMap { firstDays[$0]?[month] } }
}
