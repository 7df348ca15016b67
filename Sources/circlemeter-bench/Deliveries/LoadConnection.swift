import Dispatch
import NIOCore

/// One connection of the load generator: writes a request, awaits its answer, writes the next.
final class LoadConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Tells a connection to begin.
    struct Start: Sendable {}

    private let run: LoadRun
    private let dialect: LoadDialect
    private var received = ByteBuffer()
    private var context: ChannelHandlerContext?
    /// What has to be said, and answered, before the first request.
    private var greetings: ArraySlice<ByteBuffer>
    private var inFlight: (index: Int, since: UInt64)?

    init(_ run: LoadRun, _ dialect: LoadDialect) {
        self.run = run
        self.dialect = dialect
        greetings = dialect.greetings[...]
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        greet()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is Start { post() } else { context.fireUserInboundEventTriggered(event) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        received.writeBuffer(&bytes)
        do {
            guard let answer = try dialect.takeAnswer(&received) else { return }
            guard let (index, since) = inFlight else { return greet() }
            inFlight = nil
            run.answered(index, isDuplicate: answer.isDuplicate, since: since)
            post()
        } catch {
            run.fail(error)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        run.serverClosed()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A server that is killed resets its connections.
        error is IOError ? run.serverClosed() : run.fail(error)
    }

    /// Sends the next request, if one is left and due.
    func post() {
        guard let context, let request = run.take(for: self) else { return }
        inFlight = request
        context.writeAndFlush(wrapOutboundOut(run.requests[request.index]), promise: nil)
    }

    private func greet() {
        guard let greeting = greetings.popFirst() else { return run.connectionIsReady() }
        context?.writeAndFlush(wrapOutboundOut(greeting), promise: nil)
    }
}
