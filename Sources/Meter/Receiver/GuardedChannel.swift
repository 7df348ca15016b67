import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1

/// Hummingbird's HTTP/1 channel behind a listener's own limits.
struct GuardedChannel: ServerChildChannel {
    private let base: HTTP1Channel
    private let limits: ReceiverLimits
    private let crowd: ConnectionCrowd
    private let deliveries: DeliveryIntake?
    private let onRefusal: @Sendable (Reception.Refusal) -> Void

    init(
        responder: @escaping HTTPChannelHandler.Responder,
        limits: ReceiverLimits,
        deliveries: DeliveryIntake?,
        onRefusal: @escaping @Sendable (Reception.Refusal) -> Void
    ) {
        // The parser's limits are wider than ours: it cannot tell which one was passed.
        let headBytes = limits.maximumRequestLineBytes + limits.maximumHeaderBytes + limits.maximumHeaderCount
        base = HTTP1Channel(
            responder: responder,
            configuration: .init(
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: headBytes,
                    maxHeaderListSize: headBytes,
                    maxHeaderFieldCount: limits.maximumHeaderCount + 1
                )
            )
        )
        self.limits = limits
        self.deliveries = deliveries
        crowd = ConnectionCrowd(maximumCount: limits.maximumConnections)
        self.onRefusal = onRefusal
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        base.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let reception = ReceptionHandler(limits: limits, crowd: crowd, onRefusal: onRefusal)
            let parser = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            let outpost = ReceptionBytesHandler(reception)
            try pipeline.addHandler(reception, position: .after(parser))
            try pipeline.addHandler(outpost, position: .first)
            if let deliveries {
                let handler = DeliveryHandler(deliveries, answers: outpost)
                try pipeline.addHandler(handler, position: .after(reception))
            }
            return value
        }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await base.handle(value: value, logger: logger)
    }
}

extension HTTPServerBuilder {
    /// HTTP/1 behind `limits`.
    ///
    /// - Parameters:
    ///   - identity: The certificate under which TLS is spoken; nil: plain.
    ///   - deliveries: Takes the deliveries; nil: to this listener none come.
    ///   - onRefusal: Called on an event loop for each request that is refused before a handler could answer it.
    static func guarded(
        _ limits: ReceiverLimits,
        identity: TLSIdentity? = nil,
        deliveries: DeliveryIntake? = nil,
        onRefusal: @escaping @Sendable (Reception.Refusal) -> Void = { _ in }
    ) -> HTTPServerBuilder {
        HTTPServerBuilder { responder -> any ServerChildChannel in
            let channel = GuardedChannel(
                responder: responder,
                limits: limits,
                deliveries: deliveries,
                onRefusal: onRefusal
            )
            return identity.map { SecuredChannel(base: channel, identity: $0) as any ServerChildChannel } ?? channel
        }
    }
}

extension HTTPProblem {
    /// The answer to a refused request.
    init(_ refusal: Reception.Refusal, _ limits: ReceiverLimits) {
        switch refusal {
        case .malformed: self = .malformedRequest
        case .incompleteBody: self = .incompleteBody
        case .requestLineTooLong: self = .requestLineTooLong(maximumBytes: limits.maximumRequestLineBytes)
        case .headersTooLarge:
            self = .headersTooLarge(
                maximumCount: limits.maximumHeaderCount,
                maximumBytes: limits.maximumHeaderBytes
            )
        case .bodyTooLarge: self = .bodyTooLarge(maximumBytes: limits.maximumBodyBytes)
        case .timeout: self = .requestTimeout
        }
    }
}
