import FoundationEssentials
import Wire

/// The body of a call that creates or changes a webhook.
struct SiteHookFields: Decodable {
    struct Scope: Decodable {
        let id: String
        let type: String
    }

    let name: String?
    let events: [String]?
    let url: String?
    let verifiesTLS: Bool?
    let secret: String?
    let scope: Scope?

    private enum CodingKeys: String, CodingKey {
        case name, events, url, scope
        case verifiesTLS = "verify-tls"
        case secret = "signing-secret"
    }
}

extension SiteAPI {
    /// `GET` and `POST /webhook`.
    func webhooks(_ request: SiteRequest, _ key: SiteKey?, _ state: inout SiteState) -> SiteAnswer {
        switch request.method {
        case "GET":
            guard request.query["scope-type"] == "project", let id = request.query["scope-id"] else {
                return .message(400, "scope-id and scope-type=project are needed")
            }
            guard let project = world.project(id: id), key?.sees(project.fake) == true else {
                return .message(404, "Project not found")
            }
            let hooks = state.sortedHooks.filter { $0.projectID == project.fake.id }
            return paging("webhooks \(project.fake.id)").answer(request, count: hooks.count) { _ in
                true
            } write: {
                write(hooks[$0], to: &$1)
            }
        case "POST": return create(request, key, &state)
        default: return .message(404, "Not Found")
        }
    }

    /// `GET`, `PUT` and `DELETE /webhook/{id}`.
    func webhook(_ id: String, _ request: SiteRequest, _ key: SiteKey?, _ state: inout SiteState) -> SiteAnswer {
        guard ["GET", "PUT", "DELETE"].contains(request.method) else { return .message(404, "Not Found") }
        guard var hook = state.hooks[id], let project = world.project(id: hook.projectID), let key,
            key.sees(project.fake)
        else { return .message(404, "Webhook not found") }
        guard request.method != "GET" else { return SiteAnswer { write(hook, to: &$0) } }
        guard key.isAdmin else { return .message(403, "Permission denied") }
        if request.method == "DELETE" {
            state.hooks[id] = nil
            return .message(200, "Webhook deleted.")
        }
        guard let fields = try? JSONDecoder().decode(SiteHookFields.self, from: Data(request.body)) else {
            return .message(400, "Invalid request body")
        }
        if let complaint = complaint(about: fields) { return .message(400, complaint) }
        hook.name = fields.name ?? hook.name
        hook.url = fields.url ?? hook.url
        hook.events = fields.events ?? hook.events
        hook.verifiesTLS = fields.verifiesTLS ?? hook.verifiesTLS
        hook.secret = fields.secret ?? hook.secret
        hook.updatedAt = state.now
        state.hooks[id] = hook
        return SiteAnswer { write(hook, to: &$0) }
    }

    private func create(_ request: SiteRequest, _ key: SiteKey?, _ state: inout SiteState) -> SiteAnswer {
        guard let fields = try? JSONDecoder().decode(SiteHookFields.self, from: Data(request.body)),
            let scope = fields.scope
        else { return .message(400, "Invalid request body") }
        guard let project = world.project(id: scope.id), let key, key.sees(project.fake) else {
            return .message(404, "Project not found")
        }
        guard key.isAdmin else { return .message(403, "Permission denied") }
        guard scope.type == "project" else { return .message(400, "scope.type: only project is supported") }
        let missing = [
            ("name", fields.name == nil), ("events", fields.events == nil), ("url", fields.url == nil),
            ("verify-tls", fields.verifiesTLS == nil), ("signing-secret", fields.secret == nil),
        ]
        if let name = missing.first(where: \.1)?.0 { return .message(400, "\(name): missing required key") }
        if let complaint = complaint(about: fields) { return .message(400, complaint) }
        guard let hook = state.createHook(fields, on: project.fake, seed: options.seed) else {
            return .message(400, "The project has the maximum of \(SiteHook.maximumCount) webhooks")
        }
        return SiteAnswer(201) { write(hook, to: &$0) }
    }

    /// What is wrong with the fields that are there; nil: nothing.
    private func complaint(about fields: SiteHookFields) -> String? {
        if let events = fields.events, events.isEmpty || !events.allSatisfy(SiteHook.eventTypes.contains) {
            return "events: only workflow-completed and job-completed are supported"
        }
        if let name = fields.name, name.isEmpty { return "name: must not be empty" }
        guard let url = fields.url else { return nil }
        let schemes = options.allowsHTTP ? ["https://", "http://"] : ["https://"]
        return schemes.contains(where: url.lowercased().hasPrefix) ? nil : "url: only https is supported"
    }

    private func write(_ hook: SiteHook, to json: inout JSONWriter) {
        let dash = options.spelling == .live ? "_" : "-"
        json.object { json in
            json.member("url", hook.url)
            json.member("verify\(dash)tls", hook.verifiesTLS)
            json.member("id", hook.id)
            json.member("signing\(dash)secret", hook.secret.isEmpty ? "" : "****")
            json.member("updated\(dash)at", hook.updatedAt.text(.seconds))
            json.member("name", hook.name)
            json.member("created\(dash)at", hook.createdAt.text(.seconds))
            json.object("scope") {
                $0.member("id", hook.projectID)
                $0.member("type", "project")
            }
            json.member("events", array: { json in for event in hook.events { json.string(event) } })
        }
    }
}
