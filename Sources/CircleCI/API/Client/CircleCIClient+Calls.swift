import NIOHTTP1
import Wire

extension CircleCIClient: CircleCIAPI {
    private static let version2 = "/api/v2"

    public func me() async throws(CircleCIError) -> APIUser {
        let request = APIRequest(
            endpoint: "/me",
            path: Self.version2 + "/me",
            priority: .probe,
            maximumTries: 1
        )
        return try APIUser(try await answer(to: request).object())
    }

    public func collaborations() async throws(CircleCIError) -> [APIOrganization] {
        let request = APIRequest(endpoint: "/me/collaborations", path: Self.version2 + "/me/collaborations")
        return try await list(request, APIOrganization.init)
    }

    public func followedProjects() async throws(CircleCIError) -> [String] {
        try await list(APIRequest(endpoint: "/projects", path: "/api/v1.1/projects"), APIProject.followedSlug)
    }

    public func project(_ slug: String) async throws(CircleCIError) -> APIProject {
        let path = "\(Self.version2)/project/\(try Escaping.path(slug))"
        return try APIProject(try await answer(to: APIRequest(endpoint: "/project/{slug}", path: path)).object())
    }

    public func pipelines(
        ofProject slug: String,
        pageToken: String?
    ) async throws(CircleCIError) -> APIPage<APIPipeline> {
        let path = "\(Self.version2)/project/\(try Escaping.path(slug))/pipeline"
        let request = APIRequest(endpoint: "/project/{slug}/pipeline", path: path)
        return try await page(request, token: pageToken, APIPipeline.init)
    }

    public func pipelines(
        ofOrganization slug: String,
        pageToken: String?
    ) async throws(CircleCIError) -> APIPage<APIPipeline> {
        let request = APIRequest(
            endpoint: "/pipeline",
            path: Self.version2 + "/pipeline",
            query: [("org-slug", slug)]
        )
        return try await page(request, token: pageToken, APIPipeline.init)
    }

    public func pipeline(_ id: String) async throws(CircleCIError) -> APIPipeline {
        let path = "\(Self.version2)/pipeline/\(try Escaping.segment(id))"
        return try APIPipeline(try await answer(to: APIRequest(endpoint: "/pipeline/{id}", path: path)).object())
    }

    public func workflows(ofPipeline id: String) async throws(CircleCIError) -> [APIWorkflow] {
        let path = "\(Self.version2)/pipeline/\(try Escaping.segment(id))/workflow"
        return try await allPages(APIRequest(endpoint: "/pipeline/{id}/workflow", path: path), APIWorkflow.init)
    }

    public func jobs(ofWorkflow id: String) async throws(CircleCIError) -> [APIJob] {
        let path = "\(Self.version2)/workflow/\(try Escaping.segment(id))/job"
        return try await allPages(APIRequest(endpoint: "/workflow/{id}/job", path: path), APIJob.init)
    }

    public func job(inProject slug: String, number: Int) async throws(CircleCIError) -> APIJobDetails {
        let path = "\(Self.version2)/project/\(try Escaping.path(slug))/job/\(number)"
        let request = APIRequest(endpoint: "/project/{slug}/job/{number}", path: path)
        return try APIJobDetails(try await answer(to: request).object())
    }

    public func webhooks(ofProject id: String) async throws(CircleCIError) -> [APIWebhook] {
        let request = APIRequest(
            endpoint: "/webhook",
            path: Self.version2 + "/webhook",
            query: [("scope-id", id), ("scope-type", "project")]
        )
        return try await allPages(request, APIWebhook.init)
    }

    public func createWebhook(_ draft: APIWebhookDraft) async throws(CircleCIError) -> APIWebhook {
        let request = APIRequest(
            method: .POST,
            endpoint: "/webhook",
            path: Self.version2 + "/webhook",
            body: Self.body { writer in
                writer.member("name", draft.name)
                writer.member("events", draft.events)
                writer.member("url", draft.url)
                writer.member("verify-tls", draft.verifiesTLS)
                writer.member("signing-secret", draft.signingSecret.text)
                writer.member(
                    "scope",
                    object: { scope in
                        scope.member("id", draft.projectID)
                        scope.member("type", "project")
                    }
                )
            }
        )
        return try APIWebhook(try await answer(to: request).object())
    }

    public func updateWebhook(_ id: String, _ change: APIWebhookChange) async throws(CircleCIError) -> APIWebhook {
        let request = APIRequest(
            method: .PUT,
            endpoint: "/webhook/{id}",
            path: "\(Self.version2)/webhook/\(try Escaping.segment(id))",
            body: Self.body { writer in
                if let name = change.name { writer.member("name", name) }
                if let events = change.events { writer.member("events", events) }
                if let url = change.url { writer.member("url", url) }
                if let verifiesTLS = change.verifiesTLS { writer.member("verify-tls", verifiesTLS) }
                if let secret = change.signingSecret { writer.member("signing-secret", secret.text) }
            }
        )
        return try APIWebhook(try await answer(to: request).object())
    }

    public func deleteWebhook(_ id: String) async throws(CircleCIError) {
        let path = "\(Self.version2)/webhook/\(try Escaping.segment(id))"
        _ = try await answer(to: APIRequest(method: .DELETE, endpoint: "/webhook/{id}", path: path))
    }

    /// A list that has no pages.
    private func list<Item>(
        _ request: APIRequest,
        _ read: (APIObject) throws(CircleCIError) -> Item
    ) async throws(CircleCIError) -> [Item] {
        var items: [Item] = []
        for object in try await answer(to: request).list() { items.append(try read(object)) }
        return items
    }

    private static func body(_ write: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        writer.object(write)
        return writer.bytes
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ name: String, _ texts: [String]) {
        member(name, array: { array in for text in texts { array.string(text) } })
    }
}
