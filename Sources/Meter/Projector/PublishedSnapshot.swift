import Dispatch
import EventLog
import Synchronization
import Usage
import Wire

/// The store that readers see: read by many at once, and replaced by a rebuilt one while nobody reads.
final class PublishedSnapshot: Sendable {
    private struct State {
        var store: UsageStore?
        var position: LogPosition?
        /// ``PersonPolicy/fingerprint``.
        var personPolicy = Snapshot.plainPersonPolicy
        var rendered: (key: String, bytes: [UInt8])?
        /// Whether sums are being added up ahead of readers, or will be.
        var isWarmingUp = false
        /// Whether a reader met a page that is not as it was written: the store has to be made anew.
        var isDamaged = false
        /// Counts up with each warm-up; one that is not the last gives up.
        var warmUpTurn = 0
    }

    private struct Subscribers {
        var continuations: [Int: AsyncStream<Int>.Continuation] = [:]
        var next = 0
    }

    private let state = Mutex(State())
    /// Taken for a moment alone and never while one is told something: that waits for a task which is being cancelled, and the
    /// cancelled one waits for this.
    private let subscribers = Mutex(Subscribers())
    /// Reads run side by side on its threads, off the cooperative pool; a replacement is a barrier.
    private let queue = DispatchQueue(label: "circlemeter.snapshot", attributes: .concurrent)

    /// The end of the last record that readers see counted.
    var position: LogPosition? { state.withLock { $0.position } }

    /// Names what readers see: the log position, who counted, and how persons are called. Two equal tags mean equal bytes.
    var tag: String { present.tag }

    /// The tag and the position that goes with it.
    var present: (tag: String, position: LogPosition?) {
        state.withLock { state in
            let tag = Snapshot.tag(
                sequence: state.position?.sequence,
                crc: state.position?.crc,
                reducer: state.store?.reducerVersion ?? Reducer.version,
                people: state.personPolicy
            )
            return (tag, state.position)
        }
    }

    /// Whether the store was found to be damaged; another one takes this away.
    var isDamaged: Bool { state.withLock { $0.isDamaged } }

    /// Remembers damage, whoever met it.
    /// - Returns: what to tell who asked.
    func noticed(_ error: any Error) -> any Error {
        guard SnapshotDamage.isDamage(error) else { return error }
        let path = state.withLock { state in
            // Closed in the meantime, it is another's damage no more.
            state.isDamaged = state.store != nil
            return state.store?.path
        }
        return SnapshotDamage.named(error, at: path)
    }

    func advanced(to position: LogPosition?) {
        state.withLock { state in
            guard state.position != position else { return }
            state.position = position
            tell(position)
        }
        // What came meanwhile is added up then.
        warmUp(after: PublishedSnapshot.warmUpPause)
    }

    /// The last sequence that readers see counted: now, and whenever it changes. A slow subscriber sees the newest only.
    func sequences() -> AsyncStream<Int> {
        let (stream, continuation) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state in
            continuation.yield(state.position?.sequence ?? 0)
            return subscribers.withLock { subscribers in
                subscribers.next += 1
                subscribers.continuations[subscribers.next] = continuation
                return subscribers.next
            }
        }
        continuation.onTermination = { [weak self] _ in
            self?.subscribers.withLock { $0.continuations[id] = nil }
        }
        return stream
    }

    /// Tells all subscribers of a position, in the state's lock, so that they hear of positions in order.
    private func tell(_ position: LogPosition?) {
        let continuations = subscribers.withLock { $0.continuations }
        for continuation in continuations.values { continuation.yield(position?.sequence ?? 0) }
    }

    /// Waits until no reader is left, closes the store, lets `change` put another in its place.
    func replace(_ change: @escaping @Sendable () throws -> UsageStore?) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            queue.async(flags: .barrier) { [self] in
                continuation.resume(
                    with: Result {
                        let old = state.withLock { state in
                            defer { state.store = nil }
                            return state.store
                        }
                        // Damage is no reason to keep it.
                        if state.withLock({ $0.isDamaged }) { try? old?.close() } else { try old?.close() }
                        let store = try change()
                        let position = try store?.position()
                        let personPolicy = try store?.personFingerprint()
                        state.withLock { state in
                            state.store = store
                            state.isDamaged = false
                            state.position = position
                            state.personPolicy = personPolicy ?? Snapshot.plainPersonPolicy
                            state.rendered = nil
                            tell(position)
                        }
                    }
                )
                warmUp(after: PublishedSnapshot.stepPause, isNew: true)
            }
        }
    }

    /// Between two times of adding up what pages ask for.
    private static let warmUpPause = 60.0
    /// Between two steps of it, in seconds.
    private static let stepPause = 0.02
    /// A store whose sums have no room in memory would never be done.
    private static let maximumStepCount = 1000

    /// Adds up what the usual pages ask for while nobody waits for it: a few days at a time, so that neither readers nor
    /// another store wait long. What is not kept is added up when it is asked for.
    ///
    /// - Parameter isNew: for a store that has just come; what was to be done for the one before is let go.
    private func warmUp(after seconds: Double, isNew: Bool = false) {
        let turn = state.withLock { state -> Int? in
            guard isNew || !state.isWarmingUp else { return nil }
            state.isWarmingUp = true
            state.warmUpTurn += 1
            return state.warmUpTurn
        }
        if let turn { warmUp(turn, after: seconds, stepCount: 0) }
    }

    private func warmUp(_ turn: Int, after seconds: Double, stepCount: Int) {
        queue.asyncAfter(deadline: .now() + seconds, qos: .utility) { [weak self] in
            guard let self, let store = state.withLock({ $0.warmUpTurn == turn ? $0.store : nil }) else { return }
            let isDone: Bool
            do {
                isDone = try store.warmUp(today: Timestamp.now.day)
            } catch {
                // Who asks for it next is told what is wrong.
                _ = noticed(error)
                isDone = true
            }
            if isDone || stepCount == PublishedSnapshot.maximumStepCount {
                state.withLock { if $0.warmUpTurn == turn { $0.isWarmingUp = false } }
            } else {
                warmUp(turn, after: PublishedSnapshot.stepPause, stepCount: stepCount + 1)
            }
        }
    }

    /// Reads from the store; `fallback` where there is none yet.
    func read<Value: Sendable>(
        or fallback: Value,
        _ body: @escaping @Sendable (UsageStore) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { [self] in
                continuation.resume(
                    with: Result { try state.withLock { $0.store }.map(body) ?? fallback }.mapError { noticed($0) }
                )
            }
        }
    }

    /// The snapshot that `filter` asks for.
    func snapshot(_ filter: SnapshotFilter = SnapshotFilter()) async throws -> Snapshot {
        let empty = Snapshot(SnapshotParts())
        return try await read(or: empty) { try $0.snapshot(filter) }
    }

    /// The canonical bytes of the whole snapshot, made once for each position however many ask.
    func canonicalBytes() async throws -> (tag: String, bytes: [UInt8]) {
        let tag = tag
        if let rendered = state.withLock({ $0.rendered }), rendered.key == tag { return (tag, rendered.bytes) }
        let snapshot = try await snapshot()
        let bytes = snapshot.canonicalBytes()
        // An advance may have come between: the snapshot says for itself which position it shows.
        let shown = snapshot.tag
        state.withLock { $0.rendered = (shown, bytes) }
        return (shown, bytes)
    }
}
