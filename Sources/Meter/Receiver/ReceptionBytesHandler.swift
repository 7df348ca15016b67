import NIOCore

/// Ends the body of a request that was refused, answer and all, while it came in.
struct RequestRefused: Error {}

/// Counts the bytes that go to the parser, and drops what a refused client sends. Answers that are bytes already go out
/// here.
final class ReceptionBytesHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let owner: ReceptionHandler
    private var context: ChannelHandlerContext?

    init(_ owner: ReceptionHandler) {
        self.owner = owner
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    /// Sends a whole answer to the request that is served.
    func answer(_ bytes: ByteBuffer) {
        guard let context, owner.takesAnswers else { return }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        owner.answered()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !owner.isRefused else { return }
        owner.receivedBytes(unwrapInboundIn(data))
        context.fireChannelRead(data)
        owner.parsedBytes()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        // Handlers behind may have stopped asking for more.
        if owner.isLingering { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed, owner.isLingering {
            owner.inputEnded()
            return
        }
        context.fireUserInboundEventTriggered(event)
    }
}
