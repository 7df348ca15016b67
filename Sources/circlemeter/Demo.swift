import ArgumentParser
import FakeCircleCI
import Foundation
import Logging
import Meter
import Wire

struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract:
            "Run everything against a made-up CircleCI: its API, its webhooks, the dashboard, a temporary directory.",
        discussion: """
            Two organizations are connected with an API key each, and the last weeks come in. Some deliveries are sent \
            twice, some out of order, some are lost, and the API fills them in. Then one key dies, and the dashboard says \
            Reconnect. Credits are settled by usage exports through yesterday; what runs today is provisional. Ctrl-C \
            stops it and removes the directory.
            """
    )

    @Option(help: "The same seed makes the same organizations.")
    var seed: UInt64 = 7

    @Option(help: "Deliveries a second once the past is in.")
    var rate: Double = 10

    @Option(help: "Days of the past.")
    var days: Int = 14

    @Option(name: .customLong("pipelines-per-day"), help: "Of each organization, about ten deliveries each.")
    var pipelinesPerDay: Int = 40

    @Option(name: .customLong("webhook-address"), help: "The public listener.")
    var webhookAddress = "127.0.0.1:8080"

    @Option(name: .customLong("dashboard-address"), help: "The dashboard's listener.")
    var dashboardAddress = "127.0.0.1:8081"

    @Option(name: .customLong("data-dir"), help: "Keep the data here instead of in a temporary directory.")
    var dataDirectory: String?

    @Flag(name: .customLong("exit-when-sent"), help: "Reconnect at once, and stop once everything is told.")
    var exitWhenSent = false

    func validate() throws {
        guard rate > 0, rate <= 100_000 else { throw ValidationError("--rate must be above 0, at most 100000") }
        guard (1...10_000).contains(pipelinesPerDay) else {
            throw ValidationError("--pipelines-per-day must be from 1 to 10000")
        }
        guard (1...365).contains(days) else { throw ValidationError("--days must be from 1 to 365") }
    }

    func run() async throws {
        let path = try dataDirectory ?? Demo.temporaryDirectory()
        defer { if dataDirectory == nil { try? FileManager.default.removeItem(atPath: path) } }
        let directory = DataDirectory(path)
        guard !FileManager.default.fileExists(atPath: directory.log) else {
            throw CommandFailure.misuse(
                "\(path) is in use already",
                hint: "give --data-dir an empty directory, or leave it out"
            )
        }
        var siteOptions = FakeSiteOptions(seed: seed)
        siteOptions.exportLooks = 1
        let site = FakeSite(history: history, options: siteOptions)
        let circleciURL = try await site.start()
        var webhook = try ListenAddress(webhookAddress, setting: "--webhook-address")
        // The made-up CircleCI has to be told where to post before anything listens there.
        if webhook.port == 0 { webhook.port = try FreePort.find() }
        var settings = MeterSettings(
            directory: directory,
            webhookAddress: webhook,
            dashboardAddress: try ListenAddress(dashboardAddress, setting: "--dashboard-address"),
            publicURL: "http://\(webhook)",
            circleciURL: circleciURL
        )
        settings.reconcileEvery = .seconds(10)
        settings.settleLookEvery = .seconds(1)
        settings.apiCallsPerSecond = 1000
        let service = try await MeterService.open(
            settings,
            environment: ProcessInfo.processInfo.environment,
            logger: .standardError(.error)
        )
        try await serve(service, site, directory)
        try? await site.stop()
    }

    private func serve(_ service: MeterService, _ site: FakeSite, _ directory: DataDirectory) async throws {
        let (exitWhenSent, rate, days) = (exitWhenSent, rate, days)
        let stop = StopSignal()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            let (running, continuation) = AsyncStream.makeStream(of: MeterService.Running.self)
            group.addTask {
                // Also where it fails to listen, so that nobody waits for it.
                defer { continuation.finish() }
                try await service.run { continuation.yield($0) }
                return true
            }
            for await running in running {
                Console.error("circlemeter demo: a made-up CircleCI, data in \(directory.path)")
                Console.error("\n    open  \(running.signInURL ?? running.dashboardURL)\n")
                Console.error("The link signs you in once. Stop with Ctrl-C.\n")
                group.addTask {
                    let story = DemoStory(
                        site: site,
                        directory: directory,
                        dashboardURL: running.dashboardURL,
                        days: days,
                        rate: rate,
                        isHurried: exitWhenSent
                    )
                    do {
                        try await story.tell()
                    } catch {
                        // A service that is stopping answers nobody any more.
                        guard stop.isTold else { throw error }
                        return false
                    }
                    if exitWhenSent { kill(getpid(), SIGTERM) } else { await story.goOn() }
                    return false
                }
                break
            }
            // The service goes on when all is sent; once it ends, on Ctrl-C or by a failure, so does the sender.
            for try await isService in group where isService { group.cancelAll() }
        }
    }

    /// What ran in the past days, and runs today and tomorrow.
    private var history: FakeHistory {
        let firstDay = Day(daysSinceEpoch: Timestamp.now.day.daysSinceEpoch - Int32(days))
        var options = FakeHistoryOptions(seed: seed, firstDay: firstDay)
        options.organizationCount = 2
        options.projectCount = 5
        options.projectKinds = [.github, .githubApp, .gitlab]
        options.dayCount = days + 2
        options.pipelinesPerDay = pipelinesPerDay
        options.weekendShare = 0.5
        options.oddities = .usual
        return FakeHistory(options: options)
    }

    private static func temporaryDirectory() throws -> String {
        let path = FileManager.default.temporaryDirectory.appending(path: "circlemeter-demo-\(UUID().uuidString)").path
        try DataDirectory(path).make()
        return path
    }
}
