public import Wire

/// The UTC days that a report is about, both included, and the connection; nil: all connections.
public struct ReportRange: Hashable, Sendable {
    public var days: ClosedRange<Day>
    public var connection: String?

    public init(_ days: ClosedRange<Day>, connection: String? = nil) {
        self.days = days
        self.connection = connection
    }

    public var dayCount: Int { Int(days.upperBound.daysSinceEpoch - days.lowerBound.daysSinceEpoch) + 1 }

    /// As many days, ending the day before this one begins.
    public var before: ReportRange {
        let last = Day(daysSinceEpoch: days.lowerBound.daysSinceEpoch - 1)
        return ReportRange(last.adding(days: 1 - dayCount)...last, connection: connection)
    }

    /// This range and the one before.
    public var withBefore: ReportRange {
        ReportRange(before.days.lowerBound...days.upperBound, connection: connection)
    }

    func contains(_ key: RowKey) -> Bool {
        days.contains(key.day) && ReportRange.matches(key, connection: connection)
    }

    /// Whether a row that stands for a month has days in the range.
    func containsMonth(_ key: RowKey) -> Bool {
        (days.lowerBound.firstOfMonth...days.upperBound).contains(key.day)
            && ReportRange.matches(key, connection: connection)
    }

    static func matches(_ key: RowKey, connection: String?) -> Bool {
        connection.map { $0.hasBytes(of: key.connection) } ?? true
    }
}

extension Day {
    public func adding(days: Int) -> Day { Day(daysSinceEpoch: daysSinceEpoch + Int32(clamping: days)) }
}
