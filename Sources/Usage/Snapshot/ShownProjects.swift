/// By which slug rows of a connection are shown: their projects stand as ids, and as slugs where no event had an id.
public struct ShownProjects: Sendable {
    private var slugs: [String: String] = [:]
    private var texts: [String: [String]] = [:]

    /// - Parameter sightings: of one connection, all of them.
    public init(_ sightings: [ProjectName]) {
        let names = ProjectNames(sightings)
        for sighting in sightings {
            for text in [sighting.id, sighting.slug] where slugs[text] == nil {
                let slug = names.slug(of: text, connection: sighting.connection)
                slugs[text] = slug
                texts[slug, default: []].append(text)
            }
        }
    }

    private func slug(of text: String) -> String { slugs[text] ?? text }

    /// The texts whose rows are shown otherwise than before, and those whose rows were or are now shown together with
    /// them: a job's machine may be known from any of these.
    public func changed(since before: ShownProjects) -> Set<String> {
        let all = Set(slugs.keys).union(before.slugs.keys)
        var affected: Set<String> = []
        // By bytes, as rows are: texts can be equal in other bytes.
        for text in all where !slug(of: text).hasBytes(of: before.slug(of: text)) {
            affected.formUnion([slug(of: text), before.slug(of: text)])
        }
        guard !affected.isEmpty else { return [] }
        return all.filter { affected.contains(slug(of: $0)) || affected.contains(before.slug(of: $0)) }.union(affected)
    }

    /// All texts of projects whose rows are shown together with those of `project`; that one is among them.
    public func sharing(_ project: String) -> [String] {
        let others = texts[slugs[project] ?? project] ?? []
        return others.contains(project) ? others : others + [project]
    }

    /// The texts that are not shown alone, each with another that is shown by the same slug.
    public var pairs: [(text: String, other: String)] {
        texts.values.flatMap { texts in
            texts.flatMap { text in texts.filter { $0 != text }.map { (text: text, other: $0) } }
        }
    }
}
