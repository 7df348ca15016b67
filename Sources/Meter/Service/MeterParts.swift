import EventLog
import Logging
import Wire

/// What a service is made of, opened and ready to run.
struct MeterParts: Sendable {
    let settings: MeterSettings
    let log: EventLog
    let connections: ConnectionStore
    let quarantine: Quarantine
    let refused: RefusedDeliveries
    let people: PeopleSource
    let projector: Projector
    let circleci: ConnectionParts
    let rateCard: RateCardKeeper
    let registry: OpenMetricsRegistry
    /// Nil where it is not installed, or not wanted.
    let chartScript: ChartScript?
    let access: Access
    /// The certificate of both listeners; nil: they speak plain HTTP.
    let identity: TLSIdentity?
    /// The path that signs an admin in once; nil where the token came from the environment.
    let signInPath: String?
    let logger: Logger

    static func open(
        _ settings: MeterSettings,
        environment: [String: String],
        logger: Logger
    ) async throws -> MeterParts {
        let directory = settings.directory
        let registry = OpenMetricsRegistry()
        let logMetrics = LogMetrics(registry)
        var options = EventLog.Options()
        options.maximumSegmentBytes = settings.maximumSegmentBytes
        options.observe = { observation in
            switch observation {
            case .appended(_, _, let nanoseconds):
                logMetrics.appended(durationNanoseconds: Int64(clamping: nanoseconds))
            case .synced(let nanoseconds):
                logMetrics.synced(durationNanoseconds: Int64(clamping: nanoseconds))
            case .failed(let error):
                logger.error("the log cannot keep records now", metadata: ["error": "\(error)"])
            case .tookOver(let segment):
                logger.notice("a new segment has taken over", metadata: ["segment": "\(segment)"])
            }
        }
        var refusedLimits = RefusedDeliveries.Limits()
        refusedLimits.maximumBytes = settings.quarantineMaximumBytes
        refusedLimits.maximumAge = settings.quarantineMaximumAge
        let refusedMetrics = RefusedMetrics(registry)
        let opened = try await onOwnThread("circlemeter.open") { [options, refusedLimits] in
            // The log first: its lock keeps a second service from touching anything.
            let log = try EventLog.open(
                directory: directory.log,
                options: options,
                now: { Timestamp.now },
                deduplicationKey: { record in
                    record.source == .webhook
                        ? record.withBody { DeliveryKey.of($0, connection: record.connection) } : nil
                }
            )
            return (
                try Vault.load(directory.path, environment: environment),
                try Quarantine.open(dataDirectory: directory.path),
                try RefusedDeliveries.open(
                    dataDirectory: directory.path,
                    limits: refusedLimits,
                    now: .now,
                    onOutcome: { refusedMetrics.offered($0) }
                ),
                try AccessTokens.load(
                    admin: environment[AccessTokens.adminSetting],
                    viewer: environment[AccessTokens.viewerSetting],
                    dataDirectory: directory.path
                ),
                try PeopleSource(directory, environment: environment, logger: logger),
                try settings.tls.map { try TLSIdentity($0) },
                log,
                settings.chartScript.flatMap { ChartScript.load($0, logger: logger) }
            )
        }
        let (vault, quarantine, refused, tokens, people, identity, log, chartScript) = opened
        let connections = try await ConnectionStore.open(dataDirectory: directory.path, vault: vault)
        let access = Access(
            tokens: tokens,
            hasSecureCookies: settings.tls != nil || settings.publicURL?.hasPrefix("https://") ?? false,
            now: { Timestamp.now }
        )
        let projector = Projector(directory: directory, log: log, people: people, logger: logger)
        let circleci = try ConnectionParts(
            settings,
            store: connections,
            log: log,
            published: projector.published,
            registry: registry,
            logger: logger
        )
        return MeterParts(
            settings: settings,
            log: log,
            connections: connections,
            quarantine: quarantine,
            refused: refused,
            people: people,
            projector: projector,
            circleci: circleci,
            rateCard: RateCardKeeper(directory, log: log, published: projector.published, logger: logger),
            registry: registry,
            chartScript: chartScript,
            access: access,
            identity: identity,
            signInPath: environment[AccessTokens.adminSetting] == nil ? "/login/\(access.makeLinkCode(.admin))" : nil,
            logger: logger
        )
    }

    func receiver() -> Receiver {
        var limits = ReceiverLimits()
        limits.maximumBodyBytes = settings.maximumBodyBytes
        return Receiver(
            connections: connections,
            log: log,
            quarantine: quarantine,
            refused: refused,
            metrics: ReceiverMetrics(registry),
            limits: limits,
            now: { Timestamp.now },
            logger: logger,
            fallback: InvitationResponder(parts: self),
            identity: identity
        )
    }

    func dashboard() throws -> Dashboard { try Dashboard(parts: self) }

    /// Says what recovery found; a torn tail is the trace of a crash, damage is not.
    func reportRecovery(to logger: Logger) {
        let recovery = log.recovery
        if let torn = recovery.tornTail {
            logger.warning("the end of the log's last batch was cut off", metadata: ["what": "\(torn)"])
        }
        for damage in recovery.damages {
            logger.critical(
                "the log is damaged",
                metadata: ["where": "\(damage)", "hint": "circlemeter log verify"]
            )
        }
    }
}
