package import Wire

/// The countdown to the day on which a key expires. CircleCI tells that day to nobody, so a person has entered it: it
/// warns, and never says on its own that a key is dead.
package struct KeyExpiry: Hashable, Sendable {
    /// The last day of the key, in UTC.
    package let day: Day

    /// Days at which CircleCI writes to the key's owner, too.
    static let steps: [Int32] = [1, 7, 15, 30]
    static let expiredByDate = "key_expired_by_date"

    package init(_ day: Day) {
        self.day = day
    }

    /// Whole days until the day; 0 on it, negative behind it.
    package func daysLeft(at now: Timestamp) -> Int {
        Int(day.daysSinceEpoch - now.day.daysSinceEpoch)
    }

    /// `key_expires_in_30_days`, `..._15_days`, `..._7_days`, `..._1_days` (the smallest that holds; the last one on
    /// the day itself, too), after the day `key_expired_by_date`; nil before.
    package func reason(at now: Timestamp) -> String? {
        let left = day.daysSinceEpoch - now.day.daysSinceEpoch
        guard left >= 0 else { return KeyExpiry.expiredByDate }
        return KeyExpiry.steps.first { left <= $0 }.map(KeyExpiry.reason)
    }

    static func reason(step: Int32) -> String { "key_expires_in_\(step)_days" }

    /// Whether a 401 now is the expiry rather than something else. Keys end in the course of their last day.
    package func explainsRejection(at now: Timestamp) -> Bool {
        daysLeft(at: now) <= 0
    }
}
