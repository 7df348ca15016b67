import CircleCI
import EventLog
import FakeCircleCI
import Foundation
import Logging
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// What machine a job asks for is asked of CircleCI where no usage export tells it: once for each job, and never more than
/// a pass may ask.
struct JobDescriberTests {
    private static let endpoint = "/project/{slug}/job/{number}"
    private static let noon = Timestamp("2026-11-05T12:00:00Z")!

    private func history(_ seed: UInt64) -> FakeHistory {
        var options = FakeHistoryOptions.small(seed: seed, oddities: OddityRates())
        options.projectCount = 2
        return FakeHistory(options: options)
    }

    /// A world in which all webhooks came, of which no number is missing.
    private func run(
        _ seed: UInt64,
        options: ReconcileOptions = .immediate,
        _ body: (ReconcileWorld, String) async throws -> Void
    ) async throws {
        var site = FakeSiteOptions(seed: seed)
        site.approvals = 0
        try await ReconcileWorld.run(history(seed), site: site, options: options) { world in
            world.site.advance(to: JobDescriberTests.noon)
            try world.take(seed: seed) { _ in true }
            try await body(world, world.connectionIDs[0])
        }
    }

    /// The jobs that ran, by project, workflow and name, with their templates.
    private func templates(_ world: ReconcileWorld) -> [[String]: FakeJobTemplate] {
        var templates: [[String]: FakeJobTemplate] = [:]
        for workflow in world.site.history.workflows {
            for job in workflow.jobs where job.startedAt < JobDescriberTests.noon {
                templates[[workflow.pipeline.project.slug, workflow.name, job.name]] = job.template
            }
        }
        return templates
    }

    @Test func `each job is asked about once, and its runs cost what its machine costs`() async throws {
        let seed = TestSeed.of(round: 1)
        var options = ReconcileOptions.immediate
        options.maximumDescriptions = 1000
        try await run(seed, options: options) { world, id in
            let reconciler = world.reconciler()
            let report = try await reconciler.reconcile(id, .init(thoroughness: .economical))
            let templates = templates(world)
            #expect(report.error == nil && report.describedCount == templates.count, "seed \(seed)")
            #expect(world.log.descriptions.count == templates.count && templates.count > 5, "seed \(seed)")
            #expect(world.site.callCount(JobDescriberTests.endpoint) == templates.count, "seed \(seed)")
            let provisional = UsageTable.jobs.valueColumns.count
            var isDear = false
            for row in world.log.snapshot[.jobs] {
                let template = try #require(templates[row.key.texts], "seed \(seed)")
                let rate = RateCard.published.thousandthsPerMinute(
                    executor: template.executor,
                    resourceClass: template.resourceClass,
                    day: row.key.day
                )
                let duration = row.tally[UsageTable.jobs.column("duration_ms")]
                let exact = Double(duration * (rate ?? 0) * template.parallelism) / 60_000
                #expect(abs(Double(row.tally[provisional]) - exact) <= 0.5, "seed \(seed) \(row.key.texts)")
                isDear = isDear || template.resourceClass != "medium" || template.parallelism > 1
            }
            #expect(isDear, "seed \(seed): nothing here differs from the default")

            // Nothing is asked again, not even by a service that has just started and looks at once.
            world.site.resetCalls()
            _ = try await reconciler.reconcile(id, .init(thoroughness: .economical))
            let again = try await world.reconciler().reconcile(id, .init(thoroughness: .everything))
            #expect(world.site.callCount(JobDescriberTests.endpoint) == 0 && again.describedCount == 0, "seed \(seed)")
            #expect(world.log.descriptions.count == templates.count, "seed \(seed)")
        }
    }

    @Test func `a pass asks about no more than it may, and the next ones go on`() async throws {
        let seed = TestSeed.of(round: 2)
        var options = ReconcileOptions.immediate
        options.maximumDescriptions = 3
        try await run(seed, options: options) { world, id in
            let reconciler = world.reconciler()
            let count = templates(world).count
            var described = 0
            while described < count {
                world.site.resetCalls()
                let report = try await reconciler.reconcile(id, .init(thoroughness: .economical))
                #expect(report.describedCount == min(3, count - described), "seed \(seed)")
                #expect(world.site.callCount(JobDescriberTests.endpoint) == report.describedCount, "seed \(seed)")
                guard report.describedCount > 0 else { break }
                described += report.describedCount
            }
            #expect(world.log.descriptions.count == count, "seed \(seed)")
        }
    }

