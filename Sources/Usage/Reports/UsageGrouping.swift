import Wire

/// What runs are added up by.
public enum UsageGrouping: String, CaseIterable, Sendable {
    case connection
    case day
    case month
    case project
    case workflow
    case job
    case branch
    case resourceClass = "resource_class"
    case executor
    case operatingSystem = "operating_system"

    /// As people read it.
    var title: String {
        switch self {
        case .connection: "Connection"
        case .day: "Day"
        case .month: "Month"
        case .project: "Project"
        case .workflow: "Workflow"
        case .job: "Job"
        case .branch: "Branch"
        case .resourceClass: "Resource class"
        case .executor: "Executor"
        case .operatingSystem: "Operating system"
        }
    }

    var kind: ReportTable.Kind { self == .day || self == .month ? .day : .text }

    /// The table whose rows have all of these; nil where none has: a branch's runs are not kept by job.
    static func table(of groupings: [UsageGrouping]) -> UsageTable? {
        [UsageTable.jobs, .branches, .features].first { table in
            groupings.allSatisfy { $0.isCommon || table.keyColumns.contains($0.rawValue) }
        }
    }

    private var isCommon: Bool { self == .connection || self == .day || self == .month }

    /// Its text in a row's key.
    func text(_ key: RowKey, of table: UsageTable) -> String {
        switch self {
        case .connection: key.connection
        case .day: key.day.description
        case .month: key.day.month
        default: table.keyColumns.firstIndex(of: rawValue).map { key.texts[$0] } ?? ""
        }
    }
}

/// The texts of a group, equal where their bytes are.
struct GroupKey: Hashable, Comparable, Sendable {
    var texts: [String]

    static func == (first: GroupKey, second: GroupKey) -> Bool {
        first.texts.hasBytes(of: second.texts)
    }

    func hash(into hasher: inout Hasher) {
        for text in texts { hasher.combine(bytesOf: text) }
    }

    static func < (first: GroupKey, second: GroupKey) -> Bool {
        first.texts.precedesInBytes(second.texts)
    }
}
