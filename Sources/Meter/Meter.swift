import EventLog
import Hummingbird
public import Logging
import Metrics
import NIOCore
import ServiceLifecycle
import UnixSignals
import Wire

/// The running service: everything is opened, recovered and checked by ``open(_:environment:logger:)``, and runs in
/// ``run(onRunning:)`` until it is told to stop.
public struct MeterService: Sendable {
    /// Where a service can be reached once it listens.
    public struct Running: Sendable {
        public var webhookURL: String
        public var dashboardURL: String
        /// Signs a person in as admin, once; nil where the token came from the environment.
        public var signInURL: String?
    }

    private let settings: MeterSettings
    let parts: MeterParts
    private let logger: Logger

    /// Opens the log (recovering what a crash left), the connections, the tokens and the snapshot.
    /// - Throws: `MeterError` and `LogError`, each with what to do next.
    public static func open(
        _ settings: MeterSettings,
        environment: [String: String],
        logger: Logger
    ) async throws -> MeterService {
        try settings.directory.make()
        let parts = try await MeterParts.open(settings, environment: environment, logger: logger)
        parts.reportRecovery(to: logger)
        try await onOwnThread("circlemeter.leftovers") { SettleOrder.removeLeftovers(in: settings.directory) }
        return MeterService(settings: settings, parts: parts, logger: logger)
    }

    /// Serves until SIGTERM or SIGINT, or until the task is cancelled: then it takes no more deliveries, answers those
    /// that it has, publishes what they changed, and closes the log.
    public func run(onRunning: @escaping @Sendable (Running) async -> Void = { _ in }) async throws {
        let listening = Listening()
        let receiver = parts.receiver().application(address: settings.webhookAddress.bindAddress) { channel in
            listening.listens(.webhook, on: channel.localAddress?.port)
        }
        let dashboard = try parts.dashboard().application(address: settings.dashboardAddress.bindAddress) { channel in
            listening.listens(.dashboard, on: channel.localAddress?.port)
        }
        let announcement = Announcement(
            listening: listening,
            settings: settings,
            signIn: parts.signInPath,
            onRunning: onRunning
        )
        // Stopped in reverse: first nobody is told of it any more, then nothing is taken, then the rest is published.
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    LogService(log: parts.log),
                    LogCompressor(log: parts.log, setting: settings.logCompression, logger: logger),
                    parts.projector,
                    NoticeService(circleci: parts.circleci),
                    parts.rateCard,
                    TLSRenewal(identity: parts.identity, logger: logger),
                    parts.circleci.reconciler,
                    parts.circleci.settler,
                    Listener(dashboard, on: settings.dashboardAddress, setting: .dashboardAddress),
                    Listener(receiver, on: settings.webhookAddress, setting: .webhookAddress),
                    announcement,
                ],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger
            )
        )
        try await group.run()
    }
}

/// A listener that says which address it could not have.
private struct Listener<Application: Service>: Service {
    private let application: Application
    private let address: ListenAddress
    private let setting: MeterSettings.Key

    init(_ application: Application, on address: ListenAddress, setting: MeterSettings.Key) {
        self.application = application
        self.address = address
        self.setting = setting
    }

    func run() async throws {
        do {
            try await application.run()
        } catch let error as IOError {
            throw MeterError(
                .cannotListen,
                "The address cannot be listened on",
                at: address.description,
                cause: SystemError(call: "bind", number: error.errnoCode),
                hint: "another program may use it; choose another with --\(setting.rawValue)"
            )
        }
    }
}

/// Posts notices while others send them, and lets go of the connections to CircleCI.
private struct NoticeService: Service {
    let circleci: ConnectionParts

    func run() async throws {
        await cancelWhenGracefulShutdown { await circleci.notices.run() }
        // Without anywhere to post to there was nothing to run.
        try? await gracefulShutdown()
        await circleci.close()
    }
}

/// Keeps the log open while others use it, and closes it last.
private struct LogService: Service {
    let log: EventLog

    func run() async throws {
        try? await gracefulShutdown()
        await log.close()
    }
}
