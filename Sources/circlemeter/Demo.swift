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
            An organization's last month comes in quickly, then what runs today. Some deliveries are sent twice, some \
            arrive out of order. Ctrl-C stops it and removes the directory.
            """)

    @Option(help: "The same seed makes the same organizations.")
    var seed: UInt64 = 7

    @Option(help: "Deliveries a second once the past is in.")
    var rate: Double = 20

    @Option(help: "Days of the past.")
    var days: Int = 30

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
        guard (1...365).contains(days) else { throw ValidationError("--days must be from 1 to 365") }
    }

    func run() async throws {
        let path = try dataDirectory ?? Demo.temporaryDirectory()
        defer { if dataDirectory == nil { try? FileManager.default.removeItem(atPath: path) } }
        let settings = MeterSettings(
            directory: DataDirectory(path),
            webhookAddress: try ListenAddress(webhookAddress, setting: "--webhook-address"),
            dashboardAddress: try ListenAddress(dashboardAddress, setting: "--dashboard-address"))
        let history = history()
        let secret = Secret(Array(UUID().uuidString.utf8))
        for organization in history.organizations {
            let connection = try Connection(
                id: Demo.connectionID(organization), organization: "gh/\(Demo.connectionID(organization))",
                webhookSecrets: [Connection.WebhookSecret(secret)], addedAt: .now)
            let known = try await OfflineConnections.list(directory: try made(settings.directory))
            guard !known.contains(where: { $0.id == connection.id }) else {
                throw CommandFailure.misuse(
                    "\(path) is in use already", hint: "give --data-dir an empty directory, or leave it out")
            }
            try await OfflineConnections.add(connection, directory: settings.directory)
        }
        let service = try await MeterService.open(
            settings, environment: ProcessInfo.processInfo.environment, logger: .standardError(.warning))
        let exitWhenSent = exitWhenSent
        try await withThrowingTaskGroup(of: Void.self) { group in
            let (running, continuation) = AsyncStream.makeStream(of: MeterService.Running.self)
            group.addTask {
                try await service.run { continuation.yield($0) }
                continuation.finish()
            }
            for await running in running {
                Console.error("circlemeter demo: a made-up CircleCI posts to \(running.webhookURL), data in \(path)")
                Console.error("\n    open  \(running.signInURL ?? running.dashboardURL)\n")
                Console.error("The link signs you in once. Stop with Ctrl-C.")
                group.addTask {
                    try await send(history, secret, to: running.webhookURL)
                    if exitWhenSent { kill(getpid(), SIGTERM) }
                }
                break
            }
            // Ends with the service: on Ctrl-C, or when it fails.
            try await group.next()
            if exitWhenSent { try await group.next() }
            group.cancelAll()
        }
    }

    private func made(_ directory: DataDirectory) throws -> DataDirectory {
        try directory.make()
        return directory
    }

    private func history() -> FakeHistory {
        let today = Timestamp.now.day
        var options = FakeHistoryOptions(
            seed: seed, firstDay: Day(daysSinceEpoch: today.daysSinceEpoch - Int32(days) + 1))
        options.organizationCount = 2
        options.projectCount = 5
        options.dayCount = days
        options.pipelinesPerDay = 12
        options.oddities = .usual
        return FakeHistory(options: options)
    }

    /// Posts the past as fast as it is taken, and what is left at the chosen rate.
    private func send(_ history: FakeHistory, _ secret: Secret, to url: String) async throws {
        let client = HTTPClient(configuration: WebhookPoster.clientConfiguration(concurrency: 16))
        let targets = try history.organizations.map { organization in
            WebhookSender.Target(
                url: "\(url)/webhooks/circleci/\(Demo.connectionID(organization))",
                signing: .secret(try secret.forSigning()))
        }
        let split = Timestamp(microseconds: Int64(Timestamp.now.day.daysSinceEpoch) * 86_400_000_000)
        var options = WebhookSender.Options()
        options.faults.seed = seed
        options.faults.duplicateRate = 0.05
        options.faults.reorderWindow = 8
        let sent = Mutex(0)
        options.concurrency = 16
        let past = WebhookSender(poster: WebhookPoster(client: client), targets: targets, options: options)
        var report = await past.send(DeliveriesOf(history: history, isPast: true, split: split)) { _ in
            Demo.show(sent, "of the past")
        }
        Console.status("\r\u{1b}[K")
        Console.error("\(report.acknowledgedCount) deliveries of the past \(days) days are in")
        options.concurrency = 4
        options.pace = .perSecond(rate)
        let present = WebhookSender(poster: WebhookPoster(client: client), targets: targets, options: options)
        report = await present.send(DeliveriesOf(history: history, isPast: false, split: split)) { _ in
            Demo.show(sent, "in all")
        }
        try await client.shutdown()
    }

    private static func show(_ sent: borrowing Mutex<Int>, _ what: String) {
        let count = sent.withLock { count in
            count += 1
            return count
        }
        if Console.isTerminal, count % 10 == 0 { Console.status("\r\u{1b}[K\(count) deliveries \(what)") }
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

/// The part of a history before an instant, or from it on.
private struct DeliveriesOf: Sequence, Sendable {
    let history: FakeHistory
    let isPast: Bool
    let split: Timestamp

    func makeIterator() -> AnyIterator<GeneratedDelivery> {
        var deliveries = history.deliveries.makeIterator()
        let (isPast, split) = (isPast, split)
        return AnyIterator {
            while let delivery = deliveries.next() {
                if (delivery.sentAt < split) == isPast { return delivery }
            }
            return nil
        }
    }
}
