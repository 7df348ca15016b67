import Dispatch
import NIOCore

/// One connection of the load generator: writes a request, awaits its answer, writes the next.
final class LoadConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Tells a connection to begin.
    struct Start: Sendable {}

    private let run: LoadRun
    private var received = ByteBuffer()
    private var sentAt: UInt64 = 0

    init(_ run: LoadRun) {
        self.run = run
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is Start { post(context) } else { context.fireUserInboundEventTriggered(event) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        received.writeBuffer(&bytes)
        guard let status = takeAnswer() else { return }
        run.acknowledged(status, since: sentAt)
        post(context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        run.fail(BenchFailure("the server closed a connection"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        run.fail(error)
    }

    private func post(_ context: ChannelHandlerContext) {
        guard let request = run.take() else { return }
        sentAt = DispatchTime.now().uptimeNanoseconds
        context.writeAndFlush(wrapOutboundOut(request), promise: nil)
    }

    /// The status of a complete answer, which is then dropped; nil where more has to come.
    private func takeAnswer() -> Int? {
        let status: Int? = received.withUnsafeReadableBytes { bytes in
            guard bytes.count > 12, let headEnd = LoadConnection.headEnd(bytes) else { return nil }
            let head = String(decoding: bytes[..<headEnd], as: UTF8.self).lowercased()
            let field = head.split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
            let bodyCount = field.flatMap { Int($0.dropFirst(15).drop { $0 == " " }) } ?? 0
            guard bytes.count >= headEnd + 4 + bodyCount else { return nil }
            return Int(head.dropFirst(9).prefix(3)) ?? 0
        }
        if status != nil { received.clear() }
        return status
    }

    /// Where the empty line behind the head begins.
    private static func headEnd(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count >= 4 else { return nil }
        for index in 0...(bytes.count - 4) where bytes[index] == 0x0d && bytes[index + 2] == 0x0d {
            if bytes[index + 1] == 0x0a, bytes[index + 3] == 0x0a { return index }
        }
        return nil
    }
}

extension LoadRun {
    fileprivate func acknowledged(_ status: Int, since sentAt: UInt64) {
        if status == 200 {
            acknowledged(nanoseconds: DispatchTime.now().uptimeNanoseconds - sentAt)
        } else {
            fail(BenchFailure("the server answered \(status)"))
        }
    }
}
