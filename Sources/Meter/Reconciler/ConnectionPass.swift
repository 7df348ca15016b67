import CircleCI
import EventLog
import Logging
import Usage
import Wire

/// One walk over all projects of a connection.
struct ConnectionPass: Sendable {
    /// What the next pass of the connection goes on from.
    struct Memory: Sendable {
        var projects: [String: ProjectMemory] = [:]
        var found: ProjectFinder.Found = [:]
        /// Slugs that the key's owner follows, and when they were asked for.
        var followed: [String] = []
        var followedAt: Timestamp?
        var described = JobDescriber.Memory()
    }

    /// Projects in succession that may fail: then it is CircleCI that is away.
    private static let maximumFailures = 3
    /// Followed projects are asked for again after so long.
    private static let followedSeconds = 3600.0

    let connection: Connection
    let request: ReconcileRequest
    let api: any CircleCIAPI
    let knowledge: any ReconcileKnowledge
    let monitor: ConnectionMonitor
    let options: ReconcileOptions
    let append: @Sendable ([LogEntry]) async throws -> Void
    let now: @Sendable () -> Timestamp
    let pauseBeforeConfirming: @Sendable () async throws -> Void
    let planned: @Sendable (_ project: String, [APIEvent]) async -> Void
    let progress: @Sendable (ReconcileProgress) async -> Void
    let logger: Logger

    /// - Throws: what is no answer of CircleCI: the log's errors, cancellation.
    func run(_ memory: inout Memory) async throws -> ReconcileReport {
        var report = ReconcileReport(connection: connection.id)
        do throws(CircleCIError) {
            try await probe.check()
        } catch {
            guard error.code != .cancelled else { throw CancellationError() }
            report.error = error
            return report
        }
        do {
            try await knowledge.catchUp()
            let projects = try await run(&memory, &report)
            await monitor.observe(.callSucceeded, of: connection.id)
            try await describe(projects, &memory, &report)
        } catch let error as CircleCIError {
            report.error = error
            try await observe(error)
        }
        return report
    }

    /// The pass is done by then: what goes wrong with it is no failure of the pass.
    private func describe(
        _ projects: [ReconcileProject],
        _ memory: inout Memory,
        _ report: inout ReconcileReport
    ) async throws {
        guard !request.isDryRun else { return }
        // By hand, and after an outage, it is looked at once.
        if request.thoroughness != .economical { memory.described.lookedAt = nil }
        let describer = JobDescriber(
            connection: connection.id,
            api: api,
            knowledge: knowledge,
            options: options,
            append: append,
            now: now,
            logger: logger
        )
        do {
            report.describedCount = try await describer.run(projects, &memory.described)
        } catch let error as CircleCIError {
            try await observe(error)
        }
    }

    private func observe(_ error: CircleCIError) async throws {
        guard error.code != .cancelled else { throw CancellationError() }
        await monitor.observe(.callFailed(error), of: connection.id)
        // Another call's 401 says nothing yet.
        if await monitor.health(of: connection.id)?.needsConfirmation == true { try? await probe.check() }
    }

    private var probe: KeyProbe {
        KeyProbe(api: api, connection: connection.id, monitor: monitor, pause: pauseBeforeConfirming)
    }

