import AsyncHTTPClient
import CircleCI
import EventLog
import FakeCircleCI
import Logging
import TestSupport
import Usage
import Wire

@testable import Meter

/// A whole service in this process, on ports of its own, with a connection for each organization of a history.
final class LiveService: Sendable {
    static let secret = Secret(Array("not much of a secret".utf8))

    let directory = TemporaryDirectory()
    let service: MeterService
    let running: MeterService.Running
    private let task: Task<Void, any Error>

    /// - Parameters:
    ///   - circleciURL: a made-up CircleCI; then no connection is there at first, and it is told where to post.
    ///   - chartScript: the file that draws charts; nil: pages go without.
    ///   - logger: nil: nothing is logged.
    ///   - change: other settings.
    init(
        organizationCount: Int = 1,
        circleciURL: String? = nil,
        chartScript: String? = nil,
        environment: [String: String] = [:],
        logger: Logger? = nil,
        change: (inout MeterSettings) throws -> Void = { _ in }
    ) async throws {
        var settings = MeterSettings(directory: DataDirectory(directory.path("data")))
        settings.webhookAddress = ListenAddress(host: "127.0.0.1", port: 0)
        settings.dashboardAddress = ListenAddress(host: "127.0.0.1", port: 0)
        settings.reconcileEvery = nil
        settings.settleEvery = nil
        settings.chartScript = chartScript
        if let circleciURL {
            // CircleCI has to know the port before anything listens on it.
            settings.webhookAddress.port = try FreePort.find()
            settings.publicURL = "http://\(settings.webhookAddress)"
            settings.circleciURL = circleciURL
            settings.apiCallsPerSecond = 1000
        }
        try change(&settings)
        let logger = logger ?? Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let service = try await MeterService.open(settings, environment: environment, logger: logger)
        for index in 0..<organizationCount where circleciURL == nil {
            _ = try await service.parts.circleci.administration.connect(
                try NewConnection(
                    id: LiveService.connection(index),
                    organization: "gh/acme",
                    webhookSecret: LiveService.secret,
                    now: .now
                )
            )
        }
        let (stream, continuation) = AsyncStream.makeStream(of: MeterService.Running.self)
        task = Task {
            defer { continuation.finish() }
            try await service.run { continuation.yield($0) }
        }
        self.service = service
        guard let running = await stream.first(where: { _ in true }) else {
            try await task.value
            throw CancellationError()
        }
        self.running = running
    }

    static func connection(_ organizationIndex: Int) -> String { "organization-\(organizationIndex)" }

    func stop() async {
        task.cancel()
        _ = await task.result
    }

    /// The snapshot once it counts all that is on the log now.
    func snapshot() async throws -> Snapshot {
        let end = service.parts.log.durableEnd.sequence
        for await sequence in service.parts.projector.published.sequences() where sequence >= end { break }
        return try await service.parts.projector.published.snapshot()
    }

    /// Posts deliveries as CircleCI would.
    func send(
        _ deliveries: some Sequence<GeneratedDelivery> & Sendable,
        organizationCount: Int = 1,
        faults: FaultPlan = FaultPlan()
    ) async throws -> SendReport {
        var options = WebhookSender.Options()
        options.concurrency = 16
        // A busy machine is no fault of the service.
        options.timeout = .seconds(60)
        options.faults = faults
        let targets = try (0..<organizationCount).map { index in
            WebhookSender.Target(
                url: "\(running.webhookURL)/webhooks/circleci/\(LiveService.connection(index))",
                signing: .secret(try LiveService.secret.forSigning())
            )
        }
        return try await withClient(concurrency: 16) { [options] client in
            await WebhookSender(poster: WebhookPoster(client: client), targets: targets, options: options)
                .send(deliveries)
        }
    }

    /// The admin's token.
    var token: String {
        get throws {
            let bytes = try PrivateFile.read("\(directory.path("data"))/admin-token", maximumBytes: 4096) ?? []
            return String(decoding: Secret(trimming: bytes).bytes, as: UTF8.self)
        }
    }
}
