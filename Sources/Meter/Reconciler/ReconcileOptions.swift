import Wire

/// How the reconciler goes about it.
struct ReconcileOptions: Sendable {
    /// A connection without a mark is asked about so much of the past.
    var backfillSeconds = 30.0 * 86_400
    /// Pipelines this much older than the mark are listed again: that a list is in order of creation is not documented.
    var overlapSeconds = 3600.0
    /// What ended less than this ago is left to the webhook that is on its way.
    var graceSeconds = 120.0
    /// A pipeline of which no webhook has told is asked about after so long while nothing is wrong: most run for less,
    /// and webhooks tell of their ends.
    var untoldSeconds = 3600.0
    /// The last pipelines of a project are asked about after so long: no later job's number vouches for them.
    var tailSeconds = 86_400.0
    /// A number between others that no event has told is asked about after so long, while pipelines still run. One that
    /// CircleCI does not know either is no run's after ``tailSeconds``: until then its job may not have started.
    var gapSeconds = 3600.0
    /// Of the pipelines that the log knows entirely, one in so many is asked about all the same.
    var sampleEvery: UInt64 = 50
    /// After a loss was found, everything of the project is asked about for so long.
    var suspicionSeconds = 86_400.0
    /// A mark this old says that nobody has asked for long: then everything since is asked about.
    var outageSeconds = 3.0 * 3600
    /// A pipeline without any workflow is given up after so long.
    var emptySeconds = 86_400.0
    /// A scheduled pass lists a project's pipelines so often while nothing is wrong: meanwhile the job numbers that
    /// webhooks tell show what is lost.
    var listSeconds = 3600.0
    /// A project is silent where the API alone tells of runs that ended so long ago.
    var silenceSeconds = Silence.graceSeconds
    /// And of at least so many: a single delivery can be lost anywhere.
    var silentRunCount = 3
    /// How far a project is goes onto the log at the latest after so long, and whenever something was found.
    var checkpointSeconds = 1800.0
    /// Pipelines of which the answers are planned and applied together.
    var chunkSize = 50
    /// Items in succession that cannot be fetched, after which it is CircleCI that is away and not the items.
    var maximumFailures = 10
    /// Numbers asked about in one pass.
    var maximumGaps = 50
    /// Jobs that ran in so many of the last days are to be described.
    var describedDays = 7
    /// Jobs asked about in one pass.
    var maximumDescriptions = 20
    /// Whether there are jobs to describe is looked at so often.
    var describeSeconds = 1800.0
    /// A job is asked about again where its description is this old: machines are changed now and then.
    var redescribeSeconds = 30.0 * 86_400
    /// A job of which CircleCI did not say it is asked about again after so long.
    var undescribedSeconds = 86_400.0

    init() {}
}

/// What a pass is to do.
struct ReconcileRequest: Sendable {
    enum Thoroughness: Int, Comparable, Sendable {
        /// Asks only about what the log does not vouch for.
        case economical
        /// Asks about every pipeline in the range that was not asked about since it ended.
        case thorough
        /// Asks about every pipeline in the range.
        case everything

        static func < (first: Self, second: Self) -> Bool { first.rawValue < second.rawValue }
    }

    var thoroughness: Thoroughness
    /// The start of the range; nil: the mark of each project.
    var since: Timestamp?
    /// Whether nothing is added, only shown.
    var isDryRun: Bool

    init(thoroughness: Thoroughness, since: Timestamp? = nil, isDryRun: Bool = false) {
        self.thoroughness = thoroughness
        self.since = since
        self.isDryRun = isDryRun
    }
}
