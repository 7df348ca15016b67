import Synchronization

/// Notices that wait to be posted: the newest of each connection, in the order of their coming, and not more than so
/// many. Putting one in never waits.
final class NoticeQueue: Sendable {
    private struct State {
        var waiting: [Notice] = []
        var reader: CheckedContinuation<Notice?, Never>?
        var isClosed = false
    }

    private let maximumCount: Int
    private let state = Mutex(State())

    init(maximumCount: Int) {
        precondition(maximumCount > 0)
        self.maximumCount = maximumCount
    }

    /// - Returns: A notice that had to make room; nil where none had to. One that was overtaken by a newer one of its
    ///   connection did not have to.
    func put(_ notice: Notice) -> Notice? {
        let (reader, dropped) = state.withLock { state -> (CheckedContinuation<Notice?, Never>?, Notice?) in
            guard !state.isClosed else { return (nil, notice) }
            if let reader = state.reader {
                state.reader = nil
                return (reader, nil)
            }
            state.waiting.removeAll { $0.connection == notice.connection }
            var dropped: Notice?
            if state.waiting.count >= maximumCount { dropped = state.waiting.removeFirst() }
            state.waiting.append(notice)
            return (nil, dropped)
        }
        reader?.resume(returning: notice)
        return dropped
    }

    /// Whether a newer notice of the connection waits.
    func hasNewer(of connection: String) -> Bool {
        state.withLock { $0.waiting.contains { $0.connection == connection } }
    }

    /// The next notice, for one reader; nil once the queue is closed or the task cancelled.
    func next() async -> Notice? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let ready = state.withLock { state -> Notice?? in
                    if !state.waiting.isEmpty, !state.isClosed { return .some(state.waiting.removeFirst()) }
                    if state.isClosed { return .some(nil) }
                    precondition(state.reader == nil, "a queue of notices has one reader")
                    state.reader = continuation
                    return nil
                }
                if let ready { continuation.resume(returning: ready) }
            }
        } onCancel: {
            close()
        }
    }

    /// Nothing is taken and given any more.
    func close() {
        let reader = state.withLock { state in
            state.isClosed = true
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume(returning: nil)
    }
}
