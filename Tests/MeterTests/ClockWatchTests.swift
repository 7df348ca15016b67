import CircleCI
import Synchronization
import Testing
import Wire

@testable import Meter

struct ClockWatchTests {
    @Test func `a clock that is set shows at once, before CircleCI has answered again`() throws {
        let (start, origin) = (Timestamp("2026-11-22T08:00:00Z")!, ContinuousClock.now)
        // Seconds since the start: those that passed, and those by which somebody set the clock.
        let state = Mutex((passed: 0.0, set: 0.0))
        let watch = ClockWatch(
            clock: APIClock(
                now: { origin + .seconds(state.withLock { $0.passed }) },
                wallTime: { start.adding(seconds: state.withLock { $0.passed + $0.set }) },
                sleep: { _ in }
            )
        )
        #expect(watch.aheadSeconds == nil && watch.problem == nil)
        watch.observe(.clock(ahead: .zero))
        state.withLock { $0.passed = 86_400 }
        #expect(watch.aheadSeconds == 0 && watch.problem == nil)
        state.withLock { $0.set = 300 }
        #expect(watch.aheadSeconds == 300 && watch.problem == nil)
        for (seconds, words) in [
            (301.0, "5 minutes ahead of"), (-301, "5 minutes behind"), (7200, "2 hours ahead of"),
            (31 * 86_400, "31 days ahead of"),
        ] {
            state.withLock { $0.set = seconds }
            let problem = try #require(watch.problem)
            #expect(problem.code == .wrongClock)
            #expect(problem.message == "This machine's clock is \(words) CircleCI's")
        }
        state.withLock { $0.set = 0 }
        #expect(watch.problem == nil)
        watch.observe(.clock(ahead: .seconds(-3600)))
        #expect(watch.aheadSeconds == -3600 && watch.problem != nil)
    }
}
