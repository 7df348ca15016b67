import Wire

/// The API: what is answered to whom. A project that the key does not see is not there (`Project not found`), also for a
/// key that is none; only calls that need no project tell a bad key.
struct SiteAPI {
    let world: SiteWorld
    let options: FakeSiteOptions

    func answer(_ request: SiteRequest, _ state: inout SiteState) -> SiteAnswer {
        let key = state.key(of: request)
        switch request.route {
        case .webhooks: return webhooks(request, key, &state)
        case .webhook(let id): return webhook(id, request, key, &state)
        case .usageExports(let organization) where request.method == "POST":
            return startUsageExport(organization, request, key, &state)
        case _ where request.method != "GET": return .message(404, "Not Found")
        case .unknown: return .message(404, "Not Found")
        case .me, .collaborations, .followedProjects:
            guard let key else { return .message(401, "You must log in first.") }
            return own(request, key)
        case .usageExport(let organization, let id): return usageExport(id, organization, key, &state)
        case .download(let id, let file): return download(id, file, request, &state)
        case .usageExports: return .message(404, "Not Found")
        case .user(let id): return user(id, key)
        case .project(let slug):
            guard let project = project(slug, key) else { return .message(404, "Project not found") }
            return SiteAnswer { write(project, to: &$0) }
        case .projectPipelines(let slug):
            guard let project = project(slug, key) else { return .message(404, "Project not found") }
            return pipelines(of: project, request, state.now)
        case .job(let slug, let number):
            guard let project = project(slug, key) else { return .message(404, "Project not found") }
            return job(number, project, state)
        case .organizationPipelines: return organizationPipelines(request, key, state.now)
        case .pipeline(let id), .workflows(let id):
            guard let (project, pipeline) = world.pipeline(id), key?.sees(project.fake) == true,
                pipeline.fake.isCreated(at: state.now)
            else { return .message(404, "Pipeline not found") }
            guard case .workflows = request.route else {
                return SiteAnswer { write(pipeline, project, to: &$0) }
            }
            if state.faults.alwaysFailing.contains(pipeline.fake.id) { return Self.failure }
            return workflows(of: pipeline, project, request, state.now)
        case .workflow(let id), .jobs(let id):
            guard let (project, workflow) = world.workflow(id), key?.sees(project.fake) == true,
                workflow.isCreated(at: state.now)
            else { return .message(404, "Workflow not found") }
            guard case .jobs = request.route else {
                return SiteAnswer { write(workflow, project, state.now, to: &$0) }
            }
            if state.faults.alwaysFailing.contains(workflow.id) { return Self.failure }
            return jobs(of: workflow, project, request, state.now)
        }
    }

    static let failure = SiteAnswer.message(500, "Internal Server Error")

    /// The project, where the key sees it.
    private func project(_ slug: String, _ key: SiteKey?) -> SiteProject? {
        guard let project = world.project(slug: slug), key?.sees(project.fake) == true else { return nil }
        return project
    }

    func paging(_ name: String) -> SitePaging {
        SitePaging(name: name, size: options.pageSize, seed: options.seed)
    }

    /// A UUID of a thing's own.
    func uuid(_ name: String) -> String {
        var random = SiteExtras.random(name, options.seed ^ 0x7575_6964)
        return random.uuid()
    }

    // MARK: What belongs to the key

    private func own(_ request: SiteRequest, _ key: SiteKey) -> SiteAnswer {
        switch request.route {
        case .me:
            return SiteAnswer {
                $0.object {
                    $0.member("id", uuid("user \(key.login)"))
                    $0.member("login", key.login)
                    $0.member("name", key.login)
                    if options.spelling == .live { $0.member("avatar_url", avatar(key.login)) }
                }
            }
        case .collaborations: return collaborations(key)
        default: return followedProjects(key)
        }
    }

    /// A bare array. An organization with projects of several kinds, which histories have and CircleCI has not, is
    /// there once for each, under one id.
    private func collaborations(_ key: SiteKey) -> SiteAnswer {
        var slugs: [String] = []
        var names: [String: FakeProject] = [:]
        for project in world.projects where names[project.organizationSlug] == nil {
            // The organization stays, also where all of its projects are lost.
            guard key.organizations?.contains(project.fake.organizationIndex) ?? true else { continue }
            names[project.organizationSlug] = project.fake
            slugs.append(project.organizationSlug)
        }
        let type = options.spelling == .live ? "vcs_type" : "vcs-type"
        return SiteAnswer { json in
            json.array { json in
                for slug in slugs {
                    guard let project = names[slug] else { continue }
                    json.object {
                        $0.member("id", project.organizationID)
                        $0.member(type, vcsType(project))
                        $0.member("name", project.organizationName)
                        $0.member("avatar_url", avatar(project.organizationName))
                        $0.member("slug", slug)
                    }
                }
            }
        }
    }

    /// API v1.1.
    private func followedProjects(_ key: SiteKey) -> SiteAnswer {
        SiteAnswer { json in
            json.array { json in
                for project in world.projects where key.follows(project.fake) {
                    let fake = project.fake
                    // Of App-style projects these are ids in base58.
                    let parts = fake.slug.split(separator: "/").map(String.init)
                    json.object {
                        $0.member("vcs_type", vcsType(fake))
                        $0.member("username", parts[1])
                        $0.member("reponame", parts[2])
                        $0.member("vcs_url", vcsURL(fake))
                        $0.member("default_branch", fake.defaultBranch)
                        $0.member("following", true)
                        if fake.kind.isAppStyle { $0.member("slug", fake.slug) }
                    }
                }
            }
        }
    }

    func avatar(_ name: String) -> String {
        "https://avatars.example.com/\(uuid("avatar \(name)"))"
    }

    func vcsType(_ project: FakeProject) -> String {
        switch project.kind {
        case .github: "github"
        case .bitbucket: "bitbucket"
        case .gitlab, .githubApp: "circleci"
        }
    }

    func vcsURL(_ project: FakeProject) -> String {
        let path = "\(project.organizationName)/\(project.repository)"
        return switch project.kind {
        case .github: "https://github.com/\(path)"
        case .bitbucket: "https://bitbucket.org/\(path)"
        case .gitlab, .githubApp: "//circleci.com/\(project.organizationID)/\(project.id)"
        }
    }

    private func write(_ project: SiteProject, to json: inout JSONWriter) {
        let fake = project.fake
        json.object { json in
            json.member("slug", project.shortSlug)
            json.member("name", fake.name)
            json.member("id", fake.id)
            json.member("organization_name", fake.organizationName)
            json.member("organization_slug", project.organizationSlug)
            json.member("organization_id", fake.organizationID)
            json.object("vcs_info") {
                $0.member("vcs_url", vcsURL(fake))
                $0.member("provider", ["github": "GitHub", "bitbucket": "Bitbucket"][vcsType(fake)] ?? "CircleCI")
                $0.member("default_branch", fake.defaultBranch)
            }
        }
    }
}
