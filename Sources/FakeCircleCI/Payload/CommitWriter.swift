import Wire

/// Writes where a pipeline's code comes from: `vcs` for GitHub OAuth and Bitbucket Cloud, `trigger_parameters` for GitLab
/// and the GitHub App (outbound webhooks reference; the members of the maps as seen in real deliveries).
struct CommitWriter {
    let pipeline: FakePipeline

    private var commit: FakeCommit { pipeline.commit }
    private var project: FakeProject { pipeline.project }

    var triggerType: String {
        switch (pipeline.trigger, project.kind) {
        case (.api, _): "api"
        case (.schedule, _): "schedule"
        case (_, .gitlab): "gitlab"
        case (_, .githubApp): "github_app"
        case (_, .github), (_, .bitbucket): "webhook"
        }
    }

    private var host: String {
        switch project.kind {
        case .github, .githubApp: "github.com"
        case .bitbucket: "bitbucket.org"
        case .gitlab: "gitlab.com"
        }
    }

    private var path: String { "\(project.organizationName)/\(project.repository)" }

    func writeVCS(to json: inout JSONWriter, _ style: inout WritingStyle) {
        let commit = commit
        let target = "https://\(host)/\(path)"
        let origin =
            pipeline.isFork ? "https://\(host)/fork-of-\(project.organizationName)/\(project.repository)" : target
        var inner = style
        style.object("vcs", 6, to: &json) { index, json in
            switch index {
            case 0: json.member("provider_name", project.kind == .github ? "github" : "bitbucket")
            case 1: json.member("origin_repository_url", origin)
            case 2: json.member("target_repository_url", target)
            case 3: json.member("revision", commit.revision)
            case 4: writeCommit(to: &json, &inner)
            default: json.member("branch", commit.branch)
            }
        }
    }

    private func writeCommit(to json: inout JSONWriter, _ style: inout WritingStyle) {
        let commit = commit
        let hasCommitter = project.kind == .github
        let committedAt = commit.committedAt?.text(.seconds, zone: style.zone)
        style.object("commit", 6, to: &json) { index, json in
            switch index {
            case 0: json.member("subject", commit.subject)
            case 1: json.member("body", commit.body)
            case 2: writePerson("author", commit.authorName, commit.authorEmail, to: &json)
            case 3: json.member("authored_at", committedAt)
            case 4:
                // Bitbucket tells no committer.
                let name = hasCommitter ? commit.authorName : nil
                writePerson("committer", name, hasCommitter ? commit.authorEmail : nil, to: &json)
            default: json.member("committed_at", hasCommitter ? committedAt : nil)
            }
        }
    }

    private func writePerson(_ member: String, _ name: String?, _ email: String?, to json: inout JSONWriter) {
        json.member(
            member,
            object: {
                $0.member("name", name)
                $0.member("email", email)
            }
        )
    }

    func writeTriggerParameters(to json: inout JSONWriter, _ style: inout WritingStyle) {
        let isGitLab = project.kind == .gitlab
        // What no commit started has no map of the provider, but an empty one of the request.
        let isRequested = pipeline.trigger == .api || pipeline.trigger == .schedule
        var inner = style
        style.object("trigger_parameters", 4, to: &json) { index, json in
            switch index {
            case 0 where isGitLab: if !isRequested { writeGitLab(to: &json, &inner) }
            case 0: writeGitHubApp(to: &json, &inner)
            case 1: writeGit(to: &json, &inner)
            case 2: writeCircleCI(to: &json, &inner)
            default: if isRequested { json.member("webhook", object: { $0.member("body", "{}") }) }
            }
        }
    }

    private var reference: String {
        commit.tag.map { "refs/tags/\($0)" } ?? "refs/heads/\(commit.branch ?? "")"
    }

    private func writeGitLab(to json: inout JSONWriter, _ style: inout WritingStyle) {
        let time = commit.committedAt?.text(.seconds, zone: "+00:00") ?? ""
        let members: [(String, String)] = [
            ("web_url", "https://gitlab.com/\(path)"), ("x_gitlab_event_id", ""),
            ("commit_author_name", commit.authorName ?? ""), ("user_id", "9534789"),
            ("user_name", commit.authorName ?? ""), ("user_username", commit.authorName ?? ""),
            ("branch", commit.branch ?? ""), ("commit_title", commit.subject ?? ""), ("tag", commit.tag ?? ""),
            ("commit_message", commit.body ?? ""), ("total_commits_count", "1"),
            ("repo_url", "git@gitlab.com:\(path).git"), ("type", pipeline.isFork ? "merge_request" : "push"),
            ("project_id", "33852820"), ("ref", reference), ("repo_name", project.repository),
            ("commit_author_email", commit.authorEmail ?? ""), ("checkout_sha", commit.revision),
            ("commit_timestamp", time), ("commit_sha", commit.revision), ("default_branch", project.defaultBranch),
        ]
        style.object("gitlab", members.count + 1, to: &json) { index, json in
            if index < members.count {
                json.member(members[index].0, members[index].1)
            } else {
                // A real truth value, where all others are strings.
                json.member("is_fork_merge_request", pipeline.isFork)
            }
        }
    }

    private func writeGitHubApp(to json: inout JSONWriter, _ style: inout WritingStyle) {
        let members: [(String, String)] = [
            ("commit_author_name", commit.authorName ?? ""), ("owner", project.organizationName),
            ("full_ref", reference), ("forced", "false"), ("user_username", commit.authorName ?? ""),
            ("branch", commit.branch ?? ""), ("tag", commit.tag ?? ""), ("commit_title", commit.subject ?? ""),
            ("repo_url", "https://github.com/\(path)"), ("ref", commit.tag ?? commit.branch ?? ""),
            ("repo_name", project.repository), ("commit_author_email", commit.authorEmail ?? ""),
            ("total_commits_count", "1"), ("commit_sha", commit.revision),
        ]
        style.object("github_app", members.count, to: &json) { index, json in
            json.member(members[index].0, members[index].1)
        }
    }

    private func writeGit(to json: inout JSONWriter, _ style: inout WritingStyle) {
        let members: [(String, String)] = [
            ("tag", commit.tag ?? ""), ("checkout_sha", commit.revision), ("ref", reference),
            ("branch", commit.branch ?? ""), ("checkout_url", "git@\(host):\(path).git"),
        ]
        style.object("git", members.count, to: &json) { index, json in
            json.member(members[index].0, members[index].1)
        }
    }

    private func writeCircleCI(to json: inout JSONWriter, _ style: inout WritingStyle) {
        var random = SeededGenerator(seed: UInt64(truncatingIfNeeded: Identity.of(pipeline.id)))
        let nanosecond = random.integer(in: 0...999)
        let isGitLab = project.kind == .gitlab
        let eventType =
            switch pipeline.trigger {
            case .push: "push"
            case .tag: "tag_push"
            case .api: "create pipeline run api"
            case .schedule: "schedule"
            }
        let members: [(String, String)] = [
            ("config_source_id", random.uuid()),
            (
                "event_time",
                isGitLab ? style.time(pipeline.createdAt) : pipeline.createdAt.goText(nanosecond: nanosecond)
            ),
            ("actor_id", random.uuid()), ("provider_actor_id", random.uuid()), ("trigger_id", random.uuid()),
            ("event_type", eventType), ("trigger_type", isGitLab ? "gitlab" : "github_app"),
        ]
        style.object("circleci", members.count, to: &json) { index, json in
            json.member(members[index].0, members[index].1)
        }
    }
}
