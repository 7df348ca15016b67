import Synchronization

/// Waits for the answers to entries that were appended together.
final class AnswerCount: Sendable {
    private struct State {
        var missingCount: Int
        var error: LogError?
    }

    private let state: Mutex<State>
    private let waiter: CheckedContinuation<LogError?, Never>

    /// - Parameter waiter: told the first error, or that there was none, when so many answers have come.
    init(_ count: Int, _ waiter: CheckedContinuation<LogError?, Never>) {
        state = Mutex(State(missingCount: count))
        self.waiter = waiter
    }

    func take(_ answer: AppendQueue.Answer) {
        let (isLast, error) = state.withLock { state in
            state.missingCount -= 1
            if case .failure(let error) = answer, state.error == nil { state.error = error }
            return (state.missingCount == 0, state.error)
        }
        if isLast { waiter.resume(returning: error) }
    }
}
