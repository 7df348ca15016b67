package import Wire

/// A run that has ended, for finding silence.
package struct EndedRun: Hashable, Sendable {
    package var endedAt: Timestamp
    /// Whether a webhook has told it; else only the API has.
    package var isToldByWebhook: Bool

    package init(endedAt: Timestamp, isToldByWebhook: Bool) {
        self.endedAt = endedAt
        self.isToldByWebhook = isToldByWebhook
    }
}

/// Silence: CircleCI has runs that no webhook told. A project that does nothing is not silent.
package struct Silence: Sendable {
    /// Time that a webhook may take.
    package static let graceSeconds: Int64 = 15 * 60

    /// Since when the webhooks of a project have been missing; nil where they are not.
    ///
    /// They are missing where a run that ended longer ago than the grace, and later than every run that a webhook told,
    /// is known from the API alone, and there are at least so many of them. The beginning is the end of the first such run, whatever the order of `runs`.
    package static func since(
        _ runs: some Sequence<EndedRun>,
        now: Timestamp,
        graceSeconds: Int64 = Silence.graceSeconds,
        minimumRunCount: Int = 1
    ) -> Timestamp? {
        var lastHeard: Timestamp?
        var untold: [Timestamp] = []
        for run in runs {
            if run.isToldByWebhook {
                lastHeard = max(lastHeard ?? run.endedAt, run.endedAt)
            } else {
                untold.append(run.endedAt)
            }
        }
        let missing = untold.filter { end in lastHeard.map { end > $0 } ?? true }
        guard missing.count >= minimumRunCount, let first = missing.min(),
            now.microseconds - first.microseconds > graceSeconds * 1_000_000
        else { return nil }
        return first
    }
}

/// The rhythm of a project that only webhooks tell of: without a key, unusually long quiet is all there is to go by.
package struct Rhythm: Hashable, Sendable {
    /// What is learned from.
    package static let windowSeconds: Int64 = 14 * 86_400
    /// What must have been seen at least: the first weekend is no alarm.
    package static let minimumSpanSeconds: Int64 = 7 * 86_400
    /// Quiet that is never unusual.
    package static let minimumQuietSeconds: Int64 = 6 * 3600
    static let factor: Int64 = 3

    /// The end of the last run.
    package let lastEndedAt: Timestamp
    package let largestGapMicroseconds: Int64

    /// Learns from the runs that webhooks told; nil where they are too few or span too short a time.
    package init?(
        _ runs: some Sequence<EndedRun>,
        now: Timestamp,
        minimumSpanSeconds: Int64 = Rhythm.minimumSpanSeconds
    ) {
        // The window ends with the last run, so that quiet does not make its own rhythm forgotten.
        let told = runs.filter { $0.isToldByWebhook && $0.endedAt <= now }.map(\.endedAt).sorted()
        guard let last = told.last else { return nil }
        let start = last.adding(wholeSeconds: -Rhythm.windowSeconds)
        let ends = told.filter { $0 >= start }
        guard ends.count > 1, last.microseconds - ends[0].microseconds >= minimumSpanSeconds * 1_000_000 else {
            return nil
        }
        lastEndedAt = last
        largestGapMicroseconds = zip(ends.dropFirst(), ends).map { $0.microseconds - $1.microseconds }.max() ?? 0
    }

    /// Since when it has been unusually quiet; nil where it is not.
    package func quietSince(at now: Timestamp) -> Timestamp? {
        let usual = max(Rhythm.minimumQuietSeconds * 1_000_000, Rhythm.factor * largestGapMicroseconds)
        return now.microseconds - lastEndedAt.microseconds > usual ? lastEndedAt : nil
    }
}
