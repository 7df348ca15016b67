import Synchronization

/// How far the published snapshot is behind the log.
final class ProjectionLag: Sendable {
    private struct State {
        var behindSince: ContinuousClock.Instant?
    }

    private let state = Mutex(State())
    private let clock = ContinuousClock()

    /// To be told whenever either end moves.
    func update(published: Int, durable: Int) {
        let now = clock.now
        state.withLock { state in
            if published >= durable {
                state.behindSince = nil
            } else if state.behindSince == nil {
                state.behindSince = now
            }
        }
    }

    /// Since when, in seconds, some durable record has not been published; 0 where all are.
    var seconds: Double {
        guard let since = state.withLock({ $0.behindSince }) else { return 0 }
        return Double((clock.now - since) / .milliseconds(1)) / 1000
    }
}
