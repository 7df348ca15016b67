import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOHTTP1

/// Serves deliveries on their connection's event loop: without a task, and with one hop, from the log's thread back. It
/// stands right behind the ``ReceptionHandler``; a request for any other path goes on to the handlers behind it, and its
/// answer comes from them.
///
/// One request is served at a time. What comes behind it waits here, and while something waits, nothing more is read.
final class DeliveryHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private enum Phase {
        /// Between requests.
        case idle
        /// The handlers behind this one serve the request.
        case passing(isReceived: Bool, isAnswered: Bool)
        /// A delivery's body comes in.
        case receiving(DeliveryIntake.Head)
        /// A delivery is being made durable.
        case keeping
        /// A delivery is answered before its end; the rest of it is dropped.
        case dropping
        /// The connection has ended, or is refused.
        case over
    }

    private static let path = "/webhooks/circleci/"

    private let intake: DeliveryIntake
    private let answers: ReceptionBytesHandler
    private var context: ChannelHandlerContext?
    private var phase = Phase.idle
    /// Of the delivery that comes in.
    private var body = ByteBuffer()
    /// What came behind the request that is served, in its order.
    private var waiting = CircularBuffer<HTTPServerRequestPart>(initialCapacity: 0)
    /// Events that end the connection: the handlers behind learn of them when all that came before is served.
    private var endings: [Any] = []
    private var isReadHeld = false
    /// Whether the handlers behind have been given something since they were told that reading is complete.
    private var hasPassed = false

    init(_ intake: DeliveryIntake, answers: ReceptionBytesHandler) {
        self.intake = intake
        self.answers = answers
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    // MARK: What comes in

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        guard waiting.isEmpty, takesParts else { return waiting.append(part) }
        receive(part, context)
        endIfServed(context)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard hasPassed else { return }
        hasPassed = false
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if waiting.isEmpty { context.read() } else { isReadHeld = true }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is ChannelShouldQuiesceEvent || event as? ChannelEvent == .inputClosed else {
            return context.fireUserInboundEventTriggered(event)
        }
        endings.append(event)
        endIfServed(context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is RequestRefused { end() }
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    /// Whether the next part belongs to the request that is served, or none is.
    private var takesParts: Bool {
        switch phase {
        case .idle, .receiving, .dropping, .over: true
        case .passing(let isReceived, _): !isReceived
        case .keeping: false
        }
    }

    private func receive(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch (phase, part) {
        case (.idle, .head(let head)):
            if let connection = DeliveryHandler.connection(in: head.uri) {
                begin(head, connection, context)
            } else {
                phase = .passing(isReceived: false, isAnswered: false)
                pass(part, context)
            }
        case (.passing(_, let isAnswered), .end):
            phase = isAnswered ? .idle : .passing(isReceived: true, isAnswered: false)
            pass(part, context)
        case (.passing, _): pass(part, context)
        case (.receiving, .body(var bytes)):
            if body.readableBytes == 0 { body = bytes } else { body.writeBuffer(&bytes) }
        case (.receiving(let head), .end): keep(head, context)
        case (.dropping, .end): phase = .idle
        case (.idle, _), (.receiving, _), (.dropping, _), (.keeping, _), (.over, _): return
        }
    }

    private func pass(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        hasPassed = true
        context.fireChannelRead(wrapInboundOut(part))
    }

    /// The connection whose deliveries a request's target takes; nil where it takes none.
    static func connection(in target: String) -> String? {
        if target.utf8.starts(with: path.utf8) {
            let id = target[target.utf8.index(target.startIndex, offsetBy: path.utf8.count)...]
            if Connection.isValidId(id) { return String(id) }
        }
        // Forms that CircleCI does not send: a query, a scheme, slashes that say nothing.
        let parts = URI(target).path.split(separator: "/", omittingEmptySubsequences: true)
        guard parts.count == 3, parts[0] == "webhooks", parts[1] == "circleci" else { return nil }
        return String(parts[2])
    }

    // MARK: Deliveries

    private func begin(_ head: HTTPRequestHead, _ connection: String, _ context: ChannelHandlerContext) {
        phase = .dropping
        guard head.method == .POST else {
            let refusal = intake.refusal(HTTPProblem.methodNotAllowed([.post]))
            return answer(refusal, context, isForHead: head.method == .HEAD)
        }
        let signatures = head.headers["circleci-signature"].map(ReceptionHandler.trimmed)
        switch intake.admit(
            connection: connection,
            signature: signatures.isEmpty ? nil : signatures.joined(separator: ", ")
        ) {
        case .admitted(let delivery): phase = .receiving(delivery)
        case .answered(let refusal): answer(refusal, context)
        }
    }

    private func keep(_ head: DeliveryIntake.Head, _ context: ChannelHandlerContext) {
        phase = .keeping
        let bytes = [UInt8](buffer: body)
        body = ByteBuffer()
        let (handler, eventLoop) = (NIOLoopBound(self, eventLoop: context.eventLoop), context.eventLoop)
        intake.take(head, body: bytes) { answer in
            eventLoop.execute { handler.value.kept(answer) }
        }
    }

    /// The answer may go out. A client that has gone loses no more than that.
    private func kept(_ outcome: DeliveryAnswer) {
        guard case .keeping = phase, let context else { return }
        phase = .idle
        answer(outcome, context)
        resume(context)
    }

    private func answer(_ answer: DeliveryAnswer, _ context: ChannelHandlerContext, isForHead: Bool = false) {
        var bytes = context.channel.allocator.buffer(capacity: 256)
        answer.append(to: &bytes, at: intake.now(), isForHead: isForHead)
        answers.answer(bytes)
    }

    // MARK: One request after the other

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var isEnd = false
        if case .end = unwrapOutboundIn(data) { isEnd = true }
        context.write(data, promise: promise)
        // The connection may have ended with that.
        guard isEnd, case .passing(let isReceived, _) = phase else { return }
        phase = isReceived ? .idle : .passing(isReceived: false, isAnswered: true)
        resume(context)
    }

    /// Serves what has waited.
    private func resume(_ context: ChannelHandlerContext) {
        while takesParts, let part = waiting.popFirst() { receive(part, context) }
        channelReadComplete(context: context)
        endIfServed(context)
        guard isReadHeld, waiting.isEmpty else { return }
        isReadHeld = false
        context.read()
    }

    private func endIfServed(_ context: ChannelHandlerContext) {
        guard !endings.isEmpty, waiting.isEmpty else { return }
        switch phase {
        case .receiving, .keeping, .dropping: return
        case .idle, .passing, .over: break
        }
        let events = endings
        endings = []
        for event in events { context.fireUserInboundEventTriggered(event) }
    }

    private func end() {
        phase = .over
        body = ByteBuffer()
        waiting = CircularBuffer(initialCapacity: 0)
    }
}
