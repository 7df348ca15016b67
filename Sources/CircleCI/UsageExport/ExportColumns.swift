import Wire

/// Where each column of a usage export stands, by the header's names without regard to case and order.
struct ExportColumns {
    /// The names that CircleCI documents, of which those are read that say something of the run.
    enum Column: Int, CaseIterable {
        case organizationID
        case organizationName
        case projectID
        case projectName
        case vcsName
        case vcsURL
        case vcsBranch
        case pipelineID
        case pipelineCreatedAt
        case pipelineNumber
        case isUnregisteredUser
        case pipelineTriggerSource
        case pipelineTriggerUserID
        case workflowID
        case workflowName
        case workflowStoppedAt
        case jobName
        case jobRunNumber
        case jobID
        case jobQueuedAt
        case jobStartedAt
        case jobStoppedAt
        case jobStatus
        case resourceClass
        case operatingSystem
        case executor
        case parallelism
        case seconds
        case medianCPU
        case maximumCPU
        case medianMemory
        case maximumMemory
        case totalCredits

        var name: String { ExportColumns.names[rawValue] }
    }

    /// In the order of ``Column``'s cases.
    private static let names = [
        "ORGANIZATION_ID",
        "ORGANIZATION_NAME",
        "PROJECT_ID",
        "PROJECT_NAME",
        "VCS_NAME",
        "VCS_URL",
        "VCS_BRANCH",
        "PIPELINE_ID",
        "PIPELINE_CREATED_AT",
        "PIPELINE_NUMBER",
        "IS_UNREGISTERED_USER",
        "PIPELINE_TRIGGER_SOURCE",
        "PIPELINE_TRIGGER_USER_ID",
        "WORKFLOW_ID",
        "WORKFLOW_NAME",
        "WORKFLOW_STOPPED_AT",
        "JOB_NAME",
        "JOB_RUN_NUMBER",
        "JOB_ID",
        "JOB_RUN_QUEUED_AT",
        "JOB_RUN_STARTED_AT",
        "JOB_RUN_STOPPED_AT",
        "JOB_BUILD_STATUS",
        "RESOURCE_CLASS",
        "OPERATING_SYSTEM",
        "EXECUTOR",
        "PARALLELISM",
        "JOB_RUN_SECONDS",
        "MEDIAN_CPU_UTILIZATION_PCT",
        "MAX_CPU_UTILIZATION_PCT",
        "MEDIAN_RAM_UTILIZATION_PCT",
        "MAX_RAM_UTILIZATION_PCT",
        "TOTAL_CREDITS",
    ]
    private static let columns = Dictionary(uniqueKeysWithValues: zip(names, Column.allCases))

    /// Without these a bill would be wrong or a run not be found again.
    private static let required: [Column] = [
        .jobID, .projectID, .pipelineCreatedAt, .jobName, .resourceClass, .executor, .totalCredits,
    ]
    private static let requiredCredits = [
        "COMPUTE", "DLC", "USER", "STORAGE", "NETWORK", "LEASE", "LEASE_OVERAGE", "IPRANGES",
    ]
    /// Known, and left out: they change although the run does not, or follow from others.
    private static let ignored: Set<String> = [
        "ORGANIZATION_CREATED_DATE", "PROJECT_CREATED_DATE", "LAST_BUILD_FINISHED_AT", "IS_WORKFLOW_SUCCESSFUL",
        "JOB_RUN_DATE", "WORKFLOW_FIRST_JOB_QUEUED_AT", "WORKFLOW_FIRST_JOB_STARTED_AT",
    ]

    let count: Int
    /// By ``Column``'s place; nil where the file has no such column.
    private var places: [Int?]
    /// What a feature cost: the name of its member in an event, the column's, its place.
    private(set) var credits: [(member: [UInt8], column: String, place: Int)] = []
    /// Columns that are not known here: the names of their members in an event, their places.
    private(set) var others: [(member: [UInt8], place: Int)] = []

    /// What ``credits`` and ``others`` take of an event at most, without texts.
    private(set) var eventByteCount = 0
    /// A number's digits and sign, or quotes, and a comma.
    private static let valueByteCount = 24

    init(header names: [String], file: String) throws(UsageExportError) {
        count = names.count
        places = Column.allCases.map { _ in nil }
        var seen: Set<String> = []
        for (place, name) in names.enumerated() {
            let name = name.uppercased()
            guard seen.insert(name).inserted else {
                throw UsageExportError(.repeatedColumn, "the column is there twice", file: file, line: 1, column: name)
            }
            if let column = ExportColumns.columns[name] {
                places[column.rawValue] = place
            } else if name.hasSuffix("_CREDITS") {
                let feature = name.dropLast("_CREDITS".count).lowercased()
                credits.append((ExportColumns.member(feature), name, place))
            } else if !ExportColumns.ignored.contains(name) {
                others.append((ExportColumns.member(name), place))
            }
        }
        for member in credits.map(\.member) + others.map(\.member) {
            eventByteCount += member.count + ExportColumns.valueByteCount
        }
        let missing =
            ExportColumns.required.map(\.name).filter { !seen.contains($0) }
            + ExportColumns.requiredCredits.map { "\($0)_CREDITS" }.filter { !seen.contains($0) }
        if let first = missing.first {
            throw UsageExportError(
                .missingColumn,
                missing.count == 1
                    ? "the column is missing" : "columns are missing: \(missing.joined(separator: ", "))",
                file: file,
                line: 1,
                column: first,
                hint: "the file is to be a usage export of CircleCI, with its header"
            )
        }
    }

    /// A member's name in an event, with quotes and colon.
    private static func member(_ name: String) -> [UInt8] {
        var json = JSONWriter()
        json.name(name)
        return json.bytes
    }

    @inline(__always)
    func place(_ column: Column) -> Int? { places[column.rawValue] }
}
