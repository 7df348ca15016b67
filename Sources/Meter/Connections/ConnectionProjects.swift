import CircleCI
import Usage

/// Finds the projects of a connection: followed by the key's owner, named by hand, seen in events, and those with a hook
/// that is known.
struct ConnectionProjects: Sendable {
    struct Found: Sendable {
        var projects: [HookKeeper.Project] = []
        /// Projects that could not be read, or are of another organization.
        var unreadable: [ProjectReport] = []
        var listingProblem: String?
    }

    let api: any CircleCIAPI
    let organization: APIOrganization

    func find(named: [String], hooks: [ProjectHook]) async -> Found {
        var found = Found()
        var slugs = named
        do {
            slugs += try await api.followedProjects().filter(isOfOrganization)
        } catch {
            found.listingProblem = error.code.rawValue
        }
        var keys = Set<String>()
        var ids = Set<String>()
        for hook in hooks where ids.insert(hook.projectID).inserted {
            keys.insert(ProjectSlug.key(hook.slug))
            found.projects.append(.init(slug: hook.slug, id: hook.projectID, webhookID: hook.webhookID))
        }
        let unknown = slugs.map(ProjectSlug.longForm).filter { keys.insert(ProjectSlug.key($0)).inserted }
        for result in await concurrentMap(unknown, { await read($0) }) {
            switch result {
            case .success(let project):
                // A project that was renamed is known by its id.
                if ids.insert(project.id).inserted { found.projects.append(project) }
            case .failure(let failure): found.unreadable.append(failure.report)
            }
        }
        found.projects.sort { $0.slug < $1.slug }
        return found
    }

    private struct Failure: Error {
        let report: ProjectReport
    }

    private func read(_ slug: String) async -> Result<HookKeeper.Project, Failure> {
        do {
            let project = try await api.project(slug)
            guard belongs(project) else {
                let outcome = HookOutcome.failed("other_organization")
                return .failure(Failure(report: ProjectReport(slug: slug, projectID: project.id, outcome: outcome)))
            }
            return .success(HookKeeper.Project(slug: ProjectSlug.longForm(project.slug), id: project.id))
        } catch {
            return .failure(Failure(report: ProjectReport(slug: slug, outcome: HookOutcome(error))))
        }
    }

    private func isOfOrganization(_ slug: String) -> Bool {
        let key = ProjectSlug.key(slug)
        var owners = [ProjectSlug.key(organization.slug)]
        // An organization at GitHub may have App projects, whose slugs spell its id.
        if let id = organization.id { owners.append(ProjectSlug.key("circleci/\(id)")) }
        return owners.contains { key.hasPrefix($0 + "/") }
    }

    private func belongs(_ project: APIProject) -> Bool {
        if let id = organization.id, let owner = project.organizationID { return id.lowercased() == owner.lowercased() }
        guard let owner = project.organizationSlug else { return true }
        return ProjectSlug.key(owner) == ProjectSlug.key(organization.slug)
    }
}
