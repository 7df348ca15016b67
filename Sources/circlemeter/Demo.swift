import ArgumentParser
import AsyncHTTPClient
import CircleCI
import FakeCircleCI
import Foundation
import Logging
import Meter
import Synchronization
import Wire

struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Run everything against a made-up CircleCI: real webhooks, the dashboard, a temporary directory.",
        discussion: """
            The last month of two organizations comes in quickly, then what runs today. Some deliveries are sent twice, some \
            arrive out of order. Ctrl-C stops it and removes the directory.
            """
    )

    @Option(help: "The same seed makes the same organizations.")
    var seed: UInt64 = 7

    @Option(help: "Deliveries a second once the past is in.")
    var rate: Double = 20

    @Option(help: "Days of the past.")
    var days: Int = 30

    @Option(name: .customLong("pipelines-today"), help: "Pipelines to come in at that rate, about ten deliveries each.")
    var pipelinesToday: Int = 1000

    @Option(name: .customLong("webhook-address"), help: "The public listener.")
    var webhookAddress = "127.0.0.1:8080"

    @Option(name: .customLong("dashboard-address"), help: "The dashboard's listener.")
    var dashboardAddress = "127.0.0.1:8081"

    @Option(name: .customLong("data-dir"), help: "Keep the data here instead of in a temporary directory.")
    var dataDirectory: String?

    @Flag(name: .customLong("exit-when-sent"), help: "Stop once everything is sent.")
    var exitWhenSent = false

    func validate() throws {
        guard rate > 0, rate <= 100_000 else { throw ValidationError("--rate must be above 0, at most 100000") }
        guard pipelinesToday >= 0 else { throw ValidationError("--pipelines-today must not be negative") }
        guard (1...365).contains(days) else { throw ValidationError("--days must be from 1 to 365") }
    }

    func run() async throws {
        let path = try dataDirectory ?? Demo.temporaryDirectory()
        defer { if dataDirectory == nil { try? FileManager.default.removeItem(atPath: path) } }
        let settings = MeterSettings(
            directory: DataDirectory(path),
            webhookAddress: try ListenAddress(webhookAddress, setting: "--webhook-address"),
            dashboardAddress: try ListenAddress(dashboardAddress, setting: "--dashboard-address")
        )
        let today = Timestamp.now.day
        let past = history(
            from: Day(daysSinceEpoch: today.daysSinceEpoch - Int32(days)),
            days: days,
            pipelinesPerDay: 12,
            events: seed
        )
        let present = history(from: today, days: 1, pipelinesPerDay: pipelinesToday, events: seed &+ 1)
        let secret = Secret(Array(UUID().uuidString.utf8))
        for organization in past.organizations {
            let connection = try Connection(
                id: Demo.connectionID(organization),
                organization: "gh/\(Demo.connectionID(organization))",
                webhookSecrets: [Connection.WebhookSecret(secret)],
                addedAt: .now
            )
            let known = try await OfflineConnections.list(directory: try made(settings.directory))
            guard !known.contains(where: { $0.id == connection.id }) else {
                throw CommandFailure.misuse(
                    "\(path) is in use already",
                    hint: "give --data-dir an empty directory, or leave it out"
                )
            }
            try await OfflineConnections.add(connection, directory: settings.directory)
        }
        let service = try await MeterService.open(
            settings,
            environment: ProcessInfo.processInfo.environment,
            logger: .standardError(.warning)
        )
        let exitWhenSent = exitWhenSent
        try await withThrowingTaskGroup(of: Bool.self) { group in
            let (running, continuation) = AsyncStream.makeStream(of: MeterService.Running.self)
            group.addTask {
                // Also where it fails to listen, so that nobody waits for it.
                defer { continuation.finish() }
                try await service.run { continuation.yield($0) }
                return true
            }
            for await running in running {
                Console.error("circlemeter demo: a made-up CircleCI posts to \(running.webhookURL), data in \(path)")
                Console.error("\n    open  \(running.signInURL ?? running.dashboardURL)\n")
                Console.error("The link signs you in once. Stop with Ctrl-C.")
                group.addTask {
                    try await send(past, present, secret, to: running.webhookURL)
                    if exitWhenSent { kill(getpid(), SIGTERM) }
                    return false
                }
                break
            }
            // The service goes on when all is sent; once it ends, on Ctrl-C or by a failure, so does the sender.
            for try await isService in group where isService { group.cancelAll() }
        }
    }

    private func made(_ directory: DataDirectory) throws -> DataDirectory {
        try directory.make()
        return directory
    }

    /// What ran in `days` days from `firstDay` on.
    private func history(from firstDay: Day, days: Int, pipelinesPerDay: Int, events: UInt64) -> FakeHistory {
        var options = FakeHistoryOptions(seed: seed, firstDay: firstDay)
        options.eventSeed = events
        options.organizationCount = 2
        options.projectCount = 5
        options.dayCount = days
        options.pipelinesPerDay = pipelinesPerDay
        options.weekendShare = days == 1 ? 1 : 0.25
        options.oddities = .usual
        return FakeHistory(options: options)
    }

    /// Posts the past as fast as it is taken, and the present at the chosen rate.
    private func send(_ past: FakeHistory, _ present: FakeHistory, _ secret: Secret, to url: String) async throws {
        let client = HTTPClient(configuration: WebhookPoster.clientConfiguration(concurrency: 16))
        let targets = try past.organizations.map { organization in
            WebhookSender.Target(
                url: "\(url)/webhooks/circleci/\(Demo.connectionID(organization))",
                signing: .secret(try secret.forSigning())
            )
        }
        var options = WebhookSender.Options()
        options.faults.seed = seed
        options.faults.duplicateRate = 0.05
        options.faults.reorderWindow = 8
        options.concurrency = 16
        let sent = Mutex(0)
        let poster = WebhookPoster(client: client)
        let first = WebhookSender(poster: poster, targets: targets, options: options)
        let report = await first.send(past.deliveries) { _ in Demo.show(sent) }
        Demo.clearLine()
        Console.error("\(report.acknowledgedCount) deliveries of the past \(days) days are in; now comes today")
        options.concurrency = 4
        options.pace = .perSecond(rate)
        let second = WebhookSender(poster: poster, targets: targets, options: options)
        let rest = await second.send(present.deliveries) { _ in Demo.show(sent) }
        Demo.clearLine()
        if !rest.isCancelled { Console.error("everything is sent: \(sent.withLock { $0 }) deliveries were taken") }
        try await client.shutdown()
    }

    private static func clearLine() {
        if Console.isTerminal { Console.status("\r\u{1b}[K") }
    }

    private static func show(_ sent: borrowing Mutex<Int>) {
        let count = sent.withLock { count in
            count += 1
            return count
        }
        if Console.isTerminal, count % 10 == 0 { Console.status("\r\u{1b}[K\(count) deliveries taken") }
    }

    private static func connectionID(_ organization: FakeOrganization) -> String {
        organization.index == 0 ? "acme" : "globex"
    }

    private static func temporaryDirectory() throws -> String {
        let path = FileManager.default.temporaryDirectory.appending(path: "circlemeter-demo-\(UUID().uuidString)").path
        try DataDirectory(path).make()
        return path
    }
}
