import CircleCI
import Synchronization
import Wire

/// How this machine's clock stands beside CircleCI's: by the latest answer of its API, and by how the clock has gone since
/// beside one that nobody sets.
///
/// Times of the service's own are on the bill's path: an export is dated by them, and closes the days before it.
final class ClockWatch: Sendable {
    /// Beyond what a machine without a time service drifts in weeks.
    static let toleratedSeconds = 300.0

    private struct Reading {
        var aheadSeconds: Double
        var wallTime: Timestamp
        var instant: ContinuousClock.Instant
    }

    private let clock: APIClock
    private let latest = Mutex<Reading?>(nil)

    init(clock: APIClock = .system) {
        self.clock = clock
    }

    func observe(_ observation: APIObservation) {
        guard case .clock(let ahead) = observation else { return }
        let reading = Reading(
            aheadSeconds: ahead / .seconds(1),
            wallTime: clock.wallTime(),
            instant: clock.now()
        )
        latest.withLock { $0 = reading }
    }

    /// Negative where the clock here is behind; nil before the first answer.
    var aheadSeconds: Double? {
        guard let reading = latest.withLock({ $0 }) else { return nil }
        let passed = (clock.now() - reading.instant) / .seconds(1)
        return reading.aheadSeconds + clock.wallTime().seconds(since: reading.wallTime) - passed
    }

    /// `wrong_clock` where the two are further apart than ``toleratedSeconds``.
    var problem: MeterError? {
        guard let ahead = aheadSeconds, abs(ahead) > ClockWatch.toleratedSeconds else { return nil }
        return MeterError(
            .wrongClock,
            "This machine's clock is \(ClockWatch.length(abs(ahead))) \(ahead > 0 ? "ahead of" : "behind") CircleCI's",
            hint: "set it right; no usage export is asked for or settled until then"
        )
    }

    /// In the largest unit of which there are two.
    private static func length(_ seconds: Double) -> String {
        for (unit, length) in [("days", 86_400.0), ("hours", 3600)] where seconds >= 2 * length {
            return "\(Int(seconds / length)) \(unit)"
        }
        return "\(Int(seconds / 60)) minutes"
    }
}