    /// - Returns: the projects that could be compared.
    private func run(_ memory: inout Memory, _ report: inout ReconcileReport) async throws -> [ReconcileProject] {
        let names = try await knowledge.projects(of: connection.id)
        let reconciliations = try await knowledge.reconciliations(of: connection.id)
        let numbers = try await knowledge.jobNumbers(of: connection.id)
        let damages = try await knowledge.damagedRanges()
        try await follow(&memory)
        let finder = ProjectFinder(api: api, connection: connection)
        let (projects, failed) = try await finder.projects(
            named: names,
            followed: memory.followed,
            found: &memory.found
        )
        for (slug, error) in failed {
            var project = ReconcileReport.Project(slug: slug)
            project.error = error
            report.projects.append(project)
            if error.code == .notFound { await monitor.observe(.projectLost(slug), of: connection.id) }
        }
        var failures = 0
        var compared: [ReconcileProject] = []
        // First where the mark lies furthest back.
        let order = projects.sorted { first, second in
            func through(_ project: ReconcileProject) -> Timestamp? {
                (memory.projects[project.id]?.mark ?? reconciliations[project.id]?.reconciliation)?.through
            }
            switch (through(first), through(second)) {
            case (nil, nil): return first.slug < second.slug
            case (nil, _): return true
            case (_, nil): return false
            case (let mine?, let theirs?): return (mine, first.slug) < (theirs, second.slug)
            }
        }
        for (index, project) in order.enumerated() {
            try Task.checkCancellation()
            let added = report.addedCount
            var pass = ProjectPass(
                project: project,
                request: request,
                answers: answers(for: project),
                memory: memory.projects[project.id] ?? ProjectMemory(),
                surroundings: surroundings(for: project) { done, count in
                    await progress(
                        ReconcileProgress(
                            connection: connection.id,
                            project: project.slug,
                            projectsDone: index,
                            projectCount: order.count,
                            pipelinesDone: done,
                            pipelineCount: count,
                            addedCount: added
                        )
                    )
                }
            )
            do {
                try await pass.run(
                    logged: reconciliations[project.id],
                    numbers: numbers[project.id] ?? NumberSet(),
                    damages: damages
                )
                await monitor.observe(.projectFound(project.slug), of: connection.id)
                if !request.isDryRun { await observeHearing(of: project, pass.ends) }
                failures = 0
            } catch let error as CircleCIError {
                if !request.isDryRun { memory.projects[project.id] = pass.memory }
                var failed = pass.report
                failed.error = error
                report.projects.append(failed)
                failures += 1
                try await handle(error, of: project, isAway: failures >= ConnectionPass.maximumFailures)
                continue
            }
            if !request.isDryRun { memory.projects[project.id] = pass.memory }
            report.projects.append(pass.report)
            compared.append(project)
        }
        let looked = Set(projects.map(\.slug) + failed.map(\.0))
        await monitor.observe(.projectsListed(looked), of: connection.id)
        return compared
    }

    /// Whether webhooks still tell of a project. What ended before there was a hook counts for nothing.
    private func observeHearing(of project: ReconcileProject, _ ends: [EndedRun]) async {
        let hookedAt = connection.hooks.first { $0.projectID == project.id }?.createdAt ?? connection.addedAt
        let silent = Silence.since(
            ends.filter { $0.endedAt > hookedAt },
            now: now(),
            graceSeconds: options.silenceSeconds,
            minimumRunCount: options.silentRunCount
        )
        if let silent {
            await monitor.observe(.projectSilent(project.slug, since: silent), of: connection.id)
            return
        }
        // A weekend in which nothing runs does not end a silence.
        if let since = await monitor.health(of: connection.id)?.silentProjects[project.slug],
            !ends.contains(where: { $0.isToldByWebhook && $0.endedAt > since })
        {
            return
        }
        await monitor.observe(.projectHeard(project.slug), of: connection.id)
    }

    /// Leaves one project to the next pass where that is all that is wrong.
    private func handle(_ error: CircleCIError, of project: ReconcileProject, isAway: Bool) async throws {
        logger.warning(
            "a project could not be reconciled",
            metadata: ["connection": "\(connection.id)", "project": "\(project.slug)", "error": "\(error)"]
        )
        switch error.code {
        case .notFound:
            // With a dead key every project is not found.
            try await probe.check()
            await monitor.observe(.projectLost(project.slug), of: connection.id)
        default: if error.endsPass || isAway { throw error }
        }
    }

    private func follow(_ memory: inout Memory) async throws(CircleCIError) {
        let now = now()
        if let at = memory.followedAt, now.seconds(since: at) < ConnectionPass.followedSeconds { return }
        do throws(CircleCIError) {
            memory.followed = try await api.followedProjects()
        } catch {
            // Only a way to find more projects; those that are known go on.
            guard !error.endsPass else { throw error }
        }
        memory.followedAt = now
    }

    private func answers(for project: ReconcileProject) -> ProjectAnswers {
        ProjectAnswers(
            api: api,
            project: project,
            asksUnended: request.thoroughness == .everything,
            maximumFailures: options.maximumFailures
        ) { () async throws(CircleCIError) in
            try await probe.check()
            _ = try await api.pipelines(ofProject: project.slug, pageToken: nil)
        }
    }

    private func surroundings(
        for project: ReconcileProject,
        progress: @escaping @Sendable (Int, Int) async -> Void
    ) -> ProjectPass.Surroundings {
        ProjectPass.Surroundings(
            connection: connection.id,
            knowledge: knowledge,
            options: options,
            now: now,
            add: { events in
                let now = now()
                try await append(events.map { $0.entry(connection: connection.id, receivedAt: now) })
            },
            checkpoint: { reconciliation, at in
                let entry = ReconciliationEvent.entry(
                    reconciliation,
                    project: project,
                    connection: connection.id,
                    at: at
                )
                try await append([entry])
            },
            planned: { events in await planned(project.slug, events) },
            progress: progress
        )
    }
}
