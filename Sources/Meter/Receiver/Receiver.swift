import EventLog
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import Wire

/// The public listener: takes CircleCI's deliveries.
struct Receiver {
    let connections: ConnectionStore
    let log: any DeliveryLog
    let quarantine: Quarantine
    /// Takes deliveries whose signature fits no secret; nil: nobody does.
    var refused: RefusedDeliveries?
    let metrics: ReceiverMetrics
    var limits = ReceiverLimits()
    /// The wall clock; asked when a request's head arrives.
    let now: @Sendable () -> Timestamp
    let logger: Logger
    /// Answers what is neither a delivery nor a health check; nil: 404.
    var fallback: (any HTTPResponder<ReceiverContext>)?
    /// The certificate under which TLS is spoken; nil: plain.
    var identity: TLSIdentity?

    /// The service, listening once it runs.
    ///
    /// - Parameter onRunning: Called with the listening channel, whose `localAddress` tells the port where 0 was asked
    ///   for.
    func application(
        address: BindAddress,
        onRunning: @escaping @Sendable (any Channel) async -> Void = { _ in }
    ) -> ListeningApplication<ReceiverResponder> {
        ListeningApplication(
            responder: ReceiverResponder(metrics: metrics, fallback: fallback),
            server: .guarded(limits, identity: identity, deliveries: deliveries) { [metrics, limits] refusal in
                metrics.rejected(HTTPProblem(refusal, limits).code)
            },
            configuration: ServerConfiguration(
                address: address,
                availableConnectionsDelegate: .maximum(2 * limits.maximumConnections, logger: logger)
            ),
            onRunning: onRunning,
            now: now,
            logger: logger
        )
    }

    private var deliveries: DeliveryIntake {
        DeliveryIntake(
            connections: connections,
            log: log,
            quarantine: quarantine,
            refused: refused,
            metrics: metrics,
            now: now,
            logger: logger
        )
    }
}
