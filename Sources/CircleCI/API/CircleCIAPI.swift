/// What circlemeter asks of CircleCI. Behind a protocol so that what decides by the answers can be tested without them.
///
/// Every call throws ``CircleCIError`` and waits as its key's ``APIBudget`` says. Projects are named by slug in either
/// form, or by id where the slug spells it.
public protocol CircleCIAPI: Sendable {
    /// Whose key it is. The one call whose 401 means that the key is dead: a bad key answers 404 on projects.
    /// Tried once: whether to try again is the caller's to say.
    func me() async throws(CircleCIError) -> APIUser
    /// The organizations of the key's owner.
    func collaborations() async throws(CircleCIError) -> [APIOrganization]
    /// Slugs, in the long form, of the projects that the key's owner follows (API v1.1, which alone lists them).
    func followedProjects() async throws(CircleCIError) -> [String]
    func project(_ slug: String) async throws(CircleCIError) -> APIProject
    /// A page of a project's pipelines, newest first as far as is known.
    func pipelines(
        ofProject slug: String,
        pageToken: String?
    ) async throws(CircleCIError) -> APIPage<APIPipeline>
    /// A page of the latest pipelines of an organization's followed projects (at most 250 projects).
    func pipelines(
        ofOrganization slug: String,
        pageToken: String?
    ) async throws(CircleCIError) -> APIPage<APIPipeline>
    /// `GET /pipeline/{id}`.
    func pipeline(_ id: String) async throws(CircleCIError) -> APIPipeline
    /// All pages.
    func workflows(ofPipeline id: String) async throws(CircleCIError) -> [APIWorkflow]
    /// All pages.
    func jobs(ofWorkflow id: String) async throws(CircleCIError) -> [APIJob]
    func job(inProject slug: String, number: Int) async throws(CircleCIError) -> APIJobDetails
    /// All pages. At most five at CircleCI.
    func webhooks(ofProject id: String) async throws(CircleCIError) -> [APIWebhook]
    /// Never sent twice: after an error without an answer the list says whether it was made.
    func createWebhook(
        _ draft: APIWebhookDraft
    ) async throws(CircleCIError) -> APIWebhook
    /// Changes what is not nil.
    func updateWebhook(_ id: String, _ change: APIWebhookChange) async throws(CircleCIError) -> APIWebhook
    func deleteWebhook(_ id: String) async throws(CircleCIError)
}

/// A webhook that is to be created.
public struct APIWebhookDraft: Sendable {
    public var name: String
    public var url: String
    public var events: [String]
    public var verifiesTLS: Bool
    public var signingSecret: SigningSecretText
    /// The project's id.
    public var projectID: String

    public init(
        name: String,
        url: String,
        events: [String],
        verifiesTLS: Bool,
        signingSecret: SigningSecretText,
        projectID: String
    ) {
        self.name = name
        self.url = url
        self.events = events
        self.verifiesTLS = verifiesTLS
        self.signingSecret = signingSecret
        self.projectID = projectID
    }
}

/// What is to change of a webhook; nil stays as it is. Its project cannot change.
public struct APIWebhookChange: Sendable {
    public var name: String?
    public var url: String?
    public var events: [String]?
    public var verifiesTLS: Bool?
    public var signingSecret: SigningSecretText?

    public init(
        name: String? = nil,
        url: String? = nil,
        events: [String]? = nil,
        verifiesTLS: Bool? = nil,
        signingSecret: SigningSecretText? = nil
    ) {
        self.name = name
        self.url = url
        self.events = events
        self.verifiesTLS = verifiesTLS
        self.signingSecret = signingSecret
    }
}
