public import Wire

/// The days whose sums are kept together: a calendar month, or a day.
public struct DaySpan: Hashable, Sendable {
    public let first: Day
    public let isMonth: Bool

    public init(day: Day) {
        first = day
        isMonth = false
    }

    /// - Parameter month: any day of it.
    public init(month: Day) {
        first = month.firstOfMonth
        isMonth = true
    }

    public var days: ClosedRange<Day> { first...(isMonth ? first.lastOfMonth : first) }

    /// A range's whole months, and the days before and after them, in order.
    public static func spans(of range: ClosedRange<Day>) -> [DaySpan] {
        var spans: [DaySpan] = []
        var day = range.lowerBound
        while day <= range.upperBound {
            if day == day.firstOfMonth, day.lastOfMonth <= range.upperBound {
                spans.append(DaySpan(month: day))
                day = day.lastOfMonth.adding(days: 1)
            } else {
                spans.append(DaySpan(day: day))
                day = day.adding(days: 1)
            }
        }
        return spans
    }
}

/// As of when days are: of each day the sequence of the last record that changed what is shown of it. A day that no
/// record ever changed has none, and no counters.
public struct DayVersions: Sendable {
    /// Of several days; equal only where each of them is as it was, since a change makes the greatest greater.
    public struct Version: Hashable, Sendable {
        public var sequence: Int
        public var dayCount: Int
    }

    public var sequences: [Day: Int]

    public init(_ sequences: [Day: Int] = [:]) {
        self.sequences = sequences
    }

    /// Nil where no day of the span has counters.
    public func version(of span: DaySpan) -> Version? {
        guard span.isMonth else {
            return sequences[span.first].map { Version(sequence: $0, dayCount: 1) }
        }
        var version: Version?
        for day in days(of: span) {
            guard let sequence = sequences[day] else { continue }
            version = Version(
                sequence: max(sequence, version?.sequence ?? sequence),
                dayCount: (version?.dayCount ?? 0) + 1
            )
        }
        return version
    }

    /// Those of a span that have counters, in order.
    public func days(of span: DaySpan) -> [Day] {
        let (first, last) = (span.days.lowerBound.daysSinceEpoch, span.days.upperBound.daysSinceEpoch)
        return (first...last).lazy.map { Day(daysSinceEpoch: $0) }.filter { sequences[$0] != nil }
    }
}
