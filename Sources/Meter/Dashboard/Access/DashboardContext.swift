import Hummingbird
import NIOCore

#if SABOTAGE
    import Wire
#endif

/// What is known of a request to the dashboard listener.
struct DashboardContext: RequestContext {
    /// Who asks, and how that was shown.
    struct Access: Sendable {
        let role: Role
        /// The session, for people; nil for programs that show a token.
        let session: Session?
    }

    var coreContext: CoreRequestContextStorage
    /// The client's connection, for answers that go on and on.
    let channel: any Channel
    /// The client's address without the port; ``ProxyMiddleware`` sees through proxies.
    var clientAddress: String
    /// Whether a proxy that is trusted says that the client came by https.
    var isSecure = false
    /// Set by ``AccessMiddleware``; nil on the paths that are open to all.
    var access: Access?

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        channel = source.channel
        clientAddress = source.channel.remoteAddress?.ipAddress ?? "local"
    }

    /// Under which the client's failed attempts are counted.
    var clientPlace: String { IPAddress.place(of: clientAddress) }

    /// - Throws: `unauthorized`, `forbidden`.
    func require(_ role: Role) throws(HTTPProblem) {
        guard let access else { throw .unauthorized }
        #if SABOTAGE
            if Sabotage.plants("viewer-may-change") { return }
        #endif
        guard access.role >= role else { throw .forbidden }
    }
}
