import FakeCircleCI
import Foundation
import Testing
import Wire

/// Counts the runs of a history again from the bodies alone, by the rules of "Runs": the version with the latest stop
/// decides, then the one that happened last, then the greater event id; what it lacks comes from the next.
struct FakeTruthTests {
    struct Version {
        let event: FakeEvent
        let stoppedAt: Int64
        let happenedAt: Int64
        let id: String

        func precedes(_ other: Version) -> Bool {
            if stoppedAt != other.stoppedAt { return stoppedAt < other.stoppedAt }
            if happenedAt != other.happenedAt { return happenedAt < other.happenedAt }
            return id < other.id
        }
    }

    static func recount(_ deliveries: some Sequence<GeneratedDelivery>) throws -> [String: [Version]] {
        var runs: [String: [Version]] = [:]
        for delivery in deliveries {
            let event = try FakeEvent(delivery.body)
            let member: String
            switch event.type {
            case "job-completed": member = "job"
            case "workflow-completed": member = "workflow"
            default:
                #expect(delivery.runID == nil)
                continue
            }
            let run = try #require(event[member, "id"] as? String)
            #expect(delivery.runID == run)
            #expect(delivery.eventType == event.type)
            #expect(delivery.webhookID == event["webhook", "id"] as? String)
            #expect(delivery.happenedAt == event.time("happened_at"))
            #expect(delivery.eventID == event["id"] as? String)
            runs[run, default: []].append(
                Version(
                    event: event,
                    stoppedAt: event.time(member, "stopped_at")?.microseconds ?? .min,
                    happenedAt: try #require(event.time("happened_at")).microseconds,
                    id: delivery.eventID
                )
            )
        }
        return runs
    }

    static func branch(_ event: FakeEvent) -> String {
        let texts = [
            event["pipeline", "vcs", "branch"], event["pipeline", "trigger_parameters", "git", "branch"],
            event["pipeline", "trigger_parameters", "gitlab", "branch"],
            event["pipeline", "trigger_parameters", "github_app", "branch"],
        ]
        return texts.compactMap { $0 as? String }.first { !$0.isEmpty } ?? ""
    }

    static func email(_ event: FakeEvent) -> String {
        let texts = [
            event["pipeline", "vcs", "commit", "author", "email"],
            event["pipeline", "trigger_parameters", "gitlab", "commit_author_email"],
            event["pipeline", "trigger_parameters", "github_app", "commit_author_email"],
        ]
        return texts.compactMap { $0 as? String }.first { !$0.isEmpty } ?? ""
    }

    @Test(
        "A recount of the deliveries gives the truth",
        arguments: [(1, 0), (2, 0.05), (3, 0.2), (4, 0.5), (5, 0.2)] as [(UInt64, Double)]
    )
    func recount(seed: UInt64, rate: Double) throws {
        let history = FakeHistory(options: try FakeHistoryTests.options(seed: seed, rate: rate))
        try Self.compare(history.runs, with: history.deliveries, seed: seed)
    }

    @Test("Where half of the deliveries are lost, the rest gives what the history says of them", arguments: [6, 7, 8])
    func lossyRecount(seed: UInt64) throws {
        let history = FakeHistory(options: try FakeHistoryTests.options(seed: seed, rate: 0.2))
        let isTold = { @Sendable (webhook: String, event: String) in (webhook + event).utf8.reduce(0, ^) & 1 == 0 }
        let deliveries = history.deliveries.filter { isTold($0.webhookID, $0.eventID) }
        #expect(deliveries.count < history.deliveries.map(\.eventID).count)
        try Self.compare(history.runs(toldBy: isTold), with: deliveries, seed: seed)
    }

