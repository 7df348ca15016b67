import HTTPTypes
import NIOCore
import NIOHTTP1

/// Performs what a connection's ``Reception`` says. It stands right behind the HTTP parser, and has an outpost before
/// it, ``ReceptionBytesHandler``.
final class ReceptionHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let limits: ReceiverLimits
    private let crowd: ConnectionCrowd
    private let onRefusal: @Sendable (Reception.Refusal) -> Void
    private var number: Int?
    /// Since when the client is waited for, as far as the crowd knows.
    private var notedSince: NIODeadline?
    private var reception: Reception
    private var context: ChannelHandlerContext?
    private var timer: (scheduled: Scheduled<Void>, deadline: NIODeadline)?

    init(
        limits: ReceiverLimits,
        crowd: ConnectionCrowd,
        onRefusal: @escaping @Sendable (Reception.Refusal) -> Void
    ) {
        self.limits = limits
        self.crowd = crowd
        self.onRefusal = onRefusal
        reception = Reception(limits: limits, now: .now())
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let (handler, eventLoop) = (NIOLoopBound(self, eventLoop: context.eventLoop), context.eventLoop)
        let now = NIODeadline.now()
        notedSince = now
        let firstChance = now + limits.firstTime
        number = crowd.enter(at: now) {
            eventLoop.scheduleTask(deadline: firstChance) { handler.value.pushOut() }
        }
        arm()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.scheduled.cancel()
        timer = nil
        self.context = nil
        if let number { crowd.exit(number) }
    }

    private func pushOut() {
        let action = reception.pushedOut()
        guard action == .close, let context else { return }
        onRefusal(.timeout)
        // Who waits for the rest of a body would otherwise take what has come for all of it.
        context.fireErrorCaught(RequestRefused())
        perform(action)
    }

    // MARK: Before the parser

    var isRefused: Bool { reception.isRefused }

    var isLingering: Bool { reception.isLingering }

    func receivedBytes(_ buffer: ByteBuffer) {
        let lineFeed = buffer.readableBytesView.firstIndex(of: UInt8(ascii: "\n"))
        reception.receivedBytes(
            buffer.readableBytes,
            lineFeed: lineFeed.map { $0 - buffer.readerIndex },
            at: .now()
        )
        arm()
    }

    func parsedBytes() {
        perform(reception.parsedBytes())
    }

    func inputEnded() {
        perform(reception.inputEnded())
    }

    var takesAnswers: Bool { reception.takesAnswers }

    /// A whole answer is on its way that did not come through here.
    func answered() {
        reception.startedAnswer()
        perform(reception.finishedAnswer(at: .now()))
        arm()
    }

    // MARK: Behind the parser

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !reception.isRefused else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            perform(receivedHead(head))
            if reception.mayContinue, head.version == .http1_1,
                head.headers.first(name: "expect")?.lowercased() == "100-continue"
            {
                // Some clients hold the body back until they are asked for it.
                let answer = HTTPResponseHead(version: .http1_1, status: .continue)
                context.writeAndFlush(wrapOutboundOut(.head(answer)), promise: nil)
            }
        case .body(let buffer):
            // Changes no time, unless it is refused.
            perform(reception.receivedBody(buffer.readableBytes))
            if !reception.isRefused { context.fireChannelRead(data) }
            return
        case .end:
            let action = reception.receivedEnd(at: .now())
            context.fireChannelRead(data)
            perform(action)
            return arm()
        }
        arm()
        if !reception.isRefused { context.fireChannelRead(data) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else {
            context.fireErrorCaught(error)
            return
        }
        perform(
            reception.failedParsing(
                isOverflow: error == .headerOverflow,
                isEndOfInput: error == .invalidEOFState
            )
        )
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // Handlers behind this one would close at once, and with that take the answer back.
        if reception.isLingering, event as? ChannelEvent == .outputClosed { return }
        context.fireUserInboundEventTriggered(event)
    }

    private func receivedHead(_ head: HTTPRequestHead) -> Reception.Action {
        var headerBytes = 0
        for (name, value) in head.headers { headerBytes += name.utf8.count + value.utf8.count + 4 }
        return reception.receivedHead(
            // The version is HTTP/1.x, between spaces.
            requestLineBytes: head.method.rawValue.utf8.count + head.uri.utf8.count + 10,
            headerCount: head.headers.count,
            headerBytes: headerBytes,
            // The parser lets digits only pass; a number that no integer holds is beyond every limit.
            bodyBytes: head.headers.first(name: "content-length").map { Int(ReceptionHandler.trimmed($0)) ?? .max },
            isFramingClear: ReceptionHandler.isFramingClear(head),
            isLast: !head.isKeepAlive,
            at: .now()
        )
    }

    /// Whether everybody on the way must find the same end of the body. The parser knows of more ways than one: codings
    /// before `chunked`, and chunks in HTTP/1.0.
    private static func isFramingClear(_ head: HTTPRequestHead) -> Bool {
        let codings = head.headers["transfer-encoding"]
        let lengths = head.headers["content-length"]
        guard !codings.isEmpty else { return lengths.count <= 1 }
        return codings.count == 1 && trimmed(codings[0]).lowercased() == "chunked" && lengths.isEmpty
            && head.version == .http1_1
    }

    /// White space behind a value is no part of it, and the parser leaves it there.
    static func trimmed(_ value: String) -> String {
        guard let last = value.utf8.last, last == 0x20 || last == 0x09 else { return value }
        return String(decoding: value.utf8.reversed().drop { $0 == 0x20 || $0 == 0x09 }.reversed(), as: UTF8.self)
    }

    // MARK: Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard reception.takesAnswers else {
            promise?.succeed()
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(let head):
            if head.status.code >= 200 { reception.startedAnswer() }
            context.write(data, promise: promise)
        case .body:
            context.write(data, promise: promise)
        case .end:
            context.write(data, promise: promise)
            perform(reception.finishedAnswer(at: .now()))
            arm()
        }
    }

    private func perform(_ action: Reception.Action) {
        guard let context else { return }
        switch action {
        case .proceed: return
        case .answer(let refusal):
            onRefusal(refusal)
            answer(HTTPProblem(refusal, limits), context)
            linger(context)
        case .linger:
            context.flush()
            linger(context)
        case .close:
            context.close(promise: nil)
        }
        arm()
    }

    private func answer(_ problem: HTTPProblem, _ context: ChannelHandlerContext) {
        let body = problem.body
        var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: problem.status.code))
        head.headers.add(name: "content-type", value: "application/json")
        head.headers.add(name: "content-length", value: String(body.count))
        head.headers.add(name: "connection", value: "close")
        for field in problem.headers { head.headers.add(name: field.name.rawName, value: field.value) }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    /// Sends the end and waits for the client's. A full close now would reset the connection where bytes are unread,
    /// and the client would lose the answer.
    private func linger(_ context: ChannelHandlerContext) {
        context.close(mode: .output).assumeIsolated().whenFailure { _ in context.close(promise: nil) }
        // Who waits for the rest of the body would otherwise take what has come for all of it.
        context.fireErrorCaught(RequestRefused())
        context.read()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        // Handlers behind this one are done and close; the client still gets its time.
        guard !reception.isLingering else {
            promise?.succeed()
            return
        }
        context.close(mode: mode, promise: promise)
    }

    // MARK: Time

    /// Sees to it that the timer fires no later than the reception's deadline. It may fire earlier, which does nothing.
    private func arm() {
        noteWaiting()
        guard let context, let deadline = reception.deadline else { return }
        if let timer {
            guard deadline < timer.deadline else { return }
            timer.scheduled.cancel()
        }
        let scheduled = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [self] in
            timer = nil
            perform(reception.reached(.now()))
            arm()
        }
        timer = (scheduled, deadline)
    }

    /// Tells the crowd, which all event loops share, of changes only.
    private func noteWaiting() {
        guard let number, reception.waitingSince != notedSince else { return }
        notedSince = reception.waitingSince
        crowd.note(number, waitingSince: notedSince)
    }
}
