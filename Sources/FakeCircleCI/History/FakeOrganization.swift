/// An organization at the made-up CircleCI.
public struct FakeOrganization: Sendable {
    /// Its place among the history's organizations.
    public let index: Int
    public let id: String
    public let name: String
    public let projects: [FakeProject]
}

/// A project, with what it runs and where its events go.
public struct FakeProject: Sendable {
    public enum Kind: Sendable, CaseIterable {
        /// GitHub through OAuth.
        case github
        /// Bitbucket Cloud.
        case bitbucket
        /// GitLab: App style, with a base58 slug and trigger parameters.
        case gitlab
        /// GitHub through the App: App style, too.
        case githubApp

        /// Whether events have `trigger_parameters` instead of `vcs`.
        public var isAppStyle: Bool { self == .gitlab || self == .githubApp }
    }

    public let organizationIndex: Int
    public let organizationID: String
    public let organizationName: String
    /// Its place among the organization's projects.
    public let index: Int
    public let kind: Kind
    public let id: String
    /// May be empty.
    public let name: String
    /// The long form: `github/o/r`, `bitbucket/o/r`, `circleci/<base58>/<base58>`.
    public let slug: String
    public let repository: String
    public let defaultBranch: String
    public let branches: [String]
    /// One or two, all leading to the same receiver.
    public let webhooks: [FakeWebhook]
    /// Whether both webhooks tell of an event under one id.
    public let sharesEventIDs: Bool
    /// The workflows of a push, then those of a schedule.
    public let workflows: [FakeWorkflowTemplate]
}

/// A webhook on a project.
public struct FakeWebhook: Sendable {
    public let id: String
    public let name: String
}

/// A workflow of a project's configuration.
public struct FakeWorkflowTemplate: Sendable {
    public let name: String
    public let isScheduled: Bool
    /// Jobs of one stage start together once the stage before has ended.
    public let stages: [[FakeJobTemplate]]
}

/// A job of a project's configuration.
public struct FakeJobTemplate: Sendable {
    public let name: String
    public let usualMilliseconds: Int
    public let resourceClass: String
    public let executor: String
    public let parallelism: Int
}