    @Test func `a new job is asked about on schedule, or at once by hand`() async throws {
        let seed = TestSeed.of(round: 9)
        var options = ReconcileOptions.immediate
        options.maximumDescriptions = 1000
        try await run(seed, options: options) { world, id in
            let reconciler = world.reconciler()
            for (round, name) in ["brand-new", "newer-still"].enumerated() {
                let before = try await reconciler.reconcile(id, .init(thoroughness: .economical))
                #expect(before.describedCount == (round == 0 ? templates(world).count : 0), "seed \(seed)")
                // The same run under another name and id: only the name matters here.
                let job = try #require(world.site.history.workflows.flatMap(\.jobs).first)
                let delivery = try #require(
                    world.site.history.deliveries.first {
                        String(decoding: $0.body, as: UTF8.self).contains("\(job.id)\"")
                    }
                )
                let body = String(decoding: delivery.body, as: UTF8.self)
                    .replacing("\"name\":\"\(job.name)\"", with: "\"name\":\"\(name)\"")
                    .replacing(job.id, with: "new-run-\(round)")
                try world.log.append([
                    LogEntry(receivedAt: world.site.now, source: .webhook, connection: id, body: Array(body.utf8))
                ])
                let soon = try await reconciler.reconcile(id, .init(thoroughness: .economical))
                #expect(soon.describedCount == 0, "seed \(seed)")
                if round == 0 {
                    let byHand = try await reconciler.reconcile(id, .init(thoroughness: .everything))
                    #expect(byHand.describedCount == 1, "seed \(seed)")
                } else {
                    world.site.advance(to: world.site.now.adding(seconds: options.describeSeconds))
                    let later = try await reconciler.reconcile(id, .init(thoroughness: .economical))
                    #expect(later.describedCount == 1, "seed \(seed)")
                }
            }
        }
    }

    @Test func `a dry run asks about no job`() async throws {
        try await run(3) { world, id in
            _ = try await world.reconciler().reconcile(id, .init(thoroughness: .economical, isDryRun: true))
            #expect(world.site.callCount(JobDescriberTests.endpoint) == 0)
            #expect(world.log.descriptions.isEmpty)
        }
    }

    @Test func `a job that is not there stops nothing, and is asked about again a day later`() async throws {
        let seed = TestSeed.of(round: 4)
        var options = FakeSiteOptions(seed: seed)
        options.approvals = 0
        try await ReconcileWorld.run(history(seed), site: options) { world in
            let id = world.connectionIDs[0]
            // To CircleCI it is midnight still: nothing has started of what the webhooks tell.
            let midnight = world.site.now
            try world.take(seed: seed, through: midnight.adding(seconds: 86_000)) { _ in true }
            let names = Set(world.log.snapshot[.jobs].map(\.key.texts))
            var memory = JobDescriber.Memory()
            #expect(!names.isEmpty)
            try await world.describe(id, &memory, expecting: 0)
            #expect(world.site.calls == [FakeCall("GET", JobDescriberTests.endpoint, 404): names.count], "seed \(seed)")
            // Not within the day, however often it looks.
            memory.lookedAt = nil
            try await world.describe(id, &memory, expecting: 0)
            #expect(world.site.callCount == names.count, "seed \(seed)")
            world.site.advance(to: midnight.adding(seconds: 90_000))
            try await world.describe(id, &memory, expecting: names.count)
            #expect(Set(world.log.snapshot[.jobs].map(\.key.texts)) == names)
        }
    }

    @Test func `answers that fail stop neither the pass nor the others, and do not loop`() async throws {
        let seed = TestSeed.of(round: 5)
        try await run(seed) { world, id in
            // Of one job every run.
            let jobs = world.site.history.workflows.flatMap { workflow in
                workflow.jobs.map { ("\(workflow.pipeline.project.slug) \(workflow.name) \($0.name)", $0.id) }
            }
            let failing = jobs[0].0
            world.site.setFaults { $0.alwaysFailing = Set(jobs.filter { $0.0 == failing }.map(\.1)) }
            var options = ReconcileOptions.immediate
            options.maximumDescriptions = 1000
            var memory = JobDescriber.Memory()
            let count = templates(world).count
            try await world.describe(id, &memory, options, expecting: count - 1)
            memory.lookedAt = nil
            world.site.resetCalls()
            try await world.describe(id, &memory, options, expecting: 0)
            #expect(world.site.callCount == 0, "seed \(seed)")
        }
    }

    @Test func `where CircleCI is away, three calls are enough, and the pass is none the worse`() async throws {
        let seed = TestSeed.of(round: 6)
        try await run(seed) { world, id in
            let jobs = world.site.history.workflows.flatMap(\.jobs)
            world.site.setFaults { $0.alwaysFailing = Set(jobs.map(\.id)) }
            let report = try await world.reconciler().reconcile(id, .init(thoroughness: .economical))
            #expect(report.error == nil && report.describedCount == 0, "seed \(seed)")
            #expect(await world.monitor.condition(of: id)?.state == .connected)
            // Each was tried as often as the client tries.
            let tries = world.site.callCount(JobDescriberTests.endpoint)
            #expect(tries > 0 && tries <= 3 * 10, "seed \(seed): \(tries)")
        }
    }

    @Test func `a machine that an export told is not asked for, and wins over what CircleCI says`() async throws {
        let seed = TestSeed.of(round: 7)
        try await run(seed) { world, id in
            let firstDay = world.site.history.options.firstDay
            try await world.settle(id, firstDay...firstDay)
            let settled = Set(world.log.snapshot[.resources].map { Array($0.key.texts.prefix(3)) })
            let unsettled = Set(templates(world).keys).subtracting(settled)
            var options = ReconcileOptions.immediate
            options.maximumDescriptions = 1000
            var memory = JobDescriber.Memory()
            #expect(!settled.isEmpty)
            try await world.describe(id, &memory, options, expecting: unsettled.count)
            #expect(world.site.callCount(JobDescriberTests.endpoint) == unsettled.count, "seed \(seed)")

            // What was provisional on the first day, before any export, is by what CircleCI says.
            func shown() -> [String] {
                let snapshot = world.log.snapshot
                return [UsageTable.jobs, .features].flatMap { table in
                    snapshot[table].map { snapshot.canonicalText(of: $0, table) }
                }
            }
            let before = shown()
            for project in try await world.projects(id) {
                for name in settled where name[0] == project.slug {
                    try world.log.append([
                        description(of: name, project, "2xlarge", at: JobDescriberTests.noon, connection: id)
                    ])
                }
            }
            let isSame = shown() == before
            #expect(isSame, "seed \(seed)")
        }
    }

    @Test func `a description is renewed after thirty days, by a run of the last ones`() async throws {
        let seed = TestSeed.of(round: 8)
        try await run(seed) { world, id in
            let project = try await world.projects(id)[0]
            let names = templates(world).keys.filter { $0[0] == project.slug }.sorted {
                $0[1...].joined() < $1[1...].joined()
            }
            try #require(names.count > 1)
            let now = JobDescriberTests.noon
            for (name, days) in [(names[0], 31.0), (names[1], 29.0)] {
                let at = now.adding(seconds: -days * 86_400)
                try world.log.append([description(of: name, project, "small", at: at, connection: id)])
            }
            var options = ReconcileOptions.immediate
            options.maximumDescriptions = 1000
            var memory = JobDescriber.Memory()
            try await world.describe(id, &memory, options, expecting: templates(world).count - 1)
            let descriptions = try await world.log.jobDescriptions(of: id).filter { $0.project == project.id }
            let renewed = descriptions.first { $0.workflow == names[0][1] && $0.job == names[0][2] }
            let kept = descriptions.first { $0.workflow == names[1][1] && $0.job == names[1][2] }
            #expect(renewed?.resourceClass == templates(world)[names[0]]?.resourceClass, "seed \(seed)")
            #expect(kept?.resourceClass == "small", "seed \(seed)")
        }
    }

    private func description(
        of name: [String],
        _ project: ReconcileProject,
        _ resourceClass: String,
        at: Timestamp,
        connection: String
    ) -> LogEntry {
        DescriptionEvent.entry(
            APIJobDetails(
                number: 1,
                name: name[2],
                status: "success",
                pipelineID: "",
                workflowID: "",
                resourceClass: resourceClass,
                executor: "docker",
                parallelism: 7
            ),
            of: JobSighting(project: project.id, workflow: name[1], job: name[2], number: 1, startedAt: at),
            project: project,
            connection: connection,
            at: at
        )!
    }
}

