/// Columns by name, so that a value's place is stated once. The order is that of ``UsageTable/valueColumns``.
enum JobColumn {
    static let success = 0
    static let failed = 1
    static let canceled = 2
    static let unauthorized = 3
    static let other = 4
    static let duration = 5
    static let webhook = 6
    static let api = 7
    static let export = 8
    static let creditsSettled = 9
    static let creditsProvisional = 10

    static func of(_ status: Status) -> Int {
        switch status {
        case .success: success
        case .failed: failed
        case .canceled: canceled
        case .unauthorized: unauthorized
        case .error, .other, .notRun: other
        }
    }
}

enum WorkflowColumn {
    static let success = 0
    static let failed = 1
    static let error = 2
    static let canceled = 3
    static let unauthorized = 4
    static let other = 5
    static let duration = 6

    static func of(_ status: Status) -> Int {
        switch status {
        case .success: success
        case .failed: failed
        case .error: error
        case .canceled: canceled
        case .unauthorized: unauthorized
        case .other, .notRun: other
        }
    }
}

enum BranchColumn {
    static let runs = 0
    static let duration = 1
}

enum PersonColumn {
    static let jobs = 0
    static let workflows = 1
    static let registeredRuns = 2
    static let unregisteredRuns = 3
}

enum FeatureColumn {
    static let runs = 0
    static let duration = 1
    static let creditsSettled = 2
    static let creditsProvisional = 3
}

enum CoverageColumn {
    static let runs = 0
    static let webhook = 1
    static let apiOnly = 2
    static let exportOnly = 3
    static let settled = 4
    static let missing = 5
    static let corrections = 6
    static let closed = 7
}

enum ResourceColumn {
    static let runs = 0
    static let duration = 1
    /// Duration times parallelism.
    static let machine = 2
    static let creditsCompute = 3
    static let creditsSettled = 4
}

enum UtilizationColumn {
    static let runs = 0
    static let runsUnderHalf = 1
}

enum FeaturePersonColumn {
    static let runs = 0
    static let creditsSettled = 1
}

enum ActivityColumn {
    static let jobs = 0
    static let workflows = 1
    static let registeredRuns = 2
    static let unregisteredRuns = 3
}

enum SettlementColumn {
    static let runs = 0
    static let creditsProvisional = 1
    static let creditsCompute = 2
    static let creditsSettled = 3
}
