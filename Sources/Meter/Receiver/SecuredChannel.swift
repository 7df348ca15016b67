import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOSSL

/// The guarded channel behind TLS. The limits hold from the first byte: who does not finish the handshake says nothing as
/// far as they know, and is cut off when the time without a byte is over.
struct SecuredChannel: ServerChildChannel {
    let base: GuardedChannel
    let identity: TLSIdentity

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        base.setup(channel: channel, logger: logger).flatMapThrowing { value in
            // Before everything that counts bytes: those are the client's, not TLS's.
            let handler = NIOSSLServerHandler(context: identity.context)
            try channel.pipeline.syncOperations.addHandler(handler, position: .first)
            return value
        }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await base.handle(value: value, logger: logger)
    }
}
