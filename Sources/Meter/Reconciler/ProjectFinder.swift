import CircleCI
import Usage
import Wire

/// Which projects a connection has: those that its events have named, those that were named by hand, those with a hook of
/// ours, and those that the key's owner follows.
struct ProjectFinder: Sendable {
    let api: any CircleCIAPI
    let connection: Connection

    /// What was found before, by slug in the long form, so that each is asked about once.
    typealias Found = [String: ReconcileProject]

    /// - Parameters:
    ///   - names: what events have said.
    ///   - followed: slugs in the long form.
    /// - Returns: every project, and slugs that could not be asked about; `not_found` are those that CircleCI does not
    ///   know or does not show to this key.
    func projects(
        named names: [ProjectName],
        followed: [String],
        found: inout Found
    ) async throws(CircleCIError) -> (projects: [ReconcileProject], failed: [(slug: String, error: CircleCIError)]) {
        var projects: [String: ReconcileProject] = [:]
        // The latest slug of each id.
        for name in names.sorted(by: { $0.lastSeen < $1.lastSeen }) {
            let organizationID = found[name.slug]?.organizationID
            projects[name.id] = ReconcileProject(
                id: name.id,
                slug: name.slug,
                name: name.name,
                organizationID: organizationID
            )
        }
        let byHand = connection.projects.map(ProjectSlug.longForm)
        // A hook's project may have another slug by now.
        let hooked = connection.hooks.filter { projects[$0.projectID] == nil }.map(\.slug)
        let known = Set(projects.values.map { ProjectSlug.key($0.slug) })
        let ours = Set(byHand + hooked + followed.filter(isOfOrganization))
        var failed: [(slug: String, error: CircleCIError)] = []
        for slug in ours.sorted() where !known.contains(ProjectSlug.key(slug)) {
            if found[slug] == nil {
                do throws(CircleCIError) {
                    let project = try await api.project(slug)
                    found[slug] = ReconcileProject(
                        id: project.id,
                        slug: ProjectSlug.longForm(project.slug),
                        name: project.name,
                        organizationID: project.organizationID
                    )
                } catch {
                    guard !error.endsPass else { throw error }
                    failed.append((slug, error))
                    continue
                }
            }
            if let project = found[slug], projects[project.id] == nil { projects[project.id] = project }
        }
        return (projects.values.sorted { $0.slug < $1.slug }, failed)
    }

    /// Whether a followed project is the connection's. An organization given by id owns what a hook or an event has named;
    /// others are found when the connection is made.
    private func isOfOrganization(_ slug: String) -> Bool {
        ProjectSlug.key(slug).hasPrefix(ProjectSlug.key(connection.organization) + "/")
    }
}
