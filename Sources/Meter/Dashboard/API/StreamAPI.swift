import EventLog
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import ServiceLifecycle
import Wire

/// `GET /api/v1/stream`: server-sent events (`text/event-stream`), so that readers are told instead of asking.
///
/// - `event: snapshot`, `id: TAG`, `data: {"sequence":N,"crc":"........"}`: where the published snapshot is, at once and
///   after each advance. A reader who is slow is told the newest only. The first is left out where `Last-Event-ID` names
///   the present tag, since the reader knows it.
/// - `event: connections`, `data: {}`: a connection's state has changed. It comes besides the advance that such a change
///   makes, because there is none while the log takes no records.
/// - `: keep-alive`, a comment, every 15 s.
///
/// A stream ends after an hour and when the service stops; `retry` tells browsers to come back after 2 s. Beyond 100
/// streams the answer is 503 `too_many_streams`.
struct StreamAPI: Sendable {
    struct Limits: Sendable {
        var maximumCount = 100
        /// Who has not taken one of these comments when the next is due is cut off.
        var keepAlive = Duration.seconds(15)
        /// A role that was taken away sees no more than this.
        var lifetime = Duration.seconds(3600)
        /// From the end of a stream to the end of its connection, for what is still on its way.
        var lastWords = TimeAmount.seconds(1)
    }

    static let lastEventHeader = HTTPField.Name("last-event-id")!
    /// Some proxies would otherwise keep the events until they have a buffer full.
    private static let unbufferedHeader = HTTPField.Name("x-accel-buffering")!
    private static let retryMilliseconds = 2000

    private let published: PublishedSnapshot
    private let monitor: ConnectionMonitor
    private let limits: Limits
    private let places: StreamPlaces

    init(published: PublishedSnapshot, monitor: ConnectionMonitor, limits: Limits = Limits()) {
        self.published = published
        self.monitor = monitor
        self.limits = limits
        places = StreamPlaces(maximumCount: limits.maximumCount)
    }

    func add(to router: RouterGroup<DashboardContext>) {
        router.get("stream") { request, context in try respond(to: request, on: context.channel) }
    }

    private func respond(to request: Request, on channel: any Channel) throws(HTTPProblem) -> Response {
        // A body that nobody reads would hold the stream's place until the service ends.
        guard request.headers[.transferEncoding] == nil, request.headers[.contentLength] ?? "0" == "0" else {
            throw .malformedRequest
        }
        guard let place = places.take() else { throw .tooManyStreams }
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store", Self.unbufferedHeader: "no"],
            body: ResponseBody { writer in
                defer { place.leave() }
                try await tell(&writer, request, channel)
                try await writer.finish(nil)
            }
        )
    }

    /// Tells the reader until they leave, the time is up or the service stops.
    private func tell(
        _ writer: inout any ResponseBodyWriter,
        _ request: Request,
        _ channel: any Channel
    ) async throws {
        let signals = StreamSignals()
        let seen = request.headers[Self.lastEventHeader]
        try await withTaskCancellationOrGracefulShutdownHandler {
            try await request.body.consumeWithInboundCloseHandler { _ in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { for await _ in published.sequences() { signals.raise(.snapshot) } }
                    group.addTask { for await _ in await monitor.changes() { signals.raise(.connections) } }
                    group.addTask { await watch(signals, channel) }
                    try await write(signals, knownTag: seen, to: &writer)
                    group.cancelAll()
                }
            } onInboundClosed: {
                signals.end()
            }
        } onCancelOrGracefulShutdown: {
            end(signals, channel)
        }
    }

    private func write(
        _ signals: StreamSignals,
        knownTag: String?,
        to writer: inout any ResponseBodyWriter
    ) async throws {
        var knownTag = knownTag
        try await writer.write(ByteBuffer(string: "retry: \(Self.retryMilliseconds)\n\n"))
        for await _ in signals.raised {
            let raised = signals.take()
            var text = raised.contains(.keepAlive) ? ": keep-alive\n\n" : ""
            let present = published.present
            if raised.contains(.snapshot), present.tag != knownTag {
                text += StreamAPI.event(present.tag, present.position?.sequence ?? 0, present.position?.crc ?? 0)
                knownTag = present.tag
            }
            if raised.contains(.connections) { text += "event: connections\ndata: {}\n\n" }
            if !text.isEmpty { try await writer.write(ByteBuffer(string: text)) }
        }
    }

    private static func event(_ tag: String, _ sequence: Int, _ crc: UInt32) -> String {
        var json = JSONWriter()
        json.object { json in
            json.member("sequence", sequence)
            json.member("crc", Hex.string(crc))
        }
        return "id: \(tag)\nevent: snapshot\ndata: \(String(decoding: json.bytes, as: UTF8.self))\n\n"
    }

    /// Says now and then that the stream is alive, until its time is up or the reader takes nothing any more.
    private func watch(_ signals: StreamSignals, _ channel: any Channel) async {
        let deadline = ContinuousClock.now + limits.lifetime
        while ContinuousClock.now < deadline {
            do { try await Task.sleep(for: limits.keepAlive) } catch { return }
            guard signals.raise(.keepAlive) else { break }
        }
        end(signals, channel)
    }

    /// Ends the stream, and a moment later its connection: a reader who takes nothing would hold up the end.
    private func end(_ signals: StreamSignals, _ channel: any Channel) {
        signals.end()
        channel.eventLoop.scheduleTask(in: limits.lastWords) { channel.close(promise: nil) }
    }
}
