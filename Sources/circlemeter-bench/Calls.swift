import ArgumentParser
import FakeCircleCI
import Foundation
import Meter
import Wire

/// What a pass of the reconciler costs in calls to CircleCI's API: where no webhook arrived, and where all did. Counts,
/// not times, so any build and any machine will do.
struct Calls: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calls",
        abstract: "Count the API calls of a pass, where no webhook arrived and where every one did."
    )

    @Option(help: "Days of the made-up organization.")
    var days = 5

    @Option(name: .customLong("pipelines-per-day"), help: "Of the organization.")
    var pipelinesPerDay = 100

    @Option(help: "The same seed makes the same organization.")
    var seed: UInt64 = 1

    @Option(help: "The circlemeter to measure (the one beside this program).")
    var circlemeter: String?

    func run() async throws {
        let stage = try Stage(under: NSTemporaryDirectory())
        defer { stage.clear() }
        stage.clearOnInterruption()
        setenv("CIRCLEMETER_API_CALLS_PER_SECOND", "1000", 1)
        let program = Circlemeter(path: circlemeter ?? Circlemeter.besideThisProgram, stage: stage)
        let none = try await count(program, stage, "none") { site, _ in
            site.advance(to: .now)
            return [
                try await onOwnThread("bench.reconcile") {
                    try program.output(["reconcile", "--json", "--data-dir", "\(stage.directory)/none"])
                }
            ]
        }
        let all = try await count(program, stage, "all") { site, directory in
            try await self.deliver(site, program, directory)
            site.resetCalls()
            try await self.passOnSchedule(site, program, directory)
            return []
        }
        print("A pass over \(days) days, calls to CircleCI's API in all and for 1,000 job runs:")
        print("  no webhook arrived     \(none.line)")
        print("  every webhook arrived  \(all.line)")
        print(
            "  aims: at most \(none.pipelines + none.workflows) (a call for each pipeline and each workflow), and a tenth of it"
        )
    }

    private struct Cost {
        var calls: Int
        var runs: Int
        var pipelines: Int
        var workflows: Int

        var line: String {
            let share = Double(calls) / Double(max(1, pipelines + workflows))
            return "\(calls) calls, \(calls * 1000 / max(1, runs)) for 1,000 runs; "
                + "\(pipelines) pipelines, \(workflows) workflows, \(runs) job runs; "
                + String(format: "%.2f of a call for each pipeline and workflow", share)
        }
    }

    private func count(
        _ program: Circlemeter,
        _ stage: Stage,
        _ name: String,
        _ work: (FakeSite, String) async throws -> [Data]
    ) async throws -> Cost {
        var options = FakeHistoryOptions(
            seed: seed,
            firstDay: Day(daysSinceEpoch: Timestamp.now.day.daysSinceEpoch - Int32(days) - 2)
        )
        options.dayCount = days
        options.pipelinesPerDay = pipelinesPerDay
        options.projectKinds = [.github]
        options.weekendShare = 1
        options.oddities.cancellations = 0.05
        options.oddities.automaticReruns = 0.1
        let history = FakeHistory(options: options)
        let workflows = Array(history.workflows)
        return try await FakeSite.run(history) { site, url in
            let directory = "\(stage.directory)/\(name)"
            site.addKey("a-key-for-the-bench", login: "bench")
            setenv("CIRCLEMETER_CIRCLECI_URL", url, 1)
            let port = try FreePort.find()
            setenv("CIRCLEMETER_WEBHOOK_ADDRESS", "127.0.0.1:\(port)", 1)
            setenv("CIRCLEMETER_PUBLIC_URL", "http://127.0.0.1:\(port)", 1)
            let organization = history.organizations[0].id
            _ = try await onOwnThread("bench.connect") {
                try program.output(
                    [
                        "connection", "add", "acme", "--org", organization, "--api-key-file", "-", "--data-dir",
                        directory,
                    ],
                    input: "a-key-for-the-bench"
                )
            }
            site.resetCalls()
            _ = try await work(site, directory)
            return Cost(
                calls: site.callCount,
                runs: workflows.reduce(0) { $0 + $1.jobs.count },
                pipelines: Set(workflows.map(\.pipeline.id)).count,
                workflows: workflows.count
            )
        }
    }

    private func serve(_ program: Circlemeter, _ directory: String, _ stage: Stage, every: String) throws -> Server {
        setenv("CIRCLEMETER_RECONCILE_EVERY", every, 1)
        let server = try Server(
            program.path,
            ["serve", "--data-dir", directory, "--dashboard-address", "127.0.0.1:0", "--log-level", "warning"],
            stage: stage
        )
        _ = try server.port("dashboard")
        return server
    }

    private func deliver(_ site: FakeSite, _ program: Circlemeter, _ directory: String) async throws {
        let server = try serve(program, directory, program.stage, every: "off")
        let report = await site.deliver(through: .now)
        guard report.counts.givenUpCount == 0 else { throw BenchFailure("not every delivery was taken") }
        try server.stop()
    }

    /// The first pass of a service is one by schedule.
    private func passOnSchedule(_ site: FakeSite, _ program: Circlemeter, _ directory: String) async throws {
        struct Project: Decodable { var reconciled_through: String? }
        struct Connection: Decodable { var known_projects: [Project] }
        let server = try serve(program, directory, program.stage, every: "10h")
        setenv("CIRCLEMETER_ADMIN_TOKEN", server.token, 1)
        defer { unsetenv("CIRCLEMETER_ADMIN_TOKEN") }
        while true {
            let shown = try await onOwnThread("bench.show") {
                try program.json(Connection.self, ["connection", "show", "acme", "--json", "--data-dir", directory])
            }
            if shown.known_projects.allSatisfy({ $0.reconciled_through != nil }) { break }
            try await Task.sleep(for: .milliseconds(200))
        }
        try server.stop()
    }
}
