import FakeCircleCI
import TestSupport
import Testing
import Wire

/// What a site shows of its history at an instant, and what it adds.
struct FakeSiteClockTests {
    @Test("At every instant the site has what was there by then, and no more", arguments: 0..<3)
    func clock(round: UInt64) async throws {
        let seed = TestSeed.of(round: round)
        let history = try FakeSiteTests.history(seed: seed) { $0.pipelinesPerDay = 15 }
        try await FakeSiteClient.run(history) { client async throws in
            var words: Set<String> = []
            // In the midst of some workflows, where jobs run and others wait.
            let midsts = history.workflows.filter { $0.jobs.count > 1 }.map { workflow in
                (workflow.createdAt.microseconds + workflow.stoppedAt.microseconds) / 2
            }
            for midst in Set(midsts).sorted().enumerated().filter({ $0.offset % 5 == 2 }).map(\.element).prefix(5) {
                let now = Timestamp(microseconds: midst)
                client.site.advance(to: now)
                for workflow in history.workflows {
                    let answer = try await client.ask("/workflow/\(workflow.id)")
                    guard max(workflow.createdAt, workflow.pipeline.createdAt) <= now else {
                        #expect(answer.status == 404)
                        continue
                    }
                    let isEnded = workflow.stoppedAt <= now
                    let status = try #require(answer.object["status"] as? String)
                    words.insert(status)
                    #expect(["running", "failing", "on_hold"].contains(status) != isEnded)
                    #expect(!isEnded || status == workflow.status)
                    let stop = answer.object["stopped_at"] as? String
                    #expect(stop == (isEnded ? FakeSiteTests.seconds(workflow.stoppedAt) : nil))
                    #expect(answer.object["created_at"] as? String == FakeSiteTests.seconds(workflow.createdAt))
                    guard !isEnded || workflow.jobs.isEmpty else { continue }
                    try await compareJobs(of: workflow, client, now)
                }
            }
            #expect(words.count >= 2, "seed \(seed): \(words)")
        }
    }

    func compareJobs(of workflow: FakeWorkflow, _ client: FakeSiteClient, _ now: Timestamp) async throws {
        var listed: [String: [String: Any]] = [:]
        for item in try await client.all("/workflow/\(workflow.id)/job") {
            listed[try #require(item["id"] as? String)] = item
        }
        let slug = workflow.pipeline.project.slug
        for job in workflow.jobs {
            let item = listed.removeValue(forKey: job.id)
            let details = try await client.ask("/project/\(slug)/job/\(job.number)")
            guard job.startedAt <= now else {
                #expect(item == nil || item?["status"] as? String == "not_running")
                #expect(item?["started_at"] as? String == nil && item?["job_number"] == nil)
                #expect(details.status == 404)
                continue
            }
            let isEnded = job.stoppedAt <= now
            #expect(item?["status"] as? String == (isEnded ? job.status : "running"))
            #expect(item?["started_at"] as? String == FakeSiteTests.seconds(job.startedAt))
            #expect(item?["stopped_at"] as? String == (isEnded ? FakeSiteTests.seconds(job.stoppedAt) : nil))
            #expect(item?["job_number"] as? Int == job.number)
            #expect(details.object["number"] as? Int == job.number)
            #expect((details.object["latest_workflow"] as? [String: Any])?["id"] as? String == workflow.id)
            let executor = details.object["executor"] as? [String: Any]
            #expect(executor?["resource_class"] as? String == job.template.resourceClass)
            #expect(details.object["parallelism"] as? Int == job.template.parallelism)
        }
        for item in listed.values {
            #expect(item["type"] as? String == "approval" || item["status"] as? String == "not_run")
        }
    }

    @Test("What the API has beyond the history is marked as such, and numbers stay unique")
    func extras() async throws {
        let history = try FakeSiteTests.history(seed: 6, rate: 0.2) { $0.failureShare = 0.4 }
        try await FakeSiteClient.run(
            history,
            {
                $0.approvals = 0.5
                $0.erroredPipelines = 0.3
            }
        ) { client async throws in
            client.site.advance(to: history.end)
            let truth = Set(history.workflows.flatMap { [$0.id] + $0.jobs.map(\.id) })
            var kinds: [String: Int] = [:]
            for project in history.projects {
                var jobNumbers: [Int] = []
                for pipeline in try await client.all("/project/\(project.slug)/pipeline") {
                    let id = try #require(pipeline["id"] as? String)
                    let list = try await client.ask("/pipeline/\(id)/workflow")
                    guard pipeline["state"] as? String == "created" else {
                        #expect(pipeline["state"] as? String == "errored" && list.items.isEmpty)
                        #expect((pipeline["errors"] as? [Any])?.count == 1)
                        kinds["errored \(list.status)", default: 0] += 1
                        continue
                    }
                    for workflow in list.items {
                        let workflowID = try #require(workflow["id"] as? String)
                        #expect(truth.contains(workflowID))
                        for job in try await client.all("/workflow/\(workflowID)/job") {
                            if let number = job["job_number"] as? Int { jobNumbers.append(number) }
                            let status = try #require(job["status"] as? String)
                            let isApproval = job["type"] as? String == "approval"
                            #expect(truth.contains(job["id"] as? String ?? "") == (!isApproval && status != "not_run"))
                            if status == "not_run" { kinds["not_run", default: 0] += 1 }
                            guard isApproval else { continue }
                            kinds["approval \(job["job_number"] == nil)", default: 0] += 1
                            if let number = job["job_number"] as? Int {
                                #expect(try await client.ask("/project/\(project.slug)/job/\(number)").status == 404)
                            }
                        }
                    }
                }
                #expect(Set(jobNumbers).count == jobNumbers.count)
            }
            #expect(Set(kinds.keys) == ["errored 200", "errored 404", "not_run", "approval true", "approval false"])
        }
    }
}
