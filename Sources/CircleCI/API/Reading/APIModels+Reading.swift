import Usage
import Wire

// How each model is read. Names and spellings as CircleCI's API description has them, and as live answers do where
// these differ.

extension APIUser {
    init(_ object: APIObject) throws(CircleCIError) {
        let login = try object.text("login")
        // Not everybody has told a name.
        let name = object.optionalText("name") ?? ""
        self.init(id: try object.text("id"), login: login, name: name.isEmpty ? login : name)
    }
}

extension APIOrganization {
    init(_ object: APIObject) throws(CircleCIError) {
        self.init(
            id: object.optionalText("id"),
            name: try object.text("name"),
            slug: try object.text("slug"),
            vcsType: try object.text("vcs-type", "vcs_type")
        )
    }
}

extension APIProject {
    init(_ object: APIObject) throws(CircleCIError) {
        self.init(
            id: try object.text("id"),
            slug: try object.text("slug"),
            name: try object.text("name"),
            organizationID: object.optionalText("organization_id"),
            organizationSlug: object.optionalText("organization_slug")
        )
    }

    /// The slug, in the long form, of an item of API v1.1's `/projects`: as it stands in newer items, else put together
    /// from its parts, else taken from the address of the repository (`https://github.com/o/r`) or of the project
    /// (`//circleci.com/<organization>/<project>`).
    static func followedSlug(_ object: APIObject) throws(CircleCIError) -> String {
        if let slug = object.optionalText("slug"), !slug.isEmpty { return ProjectSlug.longForm(slug) }
        let type = object.optionalText("vcs_type") ?? object.optionalText("vcs-type")
        if let type, type != "circleci", let user = object.optionalText("username"),
            let repository = object.optionalText("reponame")
        {
            return ProjectSlug.longForm("\(type)/\(user)/\(repository)")
        }
        let parts = try object.text("vcs_url").split(separator: "/")
        let hosts = ["circleci.com": "circleci", "github.com": "github", "bitbucket.org": "bitbucket"]
        guard parts.count >= 3, let provider = hosts[String(parts[parts.count - 3])] else {
            throw object.unexpected("vcs_url", "names no project")
        }
        return "\(provider)/\(parts[parts.count - 2])/\(parts[parts.count - 1])"
    }
}

extension APIPipeline {
    init(_ object: APIObject) throws(CircleCIError) {
        let trigger = object.optionalObject("trigger")
        self.init(
            id: try object.text("id"),
            number: try object.integer("number"),
            projectSlug: try object.text("project_slug"),
            createdAt: try object.timestamp("created_at"),
            state: try object.text("state"),
            triggerType: trigger?.optionalText("type"),
            actorLogin: trigger?.optionalObject("actor")?.optionalText("login"),
            vcs: object.optionalJSON("vcs"),
            triggerParameters: object.optionalJSON("trigger_parameters")
        )
    }
}

extension APIWorkflow {
    init(_ object: APIObject) throws(CircleCIError) {
        self.init(
            id: try object.text("id"),
            name: try object.text("name"),
            status: try object.text("status"),
            createdAt: try object.timestamp("created_at"),
            stoppedAt: try object.optionalTimestamp("stopped_at")
        )
    }
}

extension APIJob {
    init(_ object: APIObject) throws(CircleCIError) {
        self.init(
            id: try object.text("id"),
            name: try object.text("name"),
            type: try object.text("type"),
            status: try object.text("status"),
            number: try object.optionalInteger("job_number", "number"),
            startedAt: try object.optionalTimestamp("started_at"),
            stoppedAt: try object.optionalTimestamp("stopped_at")
        )
    }
}

extension APIJobDetails {
    init(_ object: APIObject) throws(CircleCIError) {
        let executor = object.optionalObject("executor")
        self.init(
            number: try object.integer("number"),
            name: try object.text("name"),
            status: try object.text("status"),
            pipelineID: try object.object("pipeline").text("id"),
            workflowID: try object.object("latest_workflow").text("id"),
            resourceClass: executor?.optionalText("resource_class"),
            executor: executor?.optionalText("type"),
            parallelism: try object.optionalInteger("parallelism")
        )
    }
}

extension APIWebhook {
    init(_ object: APIObject) throws(CircleCIError) {
        self.init(
            id: try object.text("id"),
            name: try object.text("name"),
            url: try object.text("url"),
            events: try object.texts("events"),
            verifiesTLS: try object.bool("verify-tls", "verify_tls"),
            projectID: try object.object("scope").text("id")
        )
    }
}
