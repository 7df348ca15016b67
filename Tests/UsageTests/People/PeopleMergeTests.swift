import FakeCircleCI
import TestSupport
import Testing
import Wire

@testable import Usage

/// Which identities are one person.
struct PeopleMergeTests {
    private func merge(
        _ identities: [String],
        pairs: [(String, String, Int)] = [],
        rules: PeopleRules = PeopleRules()
    ) -> PeopleMerge {
        PeopleMerge(
            Set(identities.map { PersonIdentity($0) }),
            pairs: pairs.map {
                PeopleMerge.Pair(author: PersonIdentity($0.0), user: PersonIdentity($0.1), runs: $0.2)
            },
            rules: rules
        )
    }

    private func partition(_ merge: PeopleMerge) -> Set<[PersonIdentity]> { Set(merge.persons.map(\.identities)) }

    @Test func `addresses of code hosts belong with their login, tagged ones with the address`() {
        let merge = merge([
            "12345+Ann@users.noreply.github.com", "ann@users.noreply.github.com", "login:Ann",
            "77-bob@users.noreply.gitlab.com", "login:bob", "carl@example.com", "carl+ci@example.com",
            "carl@example.org",
        ])
        #expect(merge.persons.map(\.identities.count).sorted() == [1, 2, 2, 3])
        #expect(Set(merge.persons.map(\.name)) == ["login:ann", "login:bob", "carl@example.com", "carl@example.org"])
    }

    @Test(arguments: [
        ("dependabot[bot]", true), ("49699333+dependabot[bot]@users.noreply.github.com", true),
        ("login:renovate", true), ("renovate@example.com", true), ("noreply@github.com", true),
        ("no-reply@example.com", true), ("login:github-actions[bot]", true), ("builds@circleci.com", true),
        ("login:circleci", true), ("circleci@example.com", false), ("ann@example.com", false), ("login:ann", false),
        ("12345+ann@users.noreply.github.com", false), ("user:circleci", false), ("Abbot", false),
    ])
    func `programs are known by their names`(_ text: String, _ isBot: Bool) {
        #expect(PersonIdentity(text).looksLikeBot == isBot)
        #expect(PeopleRules().isBot(PersonIdentity(text)) == isBot)
    }

    @Test func `configuration decides what looks like a program`() {
        let ci = PersonIdentity("ci@example.com")
        let renovate = PersonIdentity("renovate@example.com")
        let rules = PeopleRules(
            aliases: [PeopleRules.Alias(name: "Robot", identities: [PersonIdentity("robot@example.com")])],
            bots: [ci, PersonIdentity("Robot")],
            notBots: [renovate]
        )
        let merge = merge(["ci@example.com", "renovate@example.com", "robot@example.com"], rules: rules)
        #expect(merge.persons.filter(\.isBot).map(\.name) == ["ci@example.com", "Robot"])
    }

    @Test func `a user belongs with the author of more than half of the runs that both stand behind, at least three`() {
        let ann = "ann@example.com"
        #expect(merge([ann, "user:1"], pairs: [(ann, "user:1", 2)]).persons.count == 2)
        #expect(merge([ann, "user:1"], pairs: [(ann, "user:1", 3)]).persons.count == 1)
        let half = merge(
            [ann, "b@example.com", "user:1"],
            pairs: [(ann, "user:1", 3), ("b@example.com", "user:1", 3)]
        )
        #expect(half.persons.count == 3)
        // Two addresses of one person count together.
        let both = merge(
            [ann, "ann+ci@example.com", "b@example.com", "user:1"],
            pairs: [(ann, "user:1", 2), ("ann+ci@example.com", "user:1", 2), ("b@example.com", "user:1", 3)]
        )
        #expect(both.persons.map(\.identities.count).sorted() == [1, 3])
        // Whoever mostly runs a program's commits is not that program.
        let bot = "1+dependabot[bot]@users.noreply.github.com"
        let runner = merge([ann, bot, "user:1"], pairs: [(ann, "user:1", 3), (bot, "user:1", 50)])
        #expect(runner.persons.first { $0.name == ann }?.identities.count == 2)
    }

