import Wire

/// Which slug each project id goes by now. Like a run it is a function of the set of events: the latest word wins.
struct ProjectDirectory: Sendable {
    private struct Key: Hashable, Sendable {
        var connection: Symbol
        var id: Symbol
        var slug: Symbol
    }

    private struct Sighting: Sendable {
        var name: Symbol
        var lastSeen: Int64
    }

    private var sightings: [Key: Sighting] = [:]
    private var changed: Set<Key> = []

    mutating func see(
        connection: Symbol,
        id: Symbol,
        slug: Symbol,
        name: Symbol,
        at instant: Int64,
        symbols: SymbolTable
    ) {
        let key = Key(connection: connection, id: id, slug: slug)
        if let known = sightings[key] {
            guard instant > known.lastSeen || instant == known.lastSeen && symbols.precedes(known.name, name) else {
                return
            }
        }
        sightings[key] = Sighting(name: name, lastSeen: instant)
        changed.insert(key)
    }

    mutating func restore(_ project: ProjectName, symbols: inout SymbolTable) {
        let key = Key(
            connection: symbols.intern(project.connection),
            id: symbols.intern(project.id),
            slug: symbols.intern(project.slug)
        )
        sightings[key] = Sighting(
            name: symbols.intern(project.name),
            lastSeen: project.lastSeen.microseconds
        )
    }

    mutating func takeChanges(symbols: SymbolTable) -> [ProjectName] {
        defer { changed.removeAll(keepingCapacity: true) }
        return changed.compactMap { key in
            sightings[key].map { sighting in
                ProjectName(
                    connection: symbols.string(key.connection),
                    id: symbols.string(key.id),
                    slug: symbols.string(key.slug),
                    name: symbols.string(sighting.name),
                    lastSeen: Timestamp(microseconds: sighting.lastSeen)
                )
            }
        }
    }
}
