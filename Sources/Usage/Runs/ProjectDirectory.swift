import Wire

/// Which slug each project id goes by now. Like a run it is a function of the set of events: the latest word wins.
struct ProjectDirectory: Sendable {
    private struct Key: SymbolMapKey {
        var connection: Symbol
        var id: Symbol
        var slug: Symbol

        func hash(_ mixing: Mixing) -> UInt32 {
            mixing.hash(UInt64(connection.index) << 32 | UInt64(id.index), UInt64(slug.index))
        }
    }

    private struct Sighting: Sendable {
        var name: Symbol
        var lastSeen: Int64
        var isChanged = false
    }

    private var sightings = SymbolMap<Key, Sighting>()
    private var changedCount = 0

    mutating func see(
        connection: Symbol,
        id: Symbol,
        slug: Symbol,
        name: Symbol,
        at instant: Int64,
        symbols: SymbolTable
    ) {
        let before = Sighting(name: .none, lastSeen: .min)
        let isNew = sightings.change(Key(connection: connection, id: id, slug: slug), initially: before) { known in
            guard instant > known.lastSeen || instant == known.lastSeen && symbols.precedes(known.name, name) else {
                return false
            }
            defer { known = Sighting(name: name, lastSeen: instant, isChanged: true) }
            return !known.isChanged
        }
        if isNew { changedCount += 1 }
    }

    mutating func restore(_ project: ProjectName, symbols: inout SymbolTable) {
        let key = Key(
            connection: symbols.intern(project.connection),
            id: symbols.intern(project.id),
            slug: symbols.intern(project.slug)
        )
        sightings.set(
            Sighting(name: symbols.intern(project.name), lastSeen: project.lastSeen.microseconds),
            for: key
        )
    }

    mutating func takeChanges(symbols: SymbolTable) -> [ProjectName] {
        guard changedCount > 0 else { return [] }
        changedCount = 0
        var names: [ProjectName] = []
        sightings.forEach { key, sighting in
            guard sighting.isChanged else { return }
            sighting.isChanged = false
            names.append(
                ProjectName(
                    connection: symbols.string(key.connection),
                    id: symbols.string(key.id),
                    slug: symbols.string(key.slug),
                    name: symbols.string(sighting.name),
                    lastSeen: Timestamp(microseconds: sighting.lastSeen)
                )
            )
        }
        return names
    }
}
