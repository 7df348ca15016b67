import Synchronization
import Wire

/// Counts failed attempts by where they come from, in windows of a minute, so that tokens cannot be tried out. Bounded:
/// where too many places are known, the one seen longest ago is forgotten.
final class FailedAttempts: Sendable {
    private struct Window {
        var start: Timestamp
        var count: Int
    }

    private static let windowMicroseconds: Int64 = 60_000_000

    private let maximumCount: Int
    private let maximumPlaces: Int
    private let windows = Mutex<[String: Window]>([:])

    init(maximumCount: Int = 10, maximumPlaces: Int = 1024) {
        self.maximumCount = maximumCount
        self.maximumPlaces = maximumPlaces
    }

    /// Seconds to wait before another attempt from there is looked at; nil: now.
    func secondsToWait(_ place: String, at now: Timestamp) -> Int? {
        windows.withLock { windows in
            guard let window = windows[place], window.count >= maximumCount else { return nil }
            let rest = window.start.microseconds + FailedAttempts.windowMicroseconds - now.microseconds
            return rest > 0 ? Int((rest + 999_999) / 1_000_000) : nil
        }
    }

    func failed(_ place: String, at now: Timestamp) {
        windows.withLock { windows in
            let isCurrent = windows[place].map {
                now.microseconds - $0.start.microseconds < FailedAttempts.windowMicroseconds
            }
            if isCurrent == true {
                windows[place]?.count += 1
                return
            }
            if windows.count >= maximumPlaces, let oldest = windows.min(by: { $0.value.start < $1.value.start }) {
                windows[oldest.key] = nil
            }
            windows[place] = Window(start: now, count: 1)
        }
    }

    func succeeded(_ place: String) {
        windows.withLock { $0[place] = nil }
    }
}
