/// The persons behind identities: a function of the set of identities, of which runs two of them stand behind together,
/// and of the rules.
///
/// In this order, each unless it would make two configured persons one:
/// 1. What stands in one alias is one person.
/// 2. What has one ``PersonIdentity/key`` is one person.
/// 3. A CircleCI user is the person who wrote more than half of the commits whose runs it triggered, if these are at
///    least three runs. Programs' commits count only for a user who triggered no other: people run those, too.
/// 4. A CircleCI user is the login under which the API names who triggered more than half of its runs, if these are at
///    least three.
struct PeopleMerge {
    struct Person {
        /// The alias's name, else the best identity.
        var name: String
        var isBot: Bool
        /// Sorted.
        var identities: [PersonIdentity]
    }

    /// Runs behind which a commit author, or the login of who triggered, and a CircleCI user stand together.
    struct Pair {
        var author: PersonIdentity
        var user: PersonIdentity
        var runs: Int
    }

    static let minimumPairedRuns = 3

    let persons: [Person]
    private let indices: [PersonIdentity: Int]

    init(_ identities: Set<PersonIdentity>, pairs: [Pair], rules: PeopleRules) {
        var all = identities.union(identities.map(\.key))
        for alias in rules.aliases { all.formUnion(alias.identities) }
        for pair in pairs { all.formUnion([pair.author, pair.author.key, pair.user]) }
        let nodes = all.sorted()
        let nodeIndices = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($1, $0) })
        var groups = Groups(aliases: nodes.map { rules.aliasIndices[$0] })
        var firstOfAlias: [Int: Int] = [:]
        for index in nodes.indices {
            guard let alias = groups.aliases[index] else { continue }
            if let first = firstOfAlias[alias] { groups.unite(first, index) } else { firstOfAlias[alias] = index }
        }
        for (index, node) in nodes.enumerated() {
            if let key = nodeIndices[node.key], key != index { groups.unite(index, key) }
        }
        let authored = pairs.filter { $0.author.kind != .login }
        let triggered = pairs.filter { $0.author.kind == .login }
        let found =
            PeopleMerge.authors(of: authored, nodes, nodeIndices, groups, rules)
            + PeopleMerge.authors(of: triggered, nodes, nodeIndices, groups, rules)
        for (user, author) in found { groups.unite(user, author) }
        var members: [Int: [PersonIdentity]] = [:]
        for (index, node) in nodes.enumerated() where identities.contains(node) {
            members[groups.root(index), default: []].append(node)
        }
        var persons: [Person] = []
        var indices: [PersonIdentity: Int] = [:]
        for (root, identities) in members.sorted(by: { $0.key < $1.key }) {
            let alias = groups.aliases[root].map { rules.aliases[$0].name }
            for identity in identities { indices[identity] = persons.count }
            persons.append(
                Person(
                    name: alias ?? PeopleMerge.best(identities),
                    isBot: rules.isBot(identities, alias: alias),
                    identities: identities
                )
            )
        }
        self.persons = persons
        self.indices = indices
    }

    /// The person's place in ``persons``.
    subscript(identity: PersonIdentity) -> Int? { indices[identity] }

    private static func best(_ identities: [PersonIdentity]) -> String {
        func rank(_ identity: PersonIdentity) -> (PersonIdentity.Kind, Int, PersonIdentity) {
            // An address without a tag before those with one.
            (identity.kind, identity.key == identity ? 0 : 1, identity)
        }
        return identities.min { rank($0) < rank($1) }?.text ?? ""
    }

    /// Each CircleCI user with the author whom it is taken for, by nodes. All are found before any is united, so that
    /// their order plays no part.
    private static func authors(
        of pairs: [Pair],
        _ nodes: [PersonIdentity],
        _ indices: [PersonIdentity: Int],
        _ groups: Groups,
        _ rules: PeopleRules
    ) -> [(user: Int, author: Int)] {
        var runs: [Int: [Int: Int]] = [:]
        var people: Set<Int> = []
        for pair in pairs {
            guard let user = indices[pair.user], let node = indices[pair.author] else { continue }
            let author = groups.root(node)
            runs[user, default: [:]][author, default: 0] += pair.runs
            if !rules.isBot(pair.author) { people.insert(author) }
        }
        return runs.sorted { $0.key < $1.key }.compactMap { user, authors in
            let byPeople = authors.filter { people.contains($0.key) && $0.value > 0 }
            let counted = byPeople.isEmpty ? authors : byPeople
            let total = counted.values.reduce(0, +)
            // More than half is one at most.
            let most = counted.first { $0.value * 2 > total && $0.value >= minimumPairedRuns }
            return most.map { (user, $0.key) }
        }
    }
}

/// Which nodes are one, by trees; the root is the least node, so that nothing depends on the order of unions.
private struct Groups {
    private var parents: [Int]
    /// Of each root, the alias that it stands for; nil where none.
    private(set) var aliases: [Int?]

    init(aliases: [Int?]) {
        parents = Array(aliases.indices)
        self.aliases = aliases
    }

    func root(_ node: Int) -> Int {
        var node = node
        while parents[node] != node { node = parents[node] }
        return node
    }

    /// Makes two groups one, unless they stand for two aliases.
    mutating func unite(_ first: Int, _ second: Int) {
        let (low, high) = (min(root(first), root(second)), max(root(first), root(second)))
        guard low != high, aliases[low] == nil || aliases[high] == nil || aliases[low] == aliases[high] else { return }
        aliases[low] = aliases[low] ?? aliases[high]
        parents[high] = low
        // Short paths for the next look.
        parents[first] = low
        parents[second] = low
    }
}
