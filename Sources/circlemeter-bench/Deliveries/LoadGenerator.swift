import Foundation
import NIOCore
import NIOPosix

/// Posts prepared requests over keep-alive connections with one request in flight on each, from one event loop, without an
/// HTTP stack: the generator shares the machine with the server and must cost little.
struct LoadGenerator {
    struct Outcome {
        /// Answers of 200; any other ends the run.
        var acknowledgedCount: Int
        var seconds: Double
        /// From the write of each request to the end of its answer, ascending.
        var latencies: [UInt64]
        /// Of the server.
        var processorSeconds = 0.0

        var perSecond: Double { Double(acknowledgedCount) / seconds }

        var processorMicroseconds: Double { processorSeconds * 1_000_000 / Double(acknowledgedCount) }

        /// The latency that a share of the requests keeps, in milliseconds.
        func milliseconds(_ share: Double) -> Double {
            let index = min(latencies.count - 1, Int(Double(latencies.count) * share))
            return Double(latencies[index]) / 1_000_000
        }
    }

    let requests: PreparedRequests
    let connectionCount: Int
    /// A run that takes longer has failed.
    var limit = TimeAmount.seconds(120)

    /// Posts the requests of `range` to 127.0.0.1. Blocks.
    func post(_ range: Range<Int>, port: Int) throws -> Outcome {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { try? group.syncShutdownGracefully() }
        let loop = group.next()
        let run = LoadRun(requests: requests, range: range, done: loop.makePromise())
        let bootstrap = ClientBootstrap(group: group)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(LoadConnection(run))
                }
            }
        let channels = try (0..<connectionCount).map { _ in
            try bootstrap.connect(host: "127.0.0.1", port: port).wait()
        }
        let timer = loop.scheduleTask(in: limit) { [limit] in
            run.fail(BenchFailure("the load took longer than \(limit.nanoseconds / 1_000_000_000) s"))
        }
        let begin = DispatchTime.now().uptimeNanoseconds
        loop.execute {
            for channel in channels { channel.pipeline.fireUserInboundEventTriggered(LoadConnection.Start()) }
        }
        let result = Result { try run.done.futureResult.wait() }
        let nanoseconds = DispatchTime.now().uptimeNanoseconds - begin
        timer.cancel()
        for channel in channels { try? channel.close().wait() }
        let latencies = try result.get()
        return Outcome(
            acknowledgedCount: latencies.count,
            seconds: Double(nanoseconds) / 1_000_000_000,
            latencies: latencies.sorted()
        )
    }
}

/// What the connections of one run share.
///
/// Unchecked: touched on the run's one event loop only.
final class LoadRun: @unchecked Sendable {
    let requests: PreparedRequests
    let done: EventLoopPromise<[UInt64]>
    private var next: Int
    private let end: Int
    private let count: Int
    private var latencies: [UInt64] = []
    private var isDone = false

    init(requests: PreparedRequests, range: Range<Int>, done: EventLoopPromise<[UInt64]>) {
        self.requests = requests
        self.done = done
        next = range.lowerBound
        end = range.upperBound
        count = range.count
        latencies.reserveCapacity(count)
    }

    /// The next request; nil where none is left.
    func take() -> ByteBuffer? {
        guard next < end, !isDone else { return nil }
        defer { next += 1 }
        return requests[next]
    }

    func acknowledged(nanoseconds: UInt64) {
        latencies.append(nanoseconds)
        guard latencies.count == count, !isDone else { return }
        isDone = true
        done.succeed(latencies)
    }

    func fail(_ error: any Error) {
        guard !isDone else { return }
        isDone = true
        done.fail(error)
    }
}
