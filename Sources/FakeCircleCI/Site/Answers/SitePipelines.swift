import Wire

extension SiteAPI {
    /// `/project/{slug}/pipeline`: newest first.
    func pipelines(of project: SiteProject, _ request: SiteRequest, _ now: Timestamp) -> SiteAnswer {
        let branch = request.query["branch"]
        let all = project.pipelines
        func pipeline(_ place: Int) -> SitePipeline { all[all.count - 1 - place] }
        return paging("pipelines \(project.fake.id) \(branch ?? "")").answer(request, count: all.count) { place in
            let fake = pipeline(place).fake
            return fake.isCreated(at: now) && (branch == nil || branch == fake.commit.branch)
        } write: { place, json in
            write(pipeline(place), project, to: &json)
        }
    }

    /// `/pipeline?org-slug=`: newest first, of the projects that the key's owner follows.
    func organizationPipelines(_ request: SiteRequest, _ key: SiteKey?, _ now: Timestamp) -> SiteAnswer {
        guard let slug = request.query["org-slug"] else { return .message(400, "org-slug: missing") }
        let short = SiteSlug.long(slug).map(SiteSlug.short) ?? ""
        guard let key, let all = world.organizationPipelines[short], let first = all.first,
            key.organizations?.contains(world.projects[first.project].fake.organizationIndex) ?? true
        else { return .message(404, "Organization not found") }
        func place(_ place: Int) -> (project: SiteProject, pipeline: SitePipeline) {
            let (project, pipeline) = all[all.count - 1 - place]
            return (world.projects[project], world.projects[project].pipelines[pipeline])
        }
        return paging("organization \(short)").answer(request, count: all.count) {
            let (project, pipeline) = place($0)
            return pipeline.fake.isCreated(at: now) && key.follows(project.fake)
        } write: {
            let (project, pipeline) = place($0)
            write(pipeline, project, to: &$1)
        }
    }

    func write(_ pipeline: SitePipeline, _ project: SiteProject, to json: inout JSONWriter) {
        let fake = pipeline.fake
        let createdAt = fake.createdAt.text(.seconds)
        let isIngested = options.spelling == .live && fake.project.kind.isAppStyle
        json.object { json in
            json.member("id", fake.id)
            json.member(
                "errors",
                array: { json in
                    guard pipeline.isErrored else { return }
                    json.object {
                        $0.member("type", "config")
                        $0.member("message", "Error calling workflow: 'build'")
                    }
                }
            )
            json.member("project_slug", project.shortSlug)
            json.member("updated_at", createdAt)
            json.member("number", fake.number)
            json.member("state", pipeline.isErrored ? "errored" : "created")
            json.member("created_at", createdAt)
            json.object("trigger") { json in
                json.member("type", isIngested ? "Decoupled Ingestion System" : triggerType(fake))
                json.member("received_at", isIngested ? "1970-01-01T00:00:00.000Z" : createdAt)
                let login = fake.triggerLogin
                json.object("actor") {
                    $0.member("login", login)
                    $0.member("avatar_url", avatar(login))
                }
            }
            if fake.project.kind.isAppStyle {
                writeTriggerParameters(fake, to: &json)
            } else {
                writeVCS(fake, to: &json)
            }
        }
    }

    private func triggerType(_ pipeline: FakePipeline) -> String {
        switch pipeline.trigger {
        case .push, .tag: "webhook"
        case .api: "api"
        case .schedule: "scheduled_pipeline"
        }
    }

    /// GitHub OAuth and Bitbucket Cloud. No author: the API's commits have none.
    private func writeVCS(_ pipeline: FakePipeline, to json: inout JSONWriter) {
        let commit = pipeline.commit
        let project = pipeline.project
        let target = vcsURL(project)
        let forked = target.replacing("/\(project.organizationName)/", with: "/fork-of-\(project.organizationName)/")
        json.object("vcs") { json in
            json.member("provider_name", project.kind == .github ? "GitHub" : "Bitbucket")
            json.member("target_repository_url", target)
            json.member("origin_repository_url", pipeline.isFork ? forked : target)
            json.member("revision", commit.revision)
            if let branch = commit.branch { json.member("branch", branch) }
            if let tag = commit.tag { json.member("tag", tag) }
            guard let subject = commit.subject else { return }
            json.object("commit") {
                $0.member("subject", subject)
                $0.member("body", commit.body)
            }
        }
    }

    /// GitLab and the GitHub App: the same maps as in webhooks, without the author.
    private func writeTriggerParameters(_ pipeline: FakePipeline, to json: inout JSONWriter) {
        let commit = pipeline.commit
        let project = pipeline.project
        let host = project.kind == .gitlab ? "gitlab.com" : "github.com"
        let path = "\(project.organizationName)/\(project.repository)"
        let reference = commit.tag.map { "refs/tags/\($0)" } ?? "refs/heads/\(commit.branch ?? "")"
        json.object("trigger_parameters") { json in
            json.object("git") {
                $0.member("branch", commit.branch ?? "")
                $0.member("tag", commit.tag ?? "")
                $0.member("ref", reference)
                $0.member("checkout_sha", commit.revision)
                $0.member("checkout_url", "git@\(host):\(path).git")
            }
            if pipeline.trigger != .api {
                json.object(project.kind == .gitlab ? "gitlab" : "github_app") {
                    $0.member("branch", commit.branch ?? "")
                    $0.member("tag", commit.tag ?? "")
                    $0.member("ref", reference)
                    $0.member("repo_name", project.repository)
                    $0.member("commit_sha", commit.revision)
                    $0.member("commit_title", commit.subject ?? "")
                    // A real truth value, where all others are strings.
                    if project.kind == .gitlab { $0.member("is_fork_merge_request", pipeline.isFork) }
                }
            }
            json.object("circleci") {
                $0.member("event_type", pipeline.trigger == .tag ? "tag_push" : "push")
                $0.member("event_time", pipeline.createdAt.text(.seconds))
                $0.member("trigger_type", project.kind == .gitlab ? "gitlab" : "github_app")
                $0.member("actor_id", uuid("actor \(pipeline.id)"))
            }
        }
    }
}

extension JSONWriter {
    /// A member that is an object.
    mutating func object(_ name: String, _ body: (inout JSONWriter) -> Void) {
        member(name, object: body)
    }
}
