public import Wire

// What the API v2 answers, as far as it is used here. Words of open sets (states, types) stay texts: new ones appear.

/// Who a key belongs to: `GET /me`.
public struct APIUser: Hashable, Sendable {
    public var id: String
    public var login: String
    public var name: String

    public init(id: String, login: String, name: String) {
        self.id = id
        self.login = login
        self.name = name
    }
}

/// An organization that the key's owner works in: an item of `GET /me/collaborations`.
public struct APIOrganization: Hashable, Sendable {
    /// Nil where the answer has none.
    public var id: String?
    public var name: String
    /// Short form: `gh/acme`, `circleci/<base58>`.
    public var slug: String
    /// `github`, `bitbucket`, `circleci`.
    public var vcsType: String

    public init(id: String?, name: String, slug: String, vcsType: String) {
        self.id = id
        self.name = name
        self.slug = slug
        self.vcsType = vcsType
    }
}

/// `GET /project/{slug}`.
public struct APIProject: Hashable, Sendable {
    public var id: String
    /// As CircleCI says it, mostly the short form: `gh/acme/web`.
    public var slug: String
    public var name: String
    public var organizationID: String?
    public var organizationSlug: String?

    public init(id: String, slug: String, name: String, organizationID: String?, organizationSlug: String?) {
        self.id = id
        self.slug = slug
        self.name = name
        self.organizationID = organizationID
        self.organizationSlug = organizationSlug
    }
}

/// An item of `GET /project/{slug}/pipeline`. A pipeline has no overall result: its workflows have.
public struct APIPipeline: Hashable, Sendable {
    public var id: String
    public var number: Int
    public var projectSlug: String
    public var createdAt: Timestamp
    /// `created`, `errored`, `setup-pending`, `setup`, `pending`.
    public var state: String
    public var triggerType: String?
    /// Who or what triggered it.
    public var actorLogin: String?
    /// The member `vcs`, compact JSON as it came, whose spelling is the webhook's; nil where it is absent or null.
    public var vcs: [UInt8]?
    /// The member `trigger_parameters`, compact JSON as it came; nil where it is absent or null.
    public var triggerParameters: [UInt8]?

    public init(
        id: String,
        number: Int,
        projectSlug: String,
        createdAt: Timestamp,
        state: String,
        triggerType: String? = nil,
        actorLogin: String? = nil,
        vcs: [UInt8]? = nil,
        triggerParameters: [UInt8]? = nil
    ) {
        self.id = id
        self.number = number
        self.projectSlug = projectSlug
        self.createdAt = createdAt
        self.state = state
        self.triggerType = triggerType
        self.actorLogin = actorLogin
        self.vcs = vcs
        self.triggerParameters = triggerParameters
    }
}

/// An item of `GET /pipeline/{id}/workflow`. Times have whole seconds.
public struct APIWorkflow: Hashable, Sendable {
    public var id: String
    public var name: String
    public var status: String
    public var createdAt: Timestamp
    /// Nil while it runs.
    public var stoppedAt: Timestamp?

    public init(id: String, name: String, status: String, createdAt: Timestamp, stoppedAt: Timestamp?) {
        self.id = id
        self.name = name
        self.status = status
        self.createdAt = createdAt
        self.stoppedAt = stoppedAt
    }
}

/// An item of `GET /workflow/{id}/job`. Times have whole seconds.
public struct APIJob: Hashable, Sendable {
    public var id: String
    public var name: String
    /// `build`, `approval`.
    public var type: String
    public var status: String
    /// Absent until it is started, and for most approvals.
    public var number: Int?
    public var startedAt: Timestamp?
    public var stoppedAt: Timestamp?

    public init(
        id: String,
        name: String,
        type: String,
        status: String,
        number: Int?,
        startedAt: Timestamp?,
        stoppedAt: Timestamp?
    ) {
        self.id = id
        self.name = name
        self.type = type
        self.status = status
        self.number = number
        self.startedAt = startedAt
        self.stoppedAt = stoppedAt
    }
}

/// `GET /project/{slug}/job/{number}`.
public struct APIJobDetails: Hashable, Sendable {
    public var number: Int
    public var name: String
    public var status: String
    public var pipelineID: String
    /// Of the latest workflow that the job is part of.
    public var workflowID: String
    public var resourceClass: String?
    /// `docker`, `machine`, `macos`; absent in older answers.
    public var executor: String?
    public var parallelism: Int?

    public init(
        number: Int,
        name: String,
        status: String,
        pipelineID: String,
        workflowID: String,
        resourceClass: String?,
        executor: String?,
        parallelism: Int?
    ) {
        self.number = number
        self.name = name
        self.status = status
        self.pipelineID = pipelineID
        self.workflowID = workflowID
        self.resourceClass = resourceClass
        self.executor = executor
        self.parallelism = parallelism
    }
}

/// An outbound webhook of a project. Its secret cannot be read back.
public struct APIWebhook: Hashable, Sendable {
    public var id: String
    public var name: String
    public var url: String
    /// `workflow-completed`, `job-completed`.
    public var events: [String]
    /// `verify-tls`, or `verify_tls` as live answers spell it.
    public var verifiesTLS: Bool
    /// The project's id.
    public var projectID: String

    public init(id: String, name: String, url: String, events: [String], verifiesTLS: Bool, projectID: String) {
        self.id = id
        self.name = name
        self.url = url
        self.events = events
        self.verifiesTLS = verifiesTLS
        self.projectID = projectID
    }
}

/// A page of a list.
public struct APIPage<Item: Sendable>: Sendable {
    public var items: [Item]
    /// Nil on the last page.
    public var nextPageToken: String?

    public init(items: [Item], nextPageToken: String?) {
        self.items = items
        self.nextPageToken = nextPageToken
    }
}
