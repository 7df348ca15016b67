import CircleCI
import Synchronization
public import Wire

/// An outbound webhook of a project, as it is at the site.
public struct SiteHook: Hashable, Sendable {
    public let id: String
    public let projectID: String
    public var name: String
    public var url: String
    /// `workflow-completed`, `job-completed`.
    public var events: [String]
    public var verifiesTLS: Bool
    public let createdAt: Timestamp
    public internal(set) var updatedAt: Timestamp
    /// What its deliveries are signed with; empty: they are not signed.
    var secret: String

    /// Whether the webhook wants an event. Types that nobody can subscribe to are sent to all.
    func wants(_ eventType: String) -> Bool {
        !SiteHook.eventTypes.contains(eventType) || events.contains(eventType)
    }

    static let eventTypes = ["workflow-completed", "job-completed"]
    static let maximumCount = 5
}

extension SiteHook: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "SiteHook(\(id), \(name), \(url), \(events))" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["id": id, "name": name, "url": url]) }
}

extension FakeSite {
    /// The webhooks there are, in the order of their creation; of one project where its id is given.
    public func hooks(ofProject id: String? = nil) -> [SiteHook] {
        state.withLock { state in state.sortedHooks.filter { id == nil || $0.projectID == id } }
    }

    /// Someone deleted a webhook at CircleCI. False where there is none.
    @discardableResult
    public func deleteHook(_ id: String) -> Bool {
        state.withLock { $0.hooks.removeValue(forKey: id) != nil }
    }

    /// Someone changed a webhook at CircleCI. False where there is none.
    @discardableResult
    public func changeHook(_ id: String, _ change: (inout SiteHook) -> Void) -> Bool {
        state.withLock { state in
            guard var hook = state.hooks[id] else { return false }
            change(&hook)
            hook.updatedAt = state.now
            state.hooks[id] = hook
            return true
        }
    }

    /// Someone gave a webhook another secret at CircleCI. Empty: deliveries are no longer signed.
    @discardableResult
    public func changeSecret(ofHook id: String, to secret: String) -> Bool {
        changeHook(id) { $0.secret = secret }
    }

    /// Someone made a webhook by hand. As over the API the first two take the places of the history's webhooks.
    @discardableResult
    public func createHook(
        projectSlug: String,
        name: String,
        url: String,
        events: [String] = ["workflow-completed", "job-completed"],
        secret: String
    ) -> SiteHook? {
        guard let project = world.project(slug: projectSlug) else { return nil }
        return state.withLock { state in
            let draft = SiteHookFields(
                name: name,
                events: events,
                url: url,
                verifiesTLS: true,
                secret: secret,
                scope: nil
            )
            return state.createHook(draft, on: project.fake, seed: options.seed)
        }
    }
}

extension SiteState {
    var sortedHooks: [SiteHook] {
        hooks.values.sorted { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }
    }

    /// Nil where the project has as many as it can have, or a field is missing. The first free webhook of the history
    /// lends its id, so that its deliveries fit; a webhook that was deleted makes its place free again.
    mutating func createHook(_ fields: SiteHookFields, on project: FakeProject, seed: UInt64) -> SiteHook? {
        guard hooks.values.count(where: { $0.projectID == project.id }) < SiteHook.maximumCount,
            let name = fields.name, let url = fields.url, let events = fields.events,
            let verifiesTLS = fields.verifiesTLS, let secret = fields.secret
        else { return nil }
        hookCount += 1
        var random = SiteExtras.random("\(project.id) \(hookCount)", seed)
        let free = project.webhooks.first { hooks[$0.id] == nil }?.id
        let hook = SiteHook(
            id: free ?? random.uuid(),
            projectID: project.id,
            name: name,
            url: url,
            events: events,
            verifiesTLS: verifiesTLS,
            createdAt: now,
            updatedAt: now,
            secret: secret
        )
        hooks[hook.id] = hook
        return hook
    }
}