    static func compare(
        _ runs: some Sequence<TrueRun>,
        with deliveries: some Sequence<GeneratedDelivery>,
        seed: UInt64
    ) throws {
        var versions = try Self.recount(deliveries)
        for run in runs {
            let told = try #require(versions[run.id], "no delivery of a run, seed \(seed)")
            versions[run.id] = nil
            let sorted = told.sorted { $1.precedes($0) }
            let winner = sorted[0].event
            let member = run.kind == .job ? "job" : "workflow"
            let startMember = run.kind == .job ? "started_at" : "created_at"
            func first(_ path: String, _ name: String) -> String {
                sorted.lazy.compactMap { $0.event[path, name] as? String }.first ?? ""
            }
            #expect(run.status == winner[member, "status"] as? String)
            #expect(run.startedAt == winner.time(member, startMember))
            #expect(run.stoppedAt == winner.time(member, "stopped_at"))
            let duration = run.stoppedAt.map { ($0.microseconds - run.startedAt.microseconds) / 1000 } ?? 0
            #expect(run.durationMilliseconds == max(0, Int(duration)))
            #expect(run.workflowName == first("workflow", "name"))
            #expect(run.jobName == (run.kind == .job ? first("job", "name") : ""))
            #expect(run.projectID == first("project", "id"))
            #expect(run.projectSlug == first("project", "slug"))
            #expect(run.projectName == first("project", "name"))
            #expect(run.pipelineID == first("pipeline", "id"))
            #expect(run.pipelineCreatedAt == winner.time("pipeline", "created_at"))
            #expect(run.branch == Self.branch(winner))
            #expect(run.authorEmail == Self.email(winner))
        }
        #expect(versions.isEmpty, "deliveries of runs that are not true, seed \(seed)")
    }

    @Test("A cancelled workflow of N jobs is told N + 1 times, under different ids, for longer each time")
    func cancellations() throws {
        var options = try FakeHistoryTests.options(seed: 21, rate: 0)
        options.oddities.cancellations = 0.5
        let history = FakeHistory(options: options)
        let versions = try Self.recount(history.deliveries)
        var stormCount = 0
        for workflow in history.workflows where workflow.status == "canceled" {
            let told = try #require(versions[workflow.id])
            #expect(told.count == workflow.jobs.count + 1)
            #expect(Set(told.map(\.id)).count == told.count)
            for (earlier, later) in zip(told, told.dropFirst()) { #expect(earlier.stoppedAt < later.stoppedAt) }
            #expect(told.last?.stoppedAt == workflow.stoppedAt.microseconds)
            stormCount += 1
        }
        #expect(stormCount > 10)
    }

    @Test("A rerun has the pipeline of the first run, a workflow of its own, and comes later")
    func reruns() throws {
        var options = try FakeHistoryTests.options(seed: 22, rate: 0, days: 5)
        options.oddities.manualReruns = 0.4
        options.oddities.automaticReruns = 1
        options.failureShare = 0.4
        var workflows: [String: [FakeWorkflow]] = [:]
        for workflow in FakeHistory(options: options).workflows {
            workflows[workflow.pipeline.id + workflow.name, default: []].append(workflow)
        }
        var waits: [Int64] = []
        for group in workflows.values {
            #expect(Set(group.map(\.id)).count == group.count)
            #expect(Set(group.map(\.pipeline.number)).count == 1)
            for (first, second) in zip(group, group.dropFirst()) {
                #expect(second.createdAt > first.stoppedAt)
                waits.append((second.createdAt.microseconds - first.stoppedAt.microseconds) / 1_000_000)
            }
        }
        #expect(waits.contains { $0 < 60 })
        #expect(waits.contains { $0 > 86_400 })
    }

    @Test("Two webhooks of a project tell of the same runs, with and without shared event ids")
    func secondWebhooks() throws {
        var options = try FakeHistoryTests.options(seed: 23, rate: 0)
        options.projectCount = 8
        options.oddities.secondWebhooks = 1
        let history = FakeHistory(options: options)
        let sharing = Set(history.organizations.flatMap(\.projects).filter(\.sharesEventIDs).map(\.id))
        var kinds: Set<Bool> = []
        for versions in try Self.recount(history.deliveries).values {
            #expect(versions.count == 2)
            #expect(Set(versions.map { $0.event["webhook", "id"] as? String }).count == 2)
            let isShared = sharing.contains(try #require(versions[0].event["project", "id"] as? String))
            #expect(Set(versions.map(\.id)).count == (isShared ? 1 : 2))
            kinds.insert(isShared)
        }
        #expect(kinds.count == 2)
    }
}
