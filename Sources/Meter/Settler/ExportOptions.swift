import Wire

/// How usage exports are asked for. CircleCI allows ten starts and ten looks an hour and organization, 31 days an export,
/// and a year of the past; its data is complete through the last full UTC day (FACTS 5).
struct ExportOptions: Sendable {
    var maximumDays = 31
    /// So many days of the past can be had: none of them begins more than a year ago, even in a day's first minute.
    var maximumAgeDays = 363
    /// An export ends at least so long ago by the clock here, which may be ahead.
    var marginSeconds = ClockWatch.toleratedSeconds + 60
    var maximumStartsPerHour = 10
    var maximumLooksPerHour = 10
    /// Between two looks at any exports of a connection.
    var lookEverySeconds = 360.0
    /// Between the start of an export and the first look at it.
    var firstLookSeconds = 60.0
    /// Exports of a connection at a time.
    var maximumUnderWay = 3
    /// A day is settled again, once a day, until an export of it is from so many days after the one that followed it:
    /// CircleCI corrects.
    var correctionDays: Int32 = 3
    /// An export of days that failed is started again after so long, then after twice that, with half of the days.
    var retrySeconds = 900.0
    /// So many failed exports of a day, and it is let be for ``forgetSeconds``.
    var maximumTries = 3
    var forgetSeconds = 20.0 * 3600
    /// An export that is not completed after so long has failed; CircleCI's own limit is four hours.
    var patienceSeconds = 12.0 * 3600
    /// An export that was completed and could not be settled is given up after so long.
    var giveUpSeconds = 48.0 * 3600
    /// After a call without a good answer, then after twice that, and so on.
    var troubleSeconds = 60.0
    /// So many calls in a row without a good answer, and the run ends.
    var maximumTroubles = 5
    /// Where CircleCI asks to wait and does not say how long.
    var holdSeconds = 600.0
    /// A file that comes damaged so often makes its export a failed one.
    var maximumDamages = 3
    /// CircleCI's results are of 100 MB at most.
    var maximumFileBytes = 1 << 30
}
