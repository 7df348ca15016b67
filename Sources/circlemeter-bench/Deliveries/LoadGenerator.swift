import Foundation
import NIOCore
import NIOPosix

/// Sends prepared requests over connections that stay open, with one request in flight on each, from one event loop,
/// without an HTTP stack: the generator shares the machine with the server and must cost little.
struct LoadGenerator {
    enum Pace {
        /// The next request as soon as one is answered.
        case asAnswered
        /// So many a second, whatever the answers: a request counts from the moment when it was due, so that a server
        /// which holds the generator up cannot hide it.
        case perSecond(Int)
    }

    let requests: PreparedRequests
    let connectionCount: Int
    var dialect = LoadDialect.http
    var pace = Pace.asAnswered
    /// At a pace: a run that is so far behind it ends there; nil: it goes on.
    var givesUpBehind: TimeAmount?
    /// A run that takes longer has failed.
    var limit = TimeAmount.seconds(180)
    /// Told the number of answers so far, on the generator's event loop; may be nil.
    var onAnswer: (@Sendable (Int) -> Void)?
    /// Whether a closed connection ends the run, with what was answered until then, rather than fails it.
    var endsWithServer = false

    /// Sends the requests of `range`. Blocks.
    func post(_ range: Range<Int>, to address: SocketAddress) throws -> LoadOutcome {
        try post(Array(range), to: address)
    }

    /// Sends the requests with these indices. Blocks.
    func post(_ indices: [Int], to address: SocketAddress) throws -> LoadOutcome {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { try? group.syncShutdownGracefully() }
        let loop = group.next()
        let run = LoadRun(self, indices, loop: loop)
        let bootstrap = ClientBootstrap(group: group)
            .channelInitializer { [dialect] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(LoadConnection(run, dialect))
                }
            }
        let channels = try (0..<connectionCount).map { _ in
            let channel = try bootstrap.connect(to: address).wait()
            // A socket of the file system has no such option.
            if address.port != nil { try channel.setOption(.tcpOption(.tcp_nodelay), value: 1).wait() }
            return channel
        }
        let timer = loop.scheduleTask(in: limit) { [limit] in
            run.fail(BenchFailure("the load took longer than \(limit.nanoseconds / 1_000_000_000) s"))
        }
        try loop.flatSubmit { run.allReady(channels.count) }.wait()
        loop.execute {
            run.begin()
            for channel in channels { channel.pipeline.fireUserInboundEventTriggered(LoadConnection.Start()) }
        }
        let result = Result { try run.done.futureResult.wait() }
        timer.cancel()
        for channel in channels { try? channel.close().wait() }
        return try result.get()
    }
}

/// What came of a run.
struct LoadOutcome: Sendable {
    /// The requests that were answered well, in the order of the answers.
    var acknowledged: [Int]
    /// Of them, those whose answer says `duplicate`.
    var duplicateCount: Int
    /// The pace was given up, see ``LoadGenerator/givesUpBehind``.
    var fellBehind = false
    var seconds: Double
    /// From the write of each request, or from when it was due, to the end of its answer, in nanoseconds, ascending.
    var latencies: [UInt64]
    /// Of the server.
    var processorSeconds = 0.0

    var perSecond: Double { Double(acknowledged.count) / seconds }

    var processorMicroseconds: Double { processorSeconds * 1_000_000 / Double(acknowledged.count) }

    /// The latency that a share of the requests keeps, in milliseconds.
    func milliseconds(_ share: Double) -> Double {
        guard !latencies.isEmpty else { return 0 }
        let index = min(latencies.count - 1, Int(Double(latencies.count) * share))
        return Double(latencies[index]) / 1_000_000
    }
}
