import FakeCircleCI
import TestSupport
import Testing
import Wire

/// What a meter must know once some deliveries came and the API was read.
struct FakeSiteTruthTests {
    static func floor(_ instant: Timestamp) -> Timestamp {
        Timestamp(microseconds: instant.microseconds / 1_000_000 * 1_000_000)
    }

    /// By id.
    static func table(_ runs: some Sequence<TrueRun>) -> [String: TrueRun] {
        Dictionary(uniqueKeysWithValues: runs.map { ($0.id, $0) })
    }

    static let all: @Sendable (String, String) -> Bool = { _, _ in true }
    static let none: @Sendable (String, String) -> Bool = { _, _ in false }

    @Test("Without webhooks the API tells every run, in whole seconds and without an author", arguments: 0..<4)
    func onlyAPI(round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        let history = try FakeSiteTests.history(seed: seed, rate: 0.2, days: 2)
        let told = Array(history.runs(toldBy: Self.none, apiAsOf: history.end))
        let full = Self.table(history.runs)
        let stops = history.workflows.flatMap { workflow in
            workflow.jobs.map(\.stoppedAt) + [workflow.stoppedAt]
        }
        #expect(told.map(\.stoppedAt) == stops.map(Self.floor))
        #expect(told.map(\.id) == history.workflows.flatMap { $0.jobs.map(\.id) + [$0.id] }, "seed \(seed)")
        for run in told {
            let known = try #require(full[run.id])
            #expect(run.isToldByAPI && !run.isToldByWebhook)
            #expect(run.startedAt == Self.floor(known.startedAt))
            let stop = try #require(run.stoppedAt)
            #expect(run.durationMilliseconds == max(0, Int(stop.microseconds - run.startedAt.microseconds) / 1000))
            #expect(run.durationMilliseconds % 1000 == 0)
            #expect(run.authorEmail == "" && run.branch == known.branch && run.status == known.status)
            #expect(run.workflowName == known.workflowName || known.workflowName == "")
            #expect(run.projectSlug == known.projectSlug && run.jobName == known.jobName && run.day == known.day)
        }
    }

    @Test("Where every webhook arrived, the API adds only the stops that they leave out", arguments: 0..<4)
    func allWebhooks(round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        let stopping = try FakeSiteTests.history(seed: seed, rate: 0.2, days: 2) { $0.oddities.missingStops = 0 }
        #expect(Array(stopping.runs(toldBy: Self.all, apiAsOf: stopping.end)) == Array(stopping.runs), "seed \(seed)")
        let history = try FakeSiteTests.history(seed: seed, rate: 0.2, days: 2)
        let both = Array(history.runs(toldBy: Self.all, apiAsOf: history.end))
        let alone = Self.table(history.runs(toldBy: Self.none, apiAsOf: history.end))
        var correctedCount = 0
        for (run, webhook) in zip(both, history.runs) {
            #expect(run.isToldByWebhook && run.authorEmail == webhook.authorEmail)
            guard run.isToldByAPI else {
                #expect(run == webhook)
                continue
            }
            correctedCount += 1
            let answered = try #require(alone[run.id])
            #expect(run.stoppedAt == answered.stoppedAt && run.startedAt == answered.startedAt)
            #expect(run.durationMilliseconds == answered.durationMilliseconds)
            #expect(run.workflowName == answered.workflowName)
            let isLate = webhook.stoppedAt.map { stop in
                answered.stoppedAt.map { $0.microseconds - stop.microseconds >= 1_000_000 } ?? false
            }
            #expect(isLate ?? true, "seed \(seed)")
        }
        #expect(correctedCount > 0, "seed \(seed)")
    }

    @Test("Half of the webhooks and the API tell every run, each by one of the two rules", arguments: 0..<4)
    func both(round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        let history = try FakeSiteTests.history(seed: seed, rate: 0.2, days: 2)
        let half = { @Sendable (webhook: String, event: String) in (webhook + event).utf8.reduce(0, ^) & 1 == 0 }
        let webhooks = Self.table(history.runs(toldBy: half))
        let api = Self.table(history.runs(toldBy: Self.none, apiAsOf: history.end))
        var kinds: Set<String> = []
        for run in history.runs(toldBy: half, apiAsOf: history.end) {
            let answered = try #require(api[run.id])
            guard let told = webhooks[run.id] else {
                #expect(run == answered, "seed \(seed)")
                kinds.insert("api")
                continue
            }
            let stop = try #require(answered.stoppedAt)
            let isLater = told.stoppedAt.map { $0.microseconds + 1_000_000 <= stop.microseconds } ?? true
            #expect(run.isToldByAPI == isLater && run.isToldByWebhook)
            #expect(run.stoppedAt == (isLater ? stop : told.stoppedAt), "seed \(seed)")
            kinds.insert(isLater ? "both" : "webhook")
        }
        #expect(kinds.count == 3, "seed \(seed)")
    }

