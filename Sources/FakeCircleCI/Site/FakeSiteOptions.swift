public import Wire

/// What a made-up site is like.
public struct FakeSiteOptions: Sendable {
    /// How the answers are spelled where CircleCI's description and its live answers differ.
    public enum Spelling: Sendable, CaseIterable {
        /// As the description of 2023 says: `vcs-type`, `verify-tls`, a start for every listed job.
        case documented
        /// As seen: `vcs_type`, `verify_tls`, no start of what did not start, `Decoupled Ingestion System`.
        case live
    }

    /// Of the faults, and of what the site adds to the history.
    public var seed: UInt64
    /// The site's time at first. Nil: the history's first midnight, before anything ran.
    public var now: Timestamp?
    /// Items of a page, of every list that has pages.
    public var pageSize = 20
    public var spelling = Spelling.live
    /// Whether webhooks may lead to `http`, as those of tests on loopback must. CircleCI takes `https` only.
    public var allowsHTTP = true
    public var faults = FakeAPIFaults()

    // What the API has and the truth has not, as shares from 0 to 1.
    /// Of workflows with jobs: one waited for an approval, which the API lists as a job, half of them with a number.
    public var approvals = 0.1
    /// Of pipelines: followed by one in the state `errored`, without workflows. Their numbers come after all others of
    /// the project, so that the history's stay as they are.
    public var erroredPipelines = 0.05
    /// Whether the jobs that a failed or cancelled workflow never came to are listed as `not_run`.
    public var listsNotRunJobs = true

    /// Looks at a usage export before it is completed.
    public var exportLooks = 2
    /// Rows of each file of a usage export.
    public var exportRowsPerFile = 2000
    /// Of exports started from then on, a tenth of the rows say otherwise than those of exports before.
    public var correctsExportsAfter: Timestamp?
    /// For so long the address of a file of a usage export can be used.
    public var exportAddressSeconds: Int64 = 3600
    /// Whether a usage export without rows has a file all the same, of the header alone.
    public var emptyExportsHaveFile = true
    /// Whether the organizations have usage exports at all.
    public var hasUsageExports = true

    /// Waits for the latency.
    public var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    /// For the rate limit's windows: time since some fixed instant, which only grows.
    public var elapsed: @Sendable () -> Duration
    /// Called after every call. Holds no key.
    public var onCall: (@Sendable (FakeCall) -> Void)?

    public init(seed: UInt64 = 1) {
        self.seed = seed
        let start = ContinuousClock.now
        elapsed = { ContinuousClock.now - start }
    }
}

/// A call that a site was asked. Two of one kind are equal.
public struct FakeCall: Hashable, Sendable {
    public let method: String
    /// With placeholders, without `/api/v2`: `/project/{slug}/pipeline`; `unknown` where there is no such route.
    public let endpoint: String
    /// Nil where the connection was dropped.
    public let status: Int?

    public init(_ method: String, _ endpoint: String, _ status: Int?) {
        self.method = method
        self.endpoint = endpoint
        self.status = status
    }
}

/// What goes wrong with calls. Shares are of calls, from 0 to 1, and together at most 1; which calls they hit follows
/// from the site's seed, the call and how often it was made, so concurrency changes nothing.
public struct FakeAPIFaults: Sendable {
    /// 429, in turns with `Retry-After` and without, as JSON and as the text `Rate limited.`.
    public var rateLimited = 0.0
    /// Of `Retry-After`, where there is one.
    public var retryAfterSeconds = 1
    /// 500, 502, 503.
    public var serverErrors = 0.0
    /// 403 with HTML, as the edge network answers addresses that it mistrusts.
    public var edgeRefusals = 0.0
    /// 200 with HTML.
    public var htmlAnswers = 0.0
    /// No answer: half of the calls are not done, half are done all the same.
    public var droppedConnections = 0.0
    /// Whether the shares hold for `/me` too.
    public var probe = false
    /// What every answer says in its header `Date`; nil: it has none.
    public var date: String?
    /// How long an answer takes, of every call.
    public var latency: ClosedRange<Duration>?
    public var window: RateWindow?
    /// Pipelines whose `/pipeline/{id}/workflow`, workflows whose `/workflow/{id}/job`, and jobs whose
    /// `/project/{slug}/job/{number}` always answer 500.
    public var alwaysFailing: Set<String> = []
    /// So many of the usage exports that are started next end as `failed`.
    public var failingExports = 0
    /// Whether usage exports are completed without a file, whatever ran.
    public var exportsWithoutFiles = false
    /// Whether their files have no rows.
    public var exportsWithoutRows = false
    /// From so many usage exports on, the next start is refused with 400.
    public var maximumExports = Int.max
    /// Whether starts of usage exports are done, and their answers lost.
    public var losesExportStarts = false
    /// So many of the next downloads of usage exports break off in the middle.
    public var cutDownloads = 0
    /// So many of them are complete as far as HTTP can tell, and half of a file.
    public var truncatedDownloads = 0

    /// A limit of calls for each key. The answers tell it in both families of headers, with two numbers, of which the
    /// lower one counts.
    public struct RateWindow: Sendable {
        public enum Family: Sendable {
            /// `RateLimit-Limit`, `RateLimit-Remaining`, `RateLimit-Reset`.
            case standard
            /// `X-RateLimit-Limit-Minute` and its like.
            case perUnit
        }

        public var callCount: Int
        public var length: Duration
        /// The family that tells the true number; the other tells three times as many.
        public var strictFamily: Family

        public init(callCount: Int, length: Duration, strictFamily: Family = .perUnit) {
            self.callCount = callCount
            self.length = length
            self.strictFamily = strictFamily
        }
    }

    public init() {}
}
