import CircleCI
import Synchronization
import Wire

/// Time that a test moves, or that jumps to the end of each sleep at once.
final class APITestClock: Sendable {
    private struct State {
        var now: Duration = .zero
        var sleeps: [Duration] = []
        var sleepers: [Int: (wakeAt: Duration, continuation: CheckedContinuation<Void, any Error>)] = [:]
        var cancelled: Set<Int> = []
        var lastID = 0
    }

    /// Yields at each sleep that begins.
    let sleepBegins: AsyncStream<Duration>
    private let beginning: AsyncStream<Duration>.Continuation
    private let isAutomatic: Bool
    private let state = Mutex(State())
    private let origin = ContinuousClock.now

    /// - Parameter isAutomatic: Whether a sleep is over at once, the clock having moved by it.
    init(isAutomatic: Bool) {
        self.isAutomatic = isAutomatic
        (sleepBegins, beginning) = AsyncStream.makeStream(of: Duration.self)
    }

    /// How long each sleep was to be, in the order of their beginnings.
    var sleeps: [Duration] { state.withLock { $0.sleeps } }

    var elapsed: Duration { state.withLock { $0.now } }

    /// 2026-11-22T08:00:00Z at the start.
    static let start = Timestamp(microseconds: 1_795_334_400_000_000)

    var clock: APIClock {
        APIClock(
            now: { self.origin + self.elapsed },
            wallTime: {
                Timestamp(microseconds: Self.start.microseconds + Int64(self.elapsed / .microseconds(1)))
            },
            sleep: { try await self.sleep($0) }
        )
    }

    func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now += duration
            let due = state.sleepers.filter { $0.value.wakeAt <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.map(\.continuation)
        }
        for continuation in due { continuation.resume() }
    }

    private func sleep(_ duration: Duration) async throws {
        try Task.checkCancellation()
        let id = state.withLock { state in
            state.sleeps.append(duration)
            state.lastID += 1
            if isAutomatic { state.now += max(.zero, duration) }
            return state.lastID
        }
        guard !isAutomatic else {
            beginning.yield(duration)
            await Task.yield()
            return
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isCancelled = state.withLock { state in
                    guard !state.cancelled.contains(id) else { return true }
                    state.sleepers[id] = (state.now + duration, continuation)
                    return false
                }
                if isCancelled { continuation.resume(throwing: CancellationError()) }
                beginning.yield(duration)
            }
        } onCancel: {
            let continuation = state.withLock { state in
                state.cancelled.insert(id)
                return state.sleepers.removeValue(forKey: id)?.continuation
            }
            continuation?.resume(throwing: CancellationError())
        }
    }
}