    @Test("What has not ended, or could not be fetched, is told by webhooks alone")
    func limits() throws {
        let history = try FakeSiteTests.history(seed: 71, rate: 0)
        let running = try #require(history.workflows.dropFirst(20).first { $0.jobs.count > 2 })
        // When one of its jobs has ended, and others have not.
        let noon = try #require(running.jobs.map(\.stoppedAt).min())
        #expect(running.stoppedAt > noon)
        for run in history.runs(toldBy: Self.none, apiAsOf: noon) { #expect(try #require(run.stoppedAt) <= noon) }
        let ended = try #require(history.workflows.first { $0.stoppedAt <= noon && $0.jobs.count > 1 })
        let table = Self.table(history.runs(toldBy: Self.none, apiAsOf: noon))
        #expect(table[running.id] == nil && table[ended.id] != nil)
        for job in running.jobs { #expect((table[job.id] != nil) == (job.stoppedAt <= noon)) }

        // A pipeline takes all with it, a workflow only its jobs.
        let withoutPipeline = Self.table(
            history.runs(toldBy: Self.none, apiAsOf: noon, except: [ended.pipeline.id])
        )
        #expect(withoutPipeline.values.allSatisfy { $0.pipelineID != ended.pipeline.id })
        #expect(withoutPipeline.count == table.values.count { $0.pipelineID != ended.pipeline.id })
        let withoutJobs = Self.table(history.runs(toldBy: Self.none, apiAsOf: noon, except: [ended.id]))
        #expect(withoutJobs[ended.id] != nil && ended.jobs.allSatisfy { withoutJobs[$0.id] == nil })
        #expect(withoutJobs.count == table.count - ended.jobs.count)
        let heard = Self.table(history.runs(toldBy: Self.all, apiAsOf: noon, except: [ended.pipeline.id]))
        #expect(heard == Self.table(history.runs))
    }

    @Test("Of a cancelled workflow the API mends the stop only where the lost events told it a second later")
    func cancelStorm() throws {
        let history = try FakeSiteTests.history(seed: 72, rate: 0) { $0.oddities.cancellations = 0.6 }
        var counts: [Bool: Int] = [:]
        for workflow in history.workflows where workflow.stops.count > 2 {
            let events = history.deliveries.filter { $0.runID == workflow.id }
            #expect(events.count == workflow.stops.count)
            for (stop, event) in zip(workflow.stops, events).prefix(8) {
                let isTold = { @Sendable (webhook: String, id: String) in id == event.eventID }
                let run = try #require(
                    history.runs(toldBy: isTold, apiAsOf: history.end).first { $0.id == workflow.id }
                )
                let answered = Self.floor(workflow.stoppedAt)
                let isMended = answered.microseconds - stop.microseconds >= 1_000_000
                #expect(run.stoppedAt == (isMended ? answered : stop))
                #expect(run.startedAt == (isMended ? Self.floor(workflow.createdAt) : workflow.createdAt))
                #expect(run.authorEmail == workflow.pipeline.commit.authorEmail ?? "")
                counts[isMended, default: 0] += 1
            }
            if counts.values.reduce(0, +) > 12 { break }
        }
        #expect(counts.count == 2)
    }

    @Test("A site's truth is what its answers say, put together from the API alone", arguments: 0..<2)
    func answers(round: UInt64) async throws {
        let seed = TestSeed.of(round: round)
        let history = try FakeSiteTests.history(seed: seed, rate: 0.15) { $0.pipelinesPerDay = 20 }
        try await FakeSiteClient.run(history) { client async throws in
            client.site.advance(to: FakeSiteTests.noon(history))
            let failing = Set(
                history.workflows.prefix(6).enumerated().map { $0.offset < 3 ? $0.element.pipeline.id : $0.element.id }
            )
            client.site.setFaults { $0.alwaysFailing = failing }
            var runs: Set<[String]> = []
            func add(_ item: [String: Any], _ start: String, _ branch: String) throws {
                guard let stop = item["stopped_at"] as? String, item["type"] as? String != "approval",
                    item["status"] as? String != "not_run"
                else { return }
                let texts = [item["id"], item["status"], item["name"], item[start]].map { $0 as? String ?? "" }
                runs.insert(texts + [stop, branch])
            }
            for project in history.projects {
                for pipeline in try await client.all("/project/\(project.slug)/pipeline") {
                    let id = try #require(pipeline["id"] as? String)
                    guard try await client.ask("/pipeline/\(id)/workflow").status == 200 else { continue }
                    let git = (pipeline["trigger_parameters"] as? [String: Any])?["git"] as? [String: Any]
                    let branch = (pipeline["vcs"] as? [String: Any])?["branch"] ?? git?["branch"]
                    for workflow in try await client.all("/pipeline/\(id)/workflow") {
                        try add(workflow, "created_at", branch as? String ?? "")
                        let workflowID = try #require(workflow["id"] as? String)
                        guard try await client.ask("/workflow/\(workflowID)/job").status == 200 else { continue }
                        for job in try await client.all("/workflow/\(workflowID)/job") {
                            try add(job, "started_at", branch as? String ?? "")
                        }
                    }
                }
            }
            let truth = client.site.truth().map { run in
                [
                    run.id, run.status, run.kind == .job ? run.jobName : run.workflowName,
                    FakeSiteTests.seconds(run.startedAt), run.stoppedAt.map(FakeSiteTests.seconds) ?? "", run.branch,
                ]
            }
            #expect(Set(truth) == runs && truth.count == runs.count, "seed \(seed)")
            #expect(client.site.truth(except: []).count > truth.count)
        }
    }
}
