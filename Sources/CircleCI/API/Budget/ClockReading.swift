import NIOHTTP1
import Wire

/// What an answer says of the wall clock here: servers state theirs in `Date` (RFC 9110, section 6.6.1).
enum ClockReading {
    /// How far the clock here is ahead of CircleCI's at least, negative where it is behind; zero where both may be right,
    /// since `Date` has whole seconds and was written at some time of the call. Nil where there is no date to go by: none
    /// is stated, or a cache answered (`Age`).
    ///
    /// - Parameters:
    ///   - wallTime: When the answer was there.
    ///   - duration: Of the call.
    static func ahead(_ headers: HTTPHeaders, wallTime: Timestamp, duration: Duration) -> Duration? {
        guard !headers.contains(name: "age"), let date = headers.first(name: "date").flatMap(HTTPDate.timestamp) else {
            return nil
        }
        let most = Duration.microseconds(wallTime.microseconds - date.microseconds)
        let least = most - .seconds(1) - max(.zero, duration)
        return least > .zero ? least : min(most, .zero)
    }
}
