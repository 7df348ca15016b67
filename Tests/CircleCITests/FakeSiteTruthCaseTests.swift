import Testing
import Wire

@testable import FakeCircleCI

/// The truth of one workflow of one job, made by hand: created at 10.250 s, started at 11.400 s, stopped at 20.900 s.
struct FakeSiteTruthCaseTests {
    static func second(_ second: Double) -> Timestamp {
        Timestamp(microseconds: 1_793_600_000_000_000 + Int64(second * 1000) * 1000)
    }

    static func workflow() throws -> FakeWorkflow {
        let options = FakeHistoryOptions(seed: 1, firstDay: try #require(Day("2026-11-02")))
        let history = FakeHistory(options: options)
        let first = try #require(history.workflows.first { $0.pipeline.commit.authorEmail != nil })
        let job = FakeJob(
            id: "job",
            name: "build",
            number: 1,
            status: "success",
            startedAt: second(11.4),
            stoppedAt: second(20.9),
            template: try #require(first.jobs.first).template
        )
        let pipeline = FakePipeline(
            project: first.pipeline.project,
            id: "pipeline",
            number: 1,
            createdAt: second(10.125),
            trigger: .push,
            isFork: false,
            commit: first.pipeline.commit
        )
        return FakeWorkflow(
            pipeline: pipeline,
            id: "workflow",
            name: "checks",
            attempt: .first,
            createdAt: second(10.25),
            status: "success",
            jobs: [job],
            stops: [second(19), second(20.9)]
        )
    }

    static func event(_ workflow: FakeWorkflow, _ subject: PlannedEvent.Subject, omitsStop: Bool = false)
        -> PlannedEvent
    {
        PlannedEvent(
            workflow: workflow,
            subject: subject,
            webhook: 0,
            id: "event",
            happenedAt: second(21),
            happenedAtPrecision: .microseconds,
            sentAt: second(21),
            omitsStop: omitsStop,
            omitsWorkflow: false,
            seed: 1
        )
    }

    /// What is known of a run: by whom it is told, from when to when, for how long, in which pipeline, by whom.
    struct Known: Equatable {
        var webhook: Bool
        var api: Bool
        var from: Double
        var to: Double?
        var milliseconds: Int
        var pipeline: Double
        var hasAuthor: Bool

        init(
            _ webhook: Bool,
            _ api: Bool,
            _ from: Double,
            _ to: Double?,
            _ milliseconds: Int,
            _ pipeline: Double,
            _ hasAuthor: Bool
        ) {
            (self.webhook, self.api, self.from, self.to) = (webhook, api, from, to)
            (self.milliseconds, self.pipeline, self.hasAuthor) = (milliseconds, pipeline, hasAuthor)
        }

        init(_ run: TrueRun) {
            func seconds(_ instant: Timestamp) -> Double {
                Double(instant.milliseconds - second(0).milliseconds) / 1000
            }
            self.init(
                run.isToldByWebhook,
                run.isToldByAPI,
                seconds(run.startedAt),
                run.stoppedAt.map(seconds),
                run.durationMilliseconds,
                seconds(run.pipelineCreatedAt),
                !run.authorEmail.isEmpty
            )
        }
    }

    static func known(_ events: [PlannedEvent.Subject], omitsStop: Bool = false, now: Double?, except: Set<String> = [])
        throws -> [String: Known]
    {
        let workflow = try workflow()
        let runs = TrueRun.runs(
            of: workflow,
            events.map { event(workflow, $0, omitsStop: omitsStop) },
            api: now.map { APIView(now: second($0), exceptions: except) }
        )
        return Dictionary(uniqueKeysWithValues: runs.map { ($0.id, Known($0)) })
    }

    @Test("The API alone: whole seconds, no author, only what has ended")
    func onlyAPI() throws {
        let job = Known(false, true, 11, 20, 9000, 10, false)
        let workflow = Known(false, true, 10, 20, 10_000, 10, false)
        #expect(try Self.known([], now: 30) == ["job": job, "workflow": workflow])
        #expect(try Self.known([], now: 20.9) == ["job": job, "workflow": workflow])
        #expect(try Self.known([], now: 20.8) == [:])
        #expect(try Self.known([], now: nil) == [:])
        #expect(try Self.known([], now: 30, except: ["workflow"]) == ["workflow": workflow])
        #expect(try Self.known([], now: 30, except: ["pipeline"]) == [:])
    }

    @Test("A webhook with the last stop stays as it is, though the API has it in whole seconds")
    func webhook() throws {
        let job = Known(true, false, 11.4, 20.9, 9500, 10.125, true)
        let workflow = Known(true, false, 10.25, 20.9, 10_650, 10.125, true)
        for now in [nil, 15, 30] as [Double?] {
            let known = try Self.known([.job(0), .workflow(1)], now: now)
            #expect(known == ["job": job, "workflow": workflow])
        }
    }

    @Test("A webhook without a stop, or with one a second too early, takes the API's times and keeps its author")
    func both() throws {
        let job = Known(true, true, 11, 20, 9000, 10, true)
        let workflow = Known(true, true, 10, 20, 10_000, 10, true)
        #expect(
            try Self.known([.job(0), .workflow(1)], omitsStop: true, now: 30) == ["job": job, "workflow": workflow]
        )
        #expect(try Self.known([.workflow(0)], now: 30)["workflow"] == workflow)
        let early = Known(true, false, 10.25, 19, 8750, 10.125, true)
        #expect(try Self.known([.workflow(0)], now: 20) == ["workflow": early])
        let unstopped = Known(true, false, 11.4, nil, 0, 10.125, true)
        #expect(try Self.known([.job(0)], omitsStop: true, now: 30, except: ["workflow"])["job"] == unstopped)
    }
}
