import Dispatch
import NIOCore

/// What the connections of one run share.
///
/// Unchecked: touched on the run's one event loop only.
final class LoadRun: @unchecked Sendable {
    /// How long to wait at most often for the next due request, where many a second are due.
    private static let shortestTick = TimeAmount.microseconds(200)

    let requests: PreparedRequests
    let done: EventLoopPromise<LoadOutcome>
    private let loop: any EventLoop
    private let indices: [Int]
    private let nanosecondsEach: UInt64?
    private let nanosecondsBehind: UInt64
    private var fellBehind = false
    private let endsWithServer: Bool
    private let onAnswer: (@Sendable (Int) -> Void)?
    private var next = 0
    private var startedAt: UInt64 = 0
    /// Connections that wait for a request to be due.
    private var idle: [LoadConnection] = []
    private var acknowledged: [Int] = []
    private var latencies: [UInt64] = []
    private var duplicateCount = 0
    private var isDone = false
    private var readyCount = 0
    private var awaited: (count: Int, promise: EventLoopPromise<Void>)?

    init(_ generator: LoadGenerator, _ indices: [Int], loop: any EventLoop) {
        requests = generator.requests
        self.indices = indices
        self.loop = loop
        endsWithServer = generator.endsWithServer
        nanosecondsBehind = generator.givesUpBehind.map { UInt64($0.nanoseconds) } ?? .max
        onAnswer = generator.onAnswer
        nanosecondsEach =
            switch generator.pace {
            case .asAnswered: nil
            case .perSecond(let rate): 1_000_000_000 / UInt64(rate)
            }
        done = loop.makePromise()
        acknowledged.reserveCapacity(indices.count)
        latencies.reserveCapacity(indices.count)
    }

    /// A connection can send requests now.
    func connectionIsReady() {
        readyCount += 1
        if let awaited, readyCount >= awaited.count { awaited.promise.succeed() }
    }

    /// Succeeds once so many connections are ready; fails where the run does.
    func allReady(_ count: Int) -> EventLoopFuture<Void> {
        let promise = loop.makePromise(of: Void.self)
        awaited = (count, promise)
        if readyCount >= count { promise.succeed() }
        return promise.futureResult
    }

    func begin() {
        startedAt = DispatchTime.now().uptimeNanoseconds
        if nanosecondsEach != nil { tick() }
    }

    /// The next request, with the time from which it counts; nil where none is left, or none is due yet: the
    /// connection is then told later.
    func take(for connection: LoadConnection) -> (index: Int, since: UInt64)? {
        guard next < indices.count, !isDone else { return nil }
        let now = DispatchTime.now().uptimeNanoseconds
        var since = now
        if let nanosecondsEach {
            since = startedAt + UInt64(next) * nanosecondsEach
            guard since <= now else {
                idle.append(connection)
                return nil
            }
            guard now - since < nanosecondsBehind else {
                fellBehind = true
                finish()
                return nil
            }
        }
        defer { next += 1 }
        return (indices[next], since)
    }

    /// Has idle connections send what is due, and comes again when the next request is.
    private func tick() {
        guard let nanosecondsEach, next < indices.count, !isDone else { return }
        let now = DispatchTime.now().uptimeNanoseconds
        while next < indices.count, startedAt + UInt64(next) * nanosecondsEach <= now, let connection = idle.popLast() {
            connection.post()
        }
        let due = startedAt + UInt64(next) * nanosecondsEach
        let wait = due > now ? TimeAmount.nanoseconds(Int64(due - now)) : .zero
        loop.scheduleTask(in: max(wait, LoadRun.shortestTick)) { self.tick() }
    }

    func answered(_ index: Int, isDuplicate: Bool, since: UInt64) {
        acknowledged.append(index)
        latencies.append(DispatchTime.now().uptimeNanoseconds - since)
        if isDuplicate { duplicateCount += 1 }
        onAnswer?(acknowledged.count)
        if acknowledged.count == indices.count { finish() }
    }

    func serverClosed() {
        endsWithServer ? finish() : fail(BenchFailure("the server closed a connection"))
    }

    func fail(_ error: any Error) {
        guard !isDone else { return }
        isDone = true
        awaited?.promise.fail(error)
        done.fail(error)
    }

    private func finish() {
        guard !isDone else { return }
        isDone = true
        done.succeed(
            LoadOutcome(
                acknowledged: acknowledged,
                duplicateCount: duplicateCount,
                fellBehind: fellBehind,
                seconds: Double(DispatchTime.now().uptimeNanoseconds - startedAt) / 1_000_000_000,
                latencies: latencies.sorted()
            )
        )
    }
}
