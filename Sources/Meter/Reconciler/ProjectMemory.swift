import Usage
import Wire

/// What the reconciler remembers of a project from pass to pass. All of it can be lost: it costs calls, and no more.
struct ProjectMemory: Sendable {
    /// How far the last pass came, of which the log knows the last checkpoint.
    var mark: Reconciliation?
    /// Pipelines that were asked about and had ended, by id.
    var verified: [String: Verified] = [:]
    /// When pipelines that had not ended were asked about last.
    var askedAt: [String: Timestamp] = [:]
    /// When numbers that no event has told were first met, and asked about last.
    var gapSeenAt: [UInt32: Timestamp] = [:]
    var gapAskedAt: [UInt32: Timestamp] = [:]
    /// A loss was found: until then nothing is taken for granted.
    var suspiciousUntil: Timestamp?
    /// When the pipelines were last listed.
    var listedAt: Timestamp?
    /// When the log was last told.
    var checkpointedAt: Timestamp?
    /// What stood there as the time.
    var saidAt: Timestamp?

    struct Verified: Sendable {
        var createdAt: Timestamp
        /// The runs that the log knew of it then: more since are a rerun, which is to be looked at again.
        var runCount: Int
    }

    /// Forgets what the next passes cannot meet again.
    mutating func prune(before horizon: Timestamp, open: Set<String>, gaps: Set<UInt32>) {
        verified = verified.filter { $0.value.createdAt >= horizon }
        askedAt = askedAt.filter { open.contains($0.key) }
        gapSeenAt = gapSeenAt.filter { gaps.contains($0.key) }
        gapAskedAt = gapAskedAt.filter { gaps.contains($0.key) }
    }
}
