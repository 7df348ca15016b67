import CircleCI
import Synchronization

/// How this machine's clock stands beside CircleCI's, by the latest answer of its API.
///
/// Times of the service's own are on the bill's path: an export is dated by them, and closes the days before it.
final class ClockWatch: Sendable {
    /// Beyond what a machine without a time service drifts in weeks.
    static let toleratedSeconds = 300.0

    private let latest = Mutex<Double?>(nil)

    func observe(_ observation: APIObservation) {
        guard case .clock(let ahead) = observation else { return }
        latest.withLock { $0 = ahead / .seconds(1) }
    }

    /// Negative where the clock here is behind; nil before the first answer.
    var aheadSeconds: Double? { latest.withLock { $0 } }

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
