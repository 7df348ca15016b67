/// Which identities are one person and which are no person, as configuration says it and as rules guess it.
public struct PeopleRules: Sendable {
    /// Identities that are one person, by their configuration.
    public struct Alias: Hashable, Sendable {
        /// The person's name in reports.
        public var name: String
        public var identities: [PersonIdentity]

        public init(name: String, identities: [PersonIdentity]) {
            self.name = name
            self.identities = identities
        }
    }

    public let aliases: [Alias]
    /// Identities, or names of aliases, that are programs.
    public let bots: Set<PersonIdentity>
    /// Those that are none although they look like it.
    public let notBots: Set<PersonIdentity>
    /// The alias that an identity stands in; of several the first.
    let aliasIndices: [PersonIdentity: Int]

    public init(
        aliases: [Alias] = [],
        bots: Set<PersonIdentity> = [],
        notBots: Set<PersonIdentity> = []
    ) {
        self.aliases = aliases
        self.bots = bots
        self.notBots = notBots
        var indices: [PersonIdentity: Int] = [:]
        for (index, alias) in aliases.enumerated() {
            for identity in alias.identities where indices[identity] == nil { indices[identity] = index }
        }
        aliasIndices = indices
    }

    /// Whether an identity is a program's: what is configured for it or its alias counts before what it looks like.
    public func isBot(_ identity: PersonIdentity) -> Bool {
        let alias = aliasIndices[identity].map { PersonIdentity(aliases[$0].name) }
        return configured([identity] + (alias.map { [$0] } ?? [])) ?? identity.looksLikeBot
    }

    /// Whether a person with these identities is a program. One that has a person's address or login besides a program's
    /// is a person; a `user:ID` tells nothing.
    func isBot(_ identities: [PersonIdentity], alias: String?) -> Bool {
        if let configured = configured(identities + (alias.map { [PersonIdentity($0)] } ?? [])) { return configured }
        let telling = identities.filter { $0.kind != .user }
        return !telling.isEmpty && telling.allSatisfy(\.looksLikeBot)
    }

    private func configured(_ names: [PersonIdentity]) -> Bool? {
        if names.contains(where: notBots.contains) { return false }
        return names.contains(where: bots.contains) ? true : nil
    }
}
