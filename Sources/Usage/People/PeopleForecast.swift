import Wire

/// How many people a month will have seen by its end. Never fewer than it has seen so far; once the month is over, just
/// these.
///
/// Whoever was active once in a month counts in it, so the number grows fast at first and slowly later. The curve of
/// the three months before is taken for this one's: the number so far, times what those months had seen by their end,
/// by what they had seen by the same day of the month. Where they had seen nobody by then, or there are none, as many
/// new people are expected on each day to come as on the last seven days on average.
///
/// In whole numbers, rounded to the nearest.
public struct PeopleForecast: Hashable, Sendable {
    public enum Method: String, Sendable {
        /// The month is over.
        case ended
        /// By the months before.
        case curve
        /// By the last days.
        case pace
    }

    public let activeUsers: Int
    public let method: Method

    static let curveMonths = 3
    static let paceDays = 7

    init(activeUsers: Int, method: Method) {
        self.activeUsers = activeUsers
        self.method = method
    }

    /// - Parameters:
    ///   - firstDays: Of each person, the day on which it was first active in a month, given by its first day.
    ///   - month: Its first day.
    ///   - through: The last day that is counted.
    init(firstDays: (Day) -> [Day], month: Day, through: Day) {
        let days = firstDays(month)
        let soFar = days.count
        let elapsed = Int(through.daysSinceEpoch - month.daysSinceEpoch) + 1
        let remaining = Int(month.lastOfMonth.daysSinceEpoch - through.daysSinceEpoch)
        guard remaining > 0, elapsed > 0 else {
            self.init(activeUsers: soFar, method: .ended)
            return
        }
        var (byThen, byEnd) = (0, 0)
        var earlier = month
        for _ in 0..<PeopleForecast.curveMonths {
            earlier = earlier.monthBefore
            let days = firstDays(earlier)
            byEnd += days.count
            byThen += days.count { $0 < earlier.adding(days: elapsed) }
        }
        if byThen > 0 {
            self.init(
                activeUsers: max(soFar, PeopleForecast.rounded(soFar * byEnd, by: byThen)),
                method: .curve
            )
        } else {
            let paceDays = min(PeopleForecast.paceDays, elapsed)
            let new = days.count { $0 > through.adding(days: -paceDays) }
            self.init(
                activeUsers: soFar + PeopleForecast.rounded(new * remaining, by: paceDays),
                method: .pace
            )
        }
    }

    private static func rounded(_ dividend: Int, by divisor: Int) -> Int { (dividend + divisor / 2) / divisor }
}
