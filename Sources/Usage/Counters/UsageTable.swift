/// The tables of counters, and what their rows are keyed by and hold. Every value is a sum over runs, so rows add.
///
/// Credits are thousandths of a credit.
public enum UsageTable: String, CaseIterable, Sendable {
    case jobs
    case workflows
    case branches
    case people
    case features
    case coverage
    /// What the settled runs of each job ran on.
    case resources
    /// How much of CPU and memory the settled runs of each job used.
    case utilization
    /// Who used which feature.
    case featurePeople = "feature_people"
    /// Who did what on which day, under each identity that is known of them.
    case activity
    /// Which commit authors, and which logins of who triggered, stand behind the same runs as a CircleCI user.
    case identityPairs = "identity_pairs"
    /// Settled credits beside those that were provisional: derived from the other tables and the rate card, not stored.
    case settlements

    /// Those that `usage.sqlite` holds.
    public static let stored = allCases.filter { $0 != .settlements }

    /// The texts of a row's key after connection and day; the first is the project where ``hasProject``.
    public var keyColumns: [String] {
        switch self {
        case .jobs: ["project", "workflow", "job"]
        case .workflows: ["project", "workflow"]
        case .branches: ["project", "branch"]
        case .people: ["person"]
        case .features: ["project", "feature", "resource_class", "executor", "operating_system"]
        case .coverage, .settlements: ["project"]
        case .resources: ["project", "workflow", "job", "resource_class", "executor", "operating_system"]
        case .utilization: ["project", "workflow", "job", "resource_class", "executor", "measure"]
        case .featurePeople: ["feature", "person"]
        case .activity: ["identity", "role"]
        case .identityPairs: ["identity", "user"]
        }
    }

    /// Whether the key's day stands for a whole month, of which it is the first.
    public var isMonthly: Bool { self == .people || self == .utilization || self == .identityPairs }

    /// The name of the key's day: a UTC day or month.
    public var dayColumn: String { isMonthly ? "month" : "day" }

    /// The values of a row, in order.
    public var valueColumns: [String] {
        switch self {
        case .jobs:
            [
                "success", "failed", "canceled", "unauthorized", "other", "duration_ms", "webhook", "api", "export",
                "credits_settled",
            ]
        case .workflows: ["success", "failed", "error", "canceled", "unauthorized", "other", "duration_ms"]
        case .branches: ["runs", "duration_ms"]
        case .people: ["jobs", "workflows", "registered_runs", "unregistered_runs"]
        case .features: ["runs", "duration_ms", "credits_settled"]
        case .coverage: ["runs", "webhook", "api_only", "export_only", "settled", "missing", "corrections"]
        case .resources: ["runs", "duration_ms", "machine_ms", "credits_compute", "credits_settled"]
        case .utilization: ["runs", "runs_under_half"]
        case .featurePeople: ["runs", "credits_settled"]
        case .activity: ["jobs", "workflows", "registered_runs", "unregistered_runs"]
        case .identityPairs: ["runs"]
        case .settlements: ["runs", "credits_provisional", "credits_compute", "credits_settled"]
        }
    }

    /// The values that a snapshot adds to ``valueColumns``, behind them.
    public var derivedColumns: [String] {
        switch self {
        case .jobs, .features: ["credits_provisional"]
        case .coverage: ["closed"]
        default: []
        }
    }

    /// What has to be stored of a range for its rows to be shown: provisional credits come from jobs and their machines.
    public var sources: Set<UsageTable> {
        switch self {
        case .jobs, .settlements: [.jobs, .resources]
        case .features: [.features, .jobs, .resources]
        default: [self]
        }
    }

    /// Whether rows carry a histogram: of durations in ms, and in ``utilization`` of hundredths of a percent.
    public var hasDurations: Bool { self == .jobs || self == .workflows || self == .utilization }

    /// Whether the first text of the key is a project.
    public var hasProject: Bool {
        switch self {
        case .people, .featurePeople, .activity, .identityPairs: false
        default: true
        }
    }
}
