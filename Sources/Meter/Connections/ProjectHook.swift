public import Wire

/// The webhook of a project at CircleCI, as it was last known.
public struct ProjectHook: Hashable, Sendable {
    public var projectID: String
    /// Long form: `github/acme/web`.
    public var slug: String
    public var webhookID: String
    /// When it was made, or found.
    public var createdAt: Timestamp

    public init(projectID: String, slug: String, webhookID: String, createdAt: Timestamp) {
        self.projectID = projectID
        self.slug = slug
        self.webhookID = webhookID
        self.createdAt = createdAt
    }

    /// `{"project_id","slug","webhook_id","created_at"}`.
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("project_id", projectID)
            json.member("slug", slug)
            json.member("webhook_id", webhookID)
            json.member("created_at", createdAt.description)
        }
    }
}

extension ProjectHook {
    init?(_ stored: ConnectionFile.Stored.Hook) {
        guard let projectID = stored.projectID, let slug = stored.slug, let webhookID = stored.webhookID,
            let createdAt = stored.createdAt
        else { return nil }
        self.init(projectID: projectID, slug: slug, webhookID: webhookID, createdAt: createdAt)
    }
}
