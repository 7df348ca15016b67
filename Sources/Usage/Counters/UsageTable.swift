/// The tables of counters, and what their rows are keyed by and hold. Every value is a sum over runs, so rows add.
public enum UsageTable: String, CaseIterable, Sendable {
    case jobs
    case workflows
    case branches
    case people
    case features
    case coverage

    /// The texts of a row's key after connection and day; the first is the project but for people.
    public var keyColumns: [String] {
        switch self {
        case .jobs: ["project", "workflow", "job"]
        case .workflows: ["project", "workflow"]
        case .branches: ["project", "branch"]
        case .people: ["person"]
        case .features: ["project", "feature", "resource_class", "executor"]
        case .coverage: ["project"]
        }
    }

    /// The name of the key's day: a UTC day, for people the first day of the month.
    public var dayColumn: String { self == .people ? "month" : "day" }

    /// The values of a row, in order.
    public var valueColumns: [String] {
        switch self {
        case .jobs:
            [
                "success", "failed", "canceled", "unauthorized", "other", "duration_ms", "webhook", "api", "export",
                "credits_provisional", "credits_settled",
            ]
        case .workflows: ["success", "failed", "error", "canceled", "unauthorized", "other", "duration_ms"]
        case .branches: ["runs", "duration_ms"]
        case .people: ["jobs", "workflows", "registered_runs", "unregistered_runs"]
        case .features: ["runs", "duration_ms", "credits"]
        case .coverage: ["runs", "webhook", "api_only", "export_only", "settled", "missing"]
        }
    }

    /// Whether rows carry a histogram of durations.
    public var hasDurations: Bool { self == .jobs || self == .workflows }

    /// Whether the first text of the key is a project.
    public var hasProject: Bool { self != .people }
}
