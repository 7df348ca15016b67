import FakeCircleCI
import Wire

@testable import Usage

/// Few names in many spellings, so that merging and ties are the rule.
struct PeopleWorld {
    var random: SeededGenerator
    private(set) var identities: [PersonIdentity] = []
    private(set) var pairs: [PeopleMerge.Pair] = []
    private(set) var rules = PeopleRules()

    static let authors = [
        "ann@example.com", "ann+ci@example.com", "ann+x@example.com", "1+ann@users.noreply.github.com",
        "bob@example.com", "bob@users.noreply.github.com", "2-bob@users.noreply.gitlab.com", "Bob", "Carl",
        "carl@example.org", "1+dependabot[bot]@users.noreply.github.com", "renovate@example.org",
    ]
    static let users = ["user:1", "user:2", "user:3"]
    static let logins = ["login:ann", "login:bob", "login:carl", "login:dependabot[bot]"]

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        let all = (PeopleWorld.authors + PeopleWorld.users + PeopleWorld.logins).map { PersonIdentity($0) }
        identities = all.filter { _ in Int.random(in: 0..<100, using: &random) < 70 }
        for author in identities where !author.text.hasPrefix("login:") && !author.text.hasPrefix("user:") {
            for user in identities where user.text.hasPrefix("user:") {
                guard Int.random(in: 0..<100, using: &random) < 40 else { continue }
                let runs = Int.random(in: 1...6, using: &random)
                pairs.append(PeopleMerge.Pair(author: author, user: user, runs: runs))
            }
        }
        var free = all.shuffled(using: &random)
        rules = PeopleRules(
            aliases: (0..<Int.random(in: 0...3, using: &random)).map { number in
                let count = Int.random(in: 1...3, using: &random)
                defer { free.removeFirst(count) }
                return PeopleRules.Alias(name: "alias \(number)", identities: Array(free.prefix(count)))
            }
        )
    }

    /// A snapshot in which these were active on random days of some months, and the sum of what they did.
    mutating func snapshot(months: Int, firstMonth: Day) -> Snapshot {
        var rows: [UsageTable: [RowKey: Tally]] = [:]
        func add(_ table: UsageTable, _ day: Day, _ texts: [String], _ values: [Int]) {
            rows[table, default: [:]][RowKey(connection: "acme", day: day, texts: texts), default: Tally()].add(
                Tally(values: values)
            )
        }
        let days = months * 30
        for identity in identities {
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                let day = firstMonth.adding(days: Int.random(in: 0..<days, using: &random))
                let jobs = Int.random(in: 1...5, using: &random)
                let isUser = identity.text.hasPrefix("user:")
                let isAuthor = !isUser && !identity.text.hasPrefix("login:")
                let isRegistered = Bool.random(using: &random)
                add(
                    .activity,
                    day,
                    [identity.text, isAuthor ? "author" : "trigger"],
                    [jobs, 1, isUser && isRegistered ? jobs : 0, isUser && !isRegistered ? jobs : 0]
                )
                add(.people, day.firstOfMonth, [identity.text], [jobs, 1])
                add(.featurePeople, day, ["compute", identity.text], [jobs, jobs * 1000])
            }
        }
        for pair in pairs { add(.identityPairs, firstMonth, [pair.author.text, pair.user.text], [pair.runs]) }
        var tables = UsageTables()
        var changes = UsageChanges()
        changes.rows = rows.mapValues { $0.map { ($0.key, $0.value) } }
        tables.apply(changes)
        return tables.snapshot(position: nil)
    }
}
