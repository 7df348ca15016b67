import Usage
package import Wire

/// Ranges of days that people have a word for. Weeks begin on Monday; all days are UTC.
package enum ReportPeriod: String, CaseIterable, Sendable {
    case today
    case yesterday
    case thisWeek = "this-week"
    case lastWeek = "last-week"
    case thisMonth = "this-month"
    case lastMonth = "last-month"
    case last7Days = "last-7-days"
    case last30Days = "last-30-days"
    case last90Days = "last-90-days"
    case last365Days = "last-365-days"

    /// What a report is about where nothing is asked for.
    package static let usual = ReportPeriod.last30Days

    package func days(today: Day) -> ClosedRange<Day> {
        // 1970-01-01 was a Thursday.
        let daysSinceMonday = (Int(today.daysSinceEpoch) % 7 + 7 + 3) % 7
        let monday = today.adding(days: -daysSinceMonday)
        switch self {
        case .today: return today...today
        case .yesterday: return today.adding(days: -1)...today.adding(days: -1)
        case .thisWeek: return monday...today
        case .lastWeek: return monday.adding(days: -7)...monday.adding(days: -1)
        case .thisMonth: return today.firstOfMonth...today
        case .lastMonth:
            let last = today.firstOfMonth.adding(days: -1)
            return last.firstOfMonth...last
        case .last7Days: return today.adding(days: -6)...today
        case .last30Days: return today.adding(days: -29)...today
        case .last90Days: return today.adding(days: -89)...today
        case .last365Days: return today.adding(days: -364)...today
        }
    }

    /// As people read it.
    var title: String {
        let words = rawValue.replacing("-", with: " ")
        return words.prefix(1).uppercased() + words.dropFirst()
    }
}
