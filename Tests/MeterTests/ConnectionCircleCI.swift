import Synchronization
import Usage
import Wire

@testable import CircleCI
@testable import Meter

/// Keys, projects and hooks of a made-up CircleCI, in memory. What decides by its answers is tested with it.
final class ConnectionCircleCI: Sendable {
    struct Key: Sendable {
        var login = "ada"
        var organizations = [ConnectionCircleCI.acme]
        var isRejected = false
        /// Slugs, in the long form, that answer 404.
        var hidden: Set<String> = []
    }

    struct State: Sendable {
        var keys: [String: Key] = ["key-one": Key()]
        var projects: [APIProject] = []
        var followed: [String] = []
        var hooks: [APIWebhook] = []
        /// By hook id.
        var secrets: [String: String] = [:]
        /// `method target`, as in `createWebhook p1`.
        var calls: [String] = []
        /// An error by call, thrown in place of the effect.
        var failures: [String: CircleCIError] = [:]
        /// An error by call, thrown after the effect.
        var lateFailures: [String: CircleCIError] = [:]
        var createdCount = 0
    }

    static let acme = APIOrganization(id: "o1", name: "Acme", slug: "gh/acme", vcsType: "github")

    private let state = Mutex(State())

    /// With projects `gh/acme/<name>` of ids `p-<name>`, which are followed.
    init(projects: [String] = ["web", "api"]) {
        change { state in
            for name in projects { ConnectionCircleCI.addProject(name, to: &state) }
        }
    }

    static func addProject(_ name: String, to state: inout State) {
        state.projects.append(
            APIProject(
                id: "p-\(name)",
                slug: "gh/acme/\(name)",
                name: name,
                organizationID: "o1",
                organizationSlug: "gh/acme"
            )
        )
        state.followed.append("github/acme/\(name)")
    }

    @discardableResult
    func change<Value: Sendable>(_ body: @Sendable (inout State) -> Value) -> Value {
        state.withLock { body(&$0) }
    }

    var now: State { state.withLock { $0 } }

    func hooks(of project: String) -> [APIWebhook] { now.hooks.filter { $0.projectID == project } }

    func addHook(_ id: String, project: String, name: String = "theirs", url: String = "https://other.example") {
        change { state in
            state.hooks.append(
                APIWebhook(
                    id: id,
                    name: name,
                    url: url,
                    events: ["job-completed", "workflow-completed"],
                    verifiesTLS: true,
                    projectID: project
                )
            )
        }
    }

    func api(_ key: Secret) -> some CircleCIAPI {
        KeyedConnectionCircleCI(key: String(decoding: key.bytes, as: UTF8.self), site: self)
    }
}

/// The made-up CircleCI as one key sees it.
private struct KeyedConnectionCircleCI: CircleCIAPI {
    let key: String
    let site: ConnectionCircleCI

    private func call<Value: Sendable>(
        _ name: String,
        _ body: @Sendable (inout ConnectionCircleCI.State) -> Result<Value, CircleCIError>
    ) throws(CircleCIError) -> Value {
        let result = site.change { state -> Result<Value, CircleCIError> in
            state.calls.append(name)
            if let failure = state.failures[name] { return .failure(failure) }
            let result = body(&state)
            if let failure = state.lateFailures[name] { return .failure(failure) }
            return result
        }
        return try result.get()
    }

    private func known(_ state: ConnectionCircleCI.State) -> ConnectionCircleCI.Key? {
        state.keys[key].flatMap { $0.isRejected ? nil : $0 }
    }

    private static let unauthorized = CircleCIError(.unauthorized, "You must log in first.", status: 401)
    private static let notFound = CircleCIError(.notFound, "Project not found", status: 404)

    func me() async throws(CircleCIError) -> APIUser {
        try call("me") { state in
            guard let known = known(state) else { return .failure(Self.unauthorized) }
            return .success(APIUser(id: "u1", login: known.login, name: known.login))
        }
    }

    func collaborations() async throws(CircleCIError) -> [APIOrganization] {
        try call("collaborations") { state in
            guard let known = known(state) else { return .failure(Self.unauthorized) }
            return .success(known.organizations)
        }
    }

    func followedProjects() async throws(CircleCIError) -> [String] {
        try call("followedProjects") { state in .success(known(state) == nil ? [] : state.followed) }
    }

    func project(_ slug: String) async throws(CircleCIError) -> APIProject {
        try call("project \(slug)") { state in
            let key = ProjectSlug.key(slug)
            guard let known = known(state), !known.hidden.contains(slug),
                let project = state.projects.first(where: { ProjectSlug.key($0.slug) == key })
            else { return .failure(Self.notFound) }
            return .success(project)
        }
    }

    func webhooks(ofProject id: String) async throws(CircleCIError) -> [APIWebhook] {
        try call("webhooks \(id)") { state in .success(state.hooks.filter { $0.projectID == id }) }
    }

    func createWebhook(_ draft: APIWebhookDraft) async throws(CircleCIError) -> APIWebhook {
        try call("createWebhook \(draft.projectID)") { state in
            guard state.hooks.count(where: { $0.projectID == draft.projectID }) < 5 else {
                return .failure(CircleCIError(.refused, "At most five", status: 400))
            }
            state.createdCount += 1
            let hook = APIWebhook(
                id: "w\(state.createdCount)",
                name: draft.name,
                url: draft.url,
                events: draft.events,
                verifiesTLS: draft.verifiesTLS,
                projectID: draft.projectID
            )
            state.hooks.append(hook)
            state.secrets[hook.id] = draft.signingSecret.text
            return .success(hook)
        }
    }

    func updateWebhook(_ id: String, _ change: APIWebhookChange) async throws(CircleCIError) -> APIWebhook {
        // So that others can overtake.
        for _ in 0..<Int.random(in: 0..<50) { await Task.yield() }
        return try update(id, change)
    }

    private func update(_ id: String, _ change: APIWebhookChange) throws(CircleCIError) -> APIWebhook {
        try call("updateWebhook \(id)") { state in
            guard let index = state.hooks.firstIndex(where: { $0.id == id }) else { return .failure(Self.notFound) }
            var hook = state.hooks[index]
            hook.name = change.name ?? hook.name
            hook.url = change.url ?? hook.url
            hook.events = change.events ?? hook.events
            hook.verifiesTLS = change.verifiesTLS ?? hook.verifiesTLS
            if let secret = change.signingSecret { state.secrets[id] = secret.text }
            state.hooks[index] = hook
            return .success(hook)
        }
    }

    func deleteWebhook(_ id: String) async throws(CircleCIError) {
        try call("deleteWebhook \(id)") { state -> Result<Void, CircleCIError> in
            guard let index = state.hooks.firstIndex(where: { $0.id == id }) else { return .failure(Self.notFound) }
            state.hooks.remove(at: index)
            return .success(())
        }
    }

    // What connections do not ask.

    func pipelines(ofProject: String, pageToken: String?) async throws(CircleCIError) -> APIPage<APIPipeline> {
        throw Self.notFound
    }

    func pipelines(ofOrganization: String, pageToken: String?) async throws(CircleCIError) -> APIPage<APIPipeline> {
        throw Self.notFound
    }

    func pipeline(_ id: String) async throws(CircleCIError) -> APIPipeline { throw Self.notFound }

    func workflows(ofPipeline id: String) async throws(CircleCIError) -> [APIWorkflow] { throw Self.notFound }

    func jobs(ofWorkflow id: String) async throws(CircleCIError) -> [APIJob] { throw Self.notFound }

    func job(inProject slug: String, number: Int) async throws(CircleCIError) -> APIJobDetails { throw Self.notFound }
}
