import Wire

/// A project at the site.
struct SiteProject: Sendable {
    let fake: FakeProject
    /// As answers spell it: `gh/acme/web`.
    let shortSlug: String
    let organizationSlug: String
    /// In the order of their creation.
    var pipelines: [SitePipeline] = []
    /// By number: the workflow's id, and the job's place in it.
    var jobs: [Int: (workflowID: String, index: Int)] = [:]
}

/// A pipeline at the site.
struct SitePipeline: Sendable {
    let fake: FakePipeline
    /// In the order of their creation.
    var workflows: [FakeWorkflow] = []
    /// Failed in its configuration: one that the site adds.
    var isErrored = false
}

/// All of a history, to be looked up, and what the site adds to it.
struct SiteWorld: Sendable {
    let history: FakeHistory
    let organizations: [FakeOrganization]
    private(set) var projects: [SiteProject] = []
    private(set) var approvals: [String: SiteApproval] = [:]
    /// Of organizations by short slug: the pipelines of its projects in the order of their creation.
    private(set) var organizationPipelines: [String: [(project: Int, pipeline: Int)]] = [:]
    private var projectsBySlug: [String: Int] = [:]
    private var projectsByID: [String: Int] = [:]
    private var pipelines: [String: (project: Int, pipeline: Int)] = [:]
    private var workflows: [String: (project: Int, workflow: FakeWorkflow)] = [:]

    init(history: FakeHistory, options: FakeSiteOptions) {
        self.history = history
        organizations = history.organizations
        for project in organizations.flatMap(\.projects) {
            let index = projects.count
            projectsBySlug[project.slug] = index
            projectsByID[project.id] = index
            projects.append(
                SiteProject(
                    fake: project,
                    shortSlug: SiteSlug.short(project.slug),
                    organizationSlug: SiteSlug.organization(of: SiteSlug.short(project.slug))
                )
            )
        }
        add(history.workflows)
        addExtras(options)
        arrange()
    }

    /// The project of a slug in any form.
    func project(slug: String) -> SiteProject? {
        SiteSlug.long(slug).flatMap { projectsBySlug[$0] }.map { projects[$0] }
    }

    func project(id: String) -> SiteProject? {
        projectsByID[id.lowercased()].map { projects[$0] }
    }

    func pipeline(_ id: String) -> (project: SiteProject, pipeline: SitePipeline)? {
        pipelines[id.lowercased()].map { (projects[$0.project], projects[$0.project].pipelines[$0.pipeline]) }
    }

    func workflow(_ id: String) -> (project: SiteProject, workflow: FakeWorkflow)? {
        workflows[id.lowercased()].map { (projects[$0.project], $0.workflow) }
    }

    private mutating func add(_ all: FakeWorkflows) {
        for workflow in all {
            let fake = workflow.pipeline
            guard let project = projectsByID[fake.project.id] else { continue }
            if pipelines[fake.id] == nil {
                pipelines[fake.id] = (project, projects[project].pipelines.count)
                projects[project].pipelines.append(SitePipeline(fake: fake))
            }
            guard let place = pipelines[fake.id] else { continue }
            projects[project].pipelines[place.pipeline].workflows.append(workflow)
            workflows[workflow.id] = (project, workflow)
            for (index, job) in workflow.jobs.enumerated() {
                projects[project].jobs[job.number] = (workflow.id, index)
            }
        }
    }

    private mutating func addExtras(_ options: FakeSiteOptions) {
        for index in projects.indices {
            let project = projects[index]
            var extras = SiteExtras(options: options, project: project)
            for pipeline in project.pipelines {
                if let errored = extras.erroredPipeline(after: pipeline) { projects[index].pipelines.append(errored) }
                for workflow in pipeline.workflows { approvals[workflow.id] = extras.approval(of: workflow) }
            }
        }
    }

    private mutating func arrange() {
        for index in projects.indices {
            projects[index].pipelines.sort {
                ($0.fake.createdAt, $0.fake.number) < ($1.fake.createdAt, $1.fake.number)
            }
            for (place, pipeline) in projects[index].pipelines.enumerated() {
                pipelines[pipeline.fake.id] = (index, place)
                organizationPipelines[projects[index].organizationSlug, default: []].append((index, place))
            }
        }
        for slug in organizationPipelines.keys {
            organizationPipelines[slug]?.sort { [projects] in
                let (first, second) = (
                    projects[$0.project].pipelines[$0.pipeline].fake.createdAt,
                    projects[$1.project].pipelines[$1.pipeline].fake.createdAt
                )
                return (first, $0.project, $0.pipeline) < (second, $1.project, $1.pipeline)
            }
        }
    }
}

/// The forms of slugs.
enum SiteSlug {
    private static let providers = [("github", "gh"), ("bitbucket", "bb")]

    /// `gh/acme/web` of `github/acme/web`.
    static func short(_ slug: String) -> String {
        for (long, short) in providers where slug.hasPrefix(long + "/") { return short + slug.dropFirst(long.count) }
        return slug
    }

    /// The first two parts.
    static func organization(of slug: String) -> String {
        slug.split(separator: "/", omittingEmptySubsequences: false).prefix(2).joined(separator: "/")
    }

    /// The long form of either form; ids of App-style slugs as base58. Nil for what is no slug.
    static func long(_ slug: String) -> String? {
        var parts = slug.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 2, parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        if let provider = providers.first(where: { $0.1 == parts[0] }) { parts[0] = provider.0 }
        if parts[0] == "circleci" {
            for index in parts.indices.dropFirst() {
                if let id = Identity.uuid(parts[index]) { parts[index] = Base58.encode(id) }
            }
        }
        return parts.joined(separator: "/")
    }
}
