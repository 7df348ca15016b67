/// The slug that each project goes by, resolved from every sighting: the latest slug of its id.
struct ProjectNames: Sendable {
    private struct Key: Hashable, Sendable {
        var connection: String
        var text: String
    }

    private var slugOfID: [Key: ProjectName] = [:]
    private var idOfSlug: [Key: ProjectName] = [:]

    init(_ sightings: some Sequence<ProjectName>) {
        for sighting in sightings {
            let id = Key(connection: sighting.connection, text: sighting.id)
            if slugOfID[id].map({ $0.precedes(sighting) }) ?? true { slugOfID[id] = sighting }
            let slug = Key(connection: sighting.connection, text: sighting.slug)
            if idOfSlug[slug].map({ $0.precedes(sighting) }) ?? true { idOfSlug[slug] = sighting }
        }
    }

    /// The slug to show for a row's project, which is an id, or a slug where no event of the run had an id.
    func slug(of project: String, connection: String) -> String {
        let key = Key(connection: connection, text: project)
        if let named = slugOfID[key] { return named.slug }
        guard let sighting = idOfSlug[key] else { return project }
        return slugOfID[Key(connection: connection, text: sighting.id)]?.slug ?? project
    }

    /// The latest name under a slug; empty where there is none.
    func name(connection: String, slug: String) -> String {
        idOfSlug[Key(connection: connection, text: slug)]?.name ?? ""
    }

    /// How many projects a connection has.
    func projectCount(connection: String) -> Int {
        slugOfID.keys.count { $0.connection == connection }
    }
}

extension ProjectName {
    /// By time, then by what is said, so that any set of sightings has one latest.
    func precedes(_ other: ProjectName) -> Bool {
        if lastSeen != other.lastSeen { return lastSeen < other.lastSeen }
        if slug != other.slug { return slug.precedesInBytes(other.slug) }
        return id.precedesInBytes(other.id)
    }
}