extension ReconcileWorld {
    /// Describes jobs of all projects, without a pass.
    fileprivate func describe(
        _ id: String,
        _ memory: inout JobDescriber.Memory,
        _ options: ReconcileOptions = .immediate,
        expecting count: Int,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let (log, site) = (log, site)
        let describer = JobDescriber(
            connection: id,
            api: try clients.client(Secret(Array(ReconcileWorld.key.utf8))),
            knowledge: log,
            options: options,
            append: { try log.append($0) },
            now: { site.now },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        let described = try await describer.run(try await projects(id), &memory)
        #expect(described == count, "seed \(site.history.options.seed)", sourceLocation: sourceLocation)
    }

    fileprivate func projects(_ id: String) async throws -> [ReconcileProject] {
        try await log.projects(of: id).map { ReconcileProject(id: $0.id, slug: $0.slug, name: $0.name) }
    }

    /// Settles what CircleCI exports of some days.
    fileprivate func settle(_ id: String, _ days: ClosedRange<Day>) async throws {
        let directory = TemporaryDirectory()
        let export = FakeUsageExport(site.history, options: FakeUsageExport.Options(days: days))
        var text = Array(export.header.utf8)
        export.rows { text += Array($0.line.utf8) }
        let path = directory.path("export.csv")
        try Data(text).write(to: URL(filePath: path))
        let log = log
        let file = SettleRequest.File(name: "export.csv", path: path, exportedAt: site.now)
        var settlement = Settlement(
            connection: id,
            request: SettleRequest(files: [file], days: nil, isDryRun: false),
            knowledge: log,
            append: { try log.append($0) },
            now: { [site] in site.now },
            progress: { _ in }
        )
        let report = try await settlement.run()
        #expect(report.isGood)
    }
}
