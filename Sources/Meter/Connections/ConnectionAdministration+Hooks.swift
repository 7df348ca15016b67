import CircleCI
import Wire

extension ConnectionAdministration {
    /// How the hook of each project differs from what it should be. Changes nothing.
    ///
    /// - Throws: `unknown_connection`, `no_api_key`, `organization_not_found`, `key_rejected`, `circleci_unavailable`.
    package func drift(of id: String) async throws -> [HookDrift] {
        let (connection, api) = try knownWithKey(id)
        let organization = try await KeyCheck(api: api).organization(connection.organization)
        let found = await projects(of: connection, at: organization, api)
        let keeper = keeper(for: connection, api)
        let drifts = await concurrentMap(found.projects) { await keeper.drift($0) }
        let unreadable = found.unreadable.map { report in
            HookDrift(
                slug: report.slug,
                projectID: report.projectID,
                problems: [.unreadable(report.outcome.reason ?? report.outcome.word)]
            )
        }
        return (drifts + unreadable).sorted { $0.slug < $1.slug }
    }

    /// Makes each project's hook right, and makes those that are missing.
    ///
    /// - Parameter sendingSecret: Whether hooks that look right are told the secret, too: nobody can read which one they
    ///   have. For deliveries whose signature fits none.
    /// - Throws: As ``drift(of:)``.
    package func repairHooks(of id: String, sendingSecret: Bool = false) async throws -> HooksReport {
        try await turn(id) {
            let (connection, api) = try knownWithKey(id)
            let organization = try await KeyCheck(api: api).organization(connection.organization)
            return await ensureHooks(
                of: connection,
                at: organization,
                api,
                isNew: false,
                sending: sendingSecret ? .always : .unlessKnown,
                isAsked: true
            )
        }
    }

    func ensureHooks(
        of connection: Connection,
        at organization: APIOrganization,
        _ api: any CircleCIAPI,
        isNew: Bool,
        sending: HookKeeper.SecretSending,
        isAsked: Bool
    ) async -> HooksReport {
        let found = await projects(of: connection, at: organization, api)
        let keeper = keeper(for: connection, api)
        let reports = await concurrentMap(found.projects) { project in
            guard isAsked else {
                return ProjectReport(slug: project.slug, projectID: project.id, outcome: .notAsked)
            }
            let result = await keeper.ensure(project, isNew: isNew, sending: sending)
            return await kept(result, project, of: connection.id)
        }
        return report(of: connection.id, reports, found)
    }

    /// Remembers the hook. Where that fails it will be found again by its URL.
    func kept(_ result: HookKeeper.Result, _ project: HookKeeper.Project, of id: String) async -> ProjectReport {
        var report = ProjectReport(
            slug: project.slug,
            projectID: project.id,
            webhookID: result.hook?.id,
            outcome: result.outcome
        )
        guard result.outcome.isGood, let hook = result.hook, hook.id != project.webhookID else { return report }
        let known = ProjectHook(projectID: project.id, slug: project.slug, webhookID: hook.id, createdAt: now())
        do {
            try await store.update(id) { connection in
                connection.hooks.removeAll { $0.projectID == known.projectID }
                connection.hooks.append(known)
                connection.hooks.sort { $0.slug < $1.slug }
            }
        } catch {
            report.outcome = .failed(error.code.rawValue)
        }
        return report
    }

    func projects(
        of connection: Connection,
        at organization: APIOrganization,
        _ api: any CircleCIAPI
    ) async -> ConnectionProjects.Found {
        let named = connection.projects + (await seenProjects(connection.id))
        return await ConnectionProjects(api: api, organization: organization)
            .find(named: named, hooks: connection.hooks)
    }

    func keeper(for connection: Connection, _ api: any CircleCIAPI) -> HookKeeper {
        HookKeeper(
            api: api,
            expected: ExpectedHook(connection: connection.id, publicURL: publicURL),
            secret: connection.currentSecret.secret
        )
    }

    func report(
        of id: String,
        _ reports: [ProjectReport],
        _ found: ConnectionProjects.Found
    ) -> HooksReport {
        HooksReport(
            connection: id,
            hookURL: hookURL(of: id),
            projects: (reports + found.unreadable).sorted { $0.slug < $1.slug },
            listingProblem: found.listingProblem
        )
    }
}
