import Wire

extension SiteAPI {
    /// `/pipeline/{id}/workflow`: newest first. A pipeline that failed in its configuration has none, which is told by
    /// an empty list or by 404.
    func workflows(
        of pipeline: SitePipeline,
        _ project: SiteProject,
        _ request: SiteRequest,
        _ now: Timestamp
    ) -> SiteAnswer {
        var random = SiteExtras.random(pipeline.fake.id, options.seed)
        if pipeline.isErrored, random.chance(0.5) { return .message(404, "Pipeline not found") }
        let all = pipeline.workflows
        return paging("workflows \(pipeline.fake.id)").answer(request, count: all.count) {
            all[all.count - 1 - $0].isCreated(at: now)
        } write: {
            write(all[all.count - 1 - $0], project, now, to: &$1)
        }
    }

    func write(_ workflow: FakeWorkflow, _ project: SiteProject, _ now: Timestamp, to json: inout JSONWriter) {
        let isEnded = workflow.isEnded(at: now)
        json.object { json in
            json.member("pipeline_id", workflow.pipeline.id)
            json.member("id", workflow.id)
            json.member("name", workflow.name)
            json.member("project_slug", project.shortSlug)
            json.member("status", status(of: workflow, now))
            json.member("started_by", uuid("started \(workflow.id)"))
            json.member("pipeline_number", workflow.pipeline.number)
            json.member("created_at", workflow.createdAt.text(.seconds))
            json.member("stopped_at", isEnded ? workflow.stoppedAt.text(.seconds) : nil)
            if isEnded, workflow.status == "canceled" { json.member("canceled_by", uuid("canceled \(workflow.id)")) }
            if case .automatic(let number) = workflow.attempt, options.spelling == .live {
                json.member("auto_rerun_number", number)
                json.member("max_auto_reruns", 5)
            }
        }
    }

    private func status(of workflow: FakeWorkflow, _ now: Timestamp) -> String {
        if workflow.isEnded(at: now) { return workflow.status }
        if workflow.jobs.contains(where: { workflow.isEnded($0, at: now) && $0.status == "failed" }) {
            return "failing"
        }
        let waits = world.approvals[workflow.id] != nil && !workflow.jobs.contains { workflow.isStarted($0, at: now) }
        return waits ? "on_hold" : "running"
    }

    /// `/workflow/{id}/job`: the approval, what ran or runs, and what was never come to.
    func jobs(
        of workflow: FakeWorkflow,
        _ project: SiteProject,
        _ request: SiteRequest,
        _ now: Timestamp
    ) -> SiteAnswer {
        let all = SiteJob.all(of: workflow, world.approvals[workflow.id], options, now)
        return paging("jobs \(workflow.id)").answer(request, count: all.count) {
            all[$0].isListed
        } write: { place, json in
            let job = all[place]
            json.object { json in
                json.member(
                    "dependencies",
                    array: { json in for id in job.dependencies { json.string(id) } }
                )
                if let number = job.number { json.member("job_number", number) }
                json.member("id", job.id)
                // The description demands a text, so documented answers list nothing that has none.
                json.member("started_at", job.startedAt?.text(.seconds))
                json.member("name", job.name)
                json.member("project_slug", project.shortSlug)
                json.member("status", job.status)
                json.member("type", job.approver == nil ? "build" : "approval")
                json.member("stopped_at", job.stoppedAt?.text(.seconds))
                if let approver = job.approver {
                    json.member("approval_request_id", job.id)
                    if job.status == "success" { json.member("approved_by", approver) }
                }
            }
        }
    }

    /// `/project/{slug}/job/{number}`: of what has started, and never of an approval.
    func job(_ number: String, _ project: SiteProject, _ state: SiteState) -> SiteAnswer {
        let now = state.now
        guard let number = Int(number), let place = project.jobs[number],
            let workflow = world.workflow(place.workflowID)?.workflow
        else { return .message(404, "Job not found") }
        let job = workflow.jobs[place.index]
        guard workflow.isStarted(job, at: now) else { return .message(404, "Job not found") }
        if state.faults.alwaysFailing.contains(job.id) { return Self.failure }
        let isEnded = workflow.isEnded(job, at: now)
        let duration = max(0, (job.stoppedAt.microseconds - job.startedAt.microseconds) / 1000)
        let status = isEnded ? job.status : "running"
        return SiteAnswer { json in
            json.object { json in
                json.member("web_url", "https://circleci.com/\(project.shortSlug)/\(number)")
                json.object("project") {
                    $0.member("id", project.fake.id)
                    $0.member("slug", project.shortSlug)
                    $0.member("name", project.fake.name)
                    $0.member("external_url", vcsURL(project.fake))
                }
                json.member(
                    "parallel_runs",
                    array: { json in
                        for index in 0..<job.template.parallelism {
                            json.object {
                                $0.member("index", index)
                                $0.member("status", status)
                            }
                        }
                    }
                )
                json.member("started_at", job.startedAt.text(.seconds))
                json.object("latest_workflow") {
                    $0.member("id", workflow.id)
                    $0.member("name", workflow.name)
                }
                json.member("name", job.name)
                json.object("executor") {
                    $0.member("resource_class", job.template.resourceClass)
                    $0.member("type", job.template.executor)
                }
                json.member("parallelism", job.template.parallelism)
                json.member("status", status)
                json.member("number", number)
                json.object("pipeline") { $0.member("id", workflow.pipeline.id) }
                json.member("duration", isEnded ? duration : nil)
                json.member("created_at", workflow.createdAt.text(.seconds))
                json.member("messages", array: { _ in })
                json.member("contexts", array: { _ in })
                json.object("organization") { $0.member("name", project.fake.organizationName) }
                json.member("queued_at", workflow.createdAt.text(.seconds))
                json.member("stopped_at", isEnded ? job.stoppedAt.text(.seconds) : nil)
            }
        }
    }
}
