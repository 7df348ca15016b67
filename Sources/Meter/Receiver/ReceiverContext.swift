import Hummingbird

/// What is known of a request to the public listener.
struct ReceiverContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// The other end of the connection, a proxy perhaps; nil where there is no such address.
    let peerAddress: String?

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        peerAddress = source.channel.remoteAddress?.ipAddress
    }
}
