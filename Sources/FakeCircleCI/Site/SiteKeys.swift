import Synchronization
import Wire

/// A personal API token at the site.
struct SiteKey: Sendable {
    let login: String
    let isAdmin: Bool
    /// By place in the history; nil: all.
    let organizations: Set<Int>?
    /// By long slug.
    var lostProjects: Set<String> = []
    /// By long slug; nil: all that it has access to.
    var followed: Set<String>?
    var isAlive = true

    func sees(_ project: FakeProject) -> Bool {
        guard isAlive else { return false }
        return organizations?.contains(project.organizationIndex) ?? true && !lostProjects.contains(project.slug)
    }

    func follows(_ project: FakeProject) -> Bool {
        sees(project) && followed?.contains(project.slug) ?? true
    }
}

extension FakeSite {
    /// Lets a key in.
    ///
    /// - Parameters:
    ///   - organizations: Places in the history; nil: all.
    ///   - isAdmin: Whether it may create, change and delete webhooks.
    public func addKey(_ key: String, login: String, organizations: Set<Int>? = nil, isAdmin: Bool = true) {
        state.withLock { $0.keys[key] = SiteKey(login: login, isAdmin: isAdmin, organizations: organizations) }
    }

    /// Someone deleted the key: from now on it is as good as none.
    public func revoke(_ key: String) {
        state.withLock { $0.keys[key]?.isAlive = false }
    }

    /// The key's last day is over. CircleCI answers as for a revoked one.
    public func expire(_ key: String) {
        revoke(key)
    }

    /// The key's owner may no longer see a project, given by its slug in either form.
    public func removeAccess(_ key: String, _ projectSlug: String) {
        guard let project = world.project(slug: projectSlug) else { return }
        state.withLock { _ = $0.keys[key]?.lostProjects.insert(project.fake.slug) }
    }

    public func restoreAccess(_ key: String, _ projectSlug: String) {
        guard let project = world.project(slug: projectSlug) else { return }
        state.withLock { _ = $0.keys[key]?.lostProjects.remove(project.fake.slug) }
    }

    /// Says which projects the key's owner follows: all that the key sees unless said. Slugs in either form.
    public func setFollowedProjects(_ key: String, _ slugs: [String]) {
        let known = slugs.compactMap { world.project(slug: $0)?.fake.slug }
        state.withLock { $0.keys[key]?.followed = Set(known) }
    }
}

extension SiteState {
    /// The key that the request shows, where it is alive.
    func key(of request: SiteRequest) -> SiteKey? {
        guard let text = request.key, let key = keys[text], key.isAlive else { return nil }
        return key
    }
}