    @Test func `aliases count before rules, and name the person`() {
        let rules = PeopleRules(aliases: [
            PeopleRules.Alias(
                name: "Ann",
                identities: [PersonIdentity("ann@example.com"), PersonIdentity("login:Ann")]
            ),
            PeopleRules.Alias(name: "Build", identities: [PersonIdentity("ann+ci@example.com")]),
        ])
        let merge = merge(
            ["ann@example.com", "ann+ci@example.com", "ann+x@example.com", "login:ann", "user:1"],
            pairs: [("ann+ci@example.com", "user:1", 5)],
            rules: rules
        )
        #expect(Set(merge.persons.map(\.name)) == ["Ann", "Build"])
        #expect(
            merge.persons.first { $0.name == "Build" }?.identities.map(\.text) == ["ann+ci@example.com", "user:1"]
        )
    }

    @Test(arguments: 0..<200)
    func `the order of what is known plays no part, and what came of it comes of it again`(_ round: UInt64) {
        let seed = TestSeed.of(round: round)
        var world = PeopleWorld(seed: seed)
        let (identities, pairs, rules) = (world.identities, world.pairs, world.rules)
        let first = PeopleMerge(Set(identities), pairs: pairs, rules: rules)
        let halves = pairs.flatMap { pair in
            [pair.runs / 2, pair.runs - pair.runs / 2].map {
                PeopleMerge.Pair(author: pair.author, user: pair.user, runs: $0)
            }
        }
        let shuffled = PeopleMerge(
            Set(identities.shuffled(using: &world.random)),
            pairs: halves.shuffled(using: &world.random),
            rules: rules
        )
        #expect(partition(first) == partition(shuffled), "seed \(seed)")
        #expect(first.persons.map(\.name) == shuffled.persons.map(\.name), "seed \(seed)")
        #expect(first.persons.reduce(0) { $0 + $1.identities.count } == Set(identities).count, "seed \(seed)")
        let asAliases = PeopleRules(
            aliases: first.persons.enumerated().map {
                PeopleRules.Alias(name: "person \($0.offset)", identities: $0.element.identities)
            }
        )
        let again = PeopleMerge(Set(identities), pairs: pairs, rules: asAliases)
        #expect(partition(again) == partition(first), "seed \(seed)")
    }

    @Test func `who triggered has one login, which is told from who wrote`() {
        let both = merge(
            ["ann@example.com", "login:anna", "user:1"],
            pairs: [("login:anna", "user:1", 3), ("ann@example.com", "user:1", 3)]
        )
        #expect(both.persons.count == 1 && both.persons[0].name == "ann@example.com")
        let few = merge(["login:anna", "user:1"], pairs: [("login:anna", "user:1", 2)])
        #expect(few.persons.count == 2)
        // Half of the runs is no more than half.
        let tied = merge(
            ["login:a", "login:b", "user:1"],
            pairs: [("login:a", "user:1", 3), ("login:b", "user:1", 3)]
        )
        #expect(tied.persons.count == 3)
    }

    @Test(arguments: 0..<200)
    func `without aliases, persons are what a naive comparison of all with all finds`(_ round: UInt64) {
        let seed = TestSeed.of(round: round)
        let world = PeopleWorld(seed: seed)
        let identities = Set(world.identities)
        let merge = PeopleMerge(identities, pairs: world.pairs, rules: PeopleRules())
        // Each user's key becomes its author's.
        var keys = Dictionary(uniqueKeysWithValues: identities.map { ($0, $0.key) })
        for user in identities where user.text.hasPrefix("user:") {
            var runs: [PersonIdentity: Int] = [:]
            for pair in world.pairs where pair.user == user && !pair.author.looksLikeBot {
                runs[pair.author.key, default: 0] += pair.runs
            }
            if runs.isEmpty {
                for pair in world.pairs where pair.user == user { runs[pair.author.key, default: 0] += pair.runs }
            }
            let total = runs.values.reduce(0, +)
            if let most = runs.first(where: { $0.value * 2 > total && $0.value >= 3 }) { keys[user] = most.key }
        }
        for first in identities {
            for second in identities {
                #expect((merge[first] == merge[second]) == (keys[first] == keys[second]), "seed \(seed)")
            }
        }
    }
}
