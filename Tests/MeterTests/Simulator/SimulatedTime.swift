import CircleCI
import FakeCircleCI
import Synchronization
import Wire

/// The time of a simulation: the true one, which the made-up CircleCI has and which only grows, and the clock of the
/// service's machine, which can be wrong.
final class SimulatedTime: Sendable {
    private struct State {
        var now: Timestamp
        var errorMicroseconds: Int64 = 0
        var site: FakeSite?
    }

    private let start: Timestamp
    private let instant = ContinuousClock.now
    private let state: Mutex<State>

    init(start: Timestamp) {
        self.start = start
        state = Mutex(State(now: start))
    }

    /// From now on the site's clock goes along.
    func lead(_ site: FakeSite) { state.withLock { $0.site = site } }

    var now: Timestamp { state.withLock { $0.now } }

    /// What the service takes for the time.
    var clock: Timestamp {
        state.withLock { Timestamp(microseconds: $0.now.microseconds + $0.errorMicroseconds) }
    }

    /// By how much the service's clock is wrong from now on.
    func setError(seconds: Int64) { state.withLock { $0.errorMicroseconds = seconds * 1_000_000 } }

    var elapsed: Duration { .microseconds(now.microseconds - start.microseconds) }

    func advance(to instant: Timestamp) {
        // The site asks for the time while it holds its own lock.
        let (site, now) = state.withLock { state in
            state.now = max(state.now, instant)
            return (state.site, state.now)
        }
        site?.advance(to: now)
    }

    func pass(_ duration: Duration) {
        // Rounded up: whoever waits for an instant does not wake before it.
        advance(to: Timestamp(microseconds: now.microseconds + Int64((duration / .microseconds(1)).rounded(.up))))
    }

    /// Waiting is time that passes.
    var ofAPI: APIClock {
        APIClock(
            now: { [self] in instant + elapsed },
            wallTime: { [self] in clock },
            sleep: { [self] duration in
                try Task.checkCancellation()
                pass(duration)
                await Task.yield()
            }
        )
    }
}
