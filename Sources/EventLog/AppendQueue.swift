import Synchronization

#if SABOTAGE
    import Wire
#endif

/// The entries between the callers of `append` and the log's thread, and what both have to agree on.
final class AppendQueue: Sendable {
    typealias Answer = Result<AppendOutcome, LogError>
    /// Told the answer once, outside the queue's lock.
    typealias Waiter = @Sendable (Answer) -> Void

    /// An entry on its way to the disk.
    ///
    /// Unchecked: `duplicates` is guarded by the queue's mutex.
    final class Pending: @unchecked Sendable {
        let body: [UInt8]
        let key: UInt128?
        let waiter: Waiter
        /// Callers with the same event, who get its answer.
        var duplicates: [Waiter] = []

        init(body: [UInt8], key: UInt128?, waiter: @escaping Waiter) {
            self.body = body
            self.key = key
            self.waiter = waiter
        }

        var byteCount: Int { body.count + RecordWriter.maximumFrameBytes }
    }

    enum Admission {
        case answered(Answer)
        /// The answer comes later; whether the log's thread has to be woken for it.
        case waiting(wake: Bool)
    }

    struct State {
        var waiting: [Pending] = []
        /// Entries waiting or being written that have a key.
        var inFlight: [UInt128: Pending] = [:]
        var window: DeduplicationWindow
        var durableEnd: LogPosition
        var segments: [SegmentStatistics]
        var activity = LogActivity()
        var isFlushing = false
        var isClosed = false
        var subscribers: [Int: AsyncStream<LogPosition>.Continuation] = [:]
        var nextSubscriber = 0
    }

    let state: Mutex<State>
    private let maximumBytes: Int

    init(window: DeduplicationWindow, durableEnd: LogPosition, segments: [SegmentStatistics], maximumBytes: Int) {
        state = Mutex(State(window: window, durableEnd: durableEnd, segments: segments))
        self.maximumBytes = maximumBytes
    }

    /// The answer to an event that is on disk already.
    func known(_ key: UInt128) -> Answer? {
        state.withLock { state in
            guard let sequence = state.window[key] else { return nil }
            state.activity.duplicateCount += 1
            return .success(.duplicate(sequence: sequence))
        }
    }

    func admit(body: [UInt8], key: UInt128?, _ waiter: @escaping Waiter) -> Admission {
        state.withLock { state in
            guard !state.isClosed else { return .answered(.failure(.closed)) }
            if let key {
                if let sequence = state.window[key] {
                    state.activity.duplicateCount += 1
                    return .answered(.success(.duplicate(sequence: sequence)))
                }
                if let first = state.inFlight[key] {
                    #if SABOTAGE
                        if Sabotage.plants("duplicate-before-durable") {
                            return .answered(.success(.duplicate(sequence: 0)))
                        }
                    #endif
                    first.duplicates.append(waiter)
                    state.activity.duplicateWaiterCount += 1
                    return .waiting(wake: false)
                }
            }
            let pending = Pending(body: body, key: key, waiter: waiter)
            // An entry larger than the bound still gets through alone.
            #if SABOTAGE
                let bytes = Sabotage.plants("queue-not-bounded") ? 0 : state.activity.queuedBytes
            #else
                let bytes = state.activity.queuedBytes
            #endif
            guard bytes == 0 || bytes + pending.byteCount <= maximumBytes else {
                state.activity.refusedCount += 1
                return .answered(.failure(queueFull(bytes)))
            }
            if let key { state.inFlight[key] = pending }
            #if SABOTAGE
                if Sabotage.plants("key-claimed-before-write"), let key {
                    state.window.insert(key, sequence: state.durableEnd.sequence + state.waiting.count + 1)
                }
            #endif
            state.waiting.append(pending)
            state.activity.queuedBytes += pending.byteCount
            state.activity.queuedCount += 1
            let wake = !state.isFlushing
            state.isFlushing = true
            return .waiting(wake: wake)
        }
    }

    /// The next batch, at most that many bytes unless one entry is larger; nil, and the thread is to rest, where none
    /// waits.
    func take(maximumBytes: Int) -> [Pending]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isFlushing = false
                return nil
            }
            var count = 0
            var bytes = 0
            for pending in state.waiting {
                guard count == 0 || bytes + pending.byteCount <= maximumBytes else { break }
                count += 1
                bytes += pending.byteCount
            }
            guard count < state.waiting.count else {
                let batch = state.waiting
                state.waiting = []
                return batch
            }
            let batch = Array(state.waiting[..<count])
            state.waiting.removeFirst(count)
            return batch
        }
    }

    /// A batch is on disk.
    func succeed(_ batch: [Pending], end: LogPosition, byteCount: Int) {
        let first = end.sequence - batch.count + 1
        let (duplicates, subscribers) = state.withLock { state in
            var duplicates: [(Waiter, Int)] = []
            for (index, pending) in batch.enumerated() {
                State.release(pending, &state)
                for waiter in pending.duplicates { duplicates.append((waiter, first + index)) }
                if let key = pending.key { state.window.insert(key, sequence: first + index) }
            }
            state.durableEnd = end
            state.activity.appendedCount += batch.count
            state.activity.appendedBytes += byteCount
            state.activity.duplicateCount += duplicates.count
            state.activity.batchCount += 1
            state.activity.syncCount += 1
            state.segments[state.segments.count - 1].byteCount += byteCount
            state.segments[state.segments.count - 1].recordCount += batch.count
            return (duplicates, Array(state.subscribers.values))
        }
        for subscriber in subscribers { subscriber.yield(end) }
        for (index, pending) in batch.enumerated() {
            pending.waiter(.success(.accepted(sequence: first + index)))
        }
        for (waiter, sequence) in duplicates { waiter(.success(.duplicate(sequence: sequence))) }
    }

    /// A batch is not on disk, and what waits behind it is refused as well.
    func fail(_ batch: [Pending], _ error: LogError) {
        let waiters = state.withLock { state in
            let failed = batch + state.waiting
            state.waiting = []
            state.activity.failing = error
            var waiters: [Waiter] = []
            for pending in failed {
                State.release(pending, &state)
                waiters.append(pending.waiter)
                waiters.append(contentsOf: pending.duplicates)
            }
            state.activity.refusedCount += waiters.count
            return waiters
        }
        for waiter in waiters { waiter(.failure(error)) }
    }

    private func queueFull(_ bytes: Int) -> LogError {
        LogError(
            code: .queueFull,
            message: "\(bytes) bytes wait to be written, the bound is \(maximumBytes)",
            hint: "Try again; if this stays, the disk is too slow for what arrives"
        )
    }
}

extension AppendQueue.State {
    fileprivate static func release(_ pending: AppendQueue.Pending, _ state: inout Self) {
        if let key = pending.key { state.inFlight[key] = nil }
        state.activity.queuedBytes -= pending.byteCount
        state.activity.queuedCount -= 1
        state.activity.duplicateWaiterCount -= pending.duplicates.count
    }
}
