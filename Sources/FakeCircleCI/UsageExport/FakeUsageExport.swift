public import Wire

/// A usage export of a made-up history: CSV as CircleCI writes it, row by row, without holding them.
public struct FakeUsageExport: Sendable {
    public struct Options: Sendable {
        /// The job runs that started on these UTC days.
        public var days: ClosedRange<Day>
        /// Only what had ended then.
        public var asOf: Timestamp?
        /// Share of the rows that say otherwise than the export without corrections.
        public var correctedShare = 0.0
        /// Which rows those are.
        public var correctionSeed: UInt64 = 1
        /// Columns in another order, names in small letters, and one that is not documented.
        public var isOdd = false

        public init(days: ClosedRange<Day>) {
            self.days = days
        }
    }

    /// What a row is about, and its text.
    public struct Row: Sendable {
        public let usage: TrueUsage
        public let line: String
    }

    public let history: FakeHistory
    /// The organization's place in the history.
    public let organization: Int
    public let options: Options

    public init(_ history: FakeHistory, organization: Int = 0, options: Options) {
        self.history = history
        self.organization = organization
        self.options = options
    }

    /// The names of the columns, in CircleCI's order.
    public static let columns = [
        "ORGANIZATION_ID", "ORGANIZATION_NAME", "ORGANIZATION_CREATED_DATE", "PROJECT_ID", "PROJECT_NAME",
        "PROJECT_CREATED_DATE", "LAST_BUILD_FINISHED_AT", "VCS_NAME", "VCS_URL", "VCS_BRANCH", "PIPELINE_ID",
        "PIPELINE_CREATED_AT", "PIPELINE_NUMBER", "IS_UNREGISTERED_USER", "PIPELINE_TRIGGER_SOURCE",
        "PIPELINE_TRIGGER_USER_ID", "WORKFLOW_ID", "WORKFLOW_NAME", "WORKFLOW_FIRST_JOB_QUEUED_AT",
        "WORKFLOW_FIRST_JOB_STARTED_AT", "WORKFLOW_STOPPED_AT", "IS_WORKFLOW_SUCCESSFUL", "JOB_NAME", "JOB_RUN_NUMBER",
        "JOB_ID", "JOB_RUN_DATE", "JOB_RUN_QUEUED_AT", "JOB_RUN_STARTED_AT", "JOB_RUN_STOPPED_AT", "JOB_BUILD_STATUS",
        "RESOURCE_CLASS", "OPERATING_SYSTEM", "EXECUTOR", "PARALLELISM", "JOB_RUN_SECONDS",
        "MEDIAN_CPU_UTILIZATION_PCT",
        "MAX_CPU_UTILIZATION_PCT", "MEDIAN_RAM_UTILIZATION_PCT", "MAX_RAM_UTILIZATION_PCT", "COMPUTE_CREDITS",
        "DLC_CREDITS", "USER_CREDITS", "STORAGE_CREDITS", "NETWORK_CREDITS", "LEASE_CREDITS", "LEASE_OVERAGE_CREDITS",
        "IPRANGES_CREDITS", "TOTAL_CREDITS",
    ]

    /// The header, with its line end.
    public var header: String {
        guard options.isOdd else { return FakeUsageExport.columns.joined(separator: ",") + "\n" }
        return (FakeUsageExport.columns.map { $0.lowercased() }.reversed() + ["carbon_grams"]).joined(separator: ",")
            + "\n"
    }

    /// The rows in the order in which the workflows began.
    public func rows(_ body: (Row) throws -> Void) rethrows {
        for workflow in history.workflows where workflow.pipeline.project.organizationIndex == organization {
            for job in workflow.jobs where options.days.contains(job.startedAt.day) {
                if let asOf = options.asOf, asOf < job.stoppedAt { continue }
                let usage = usage(of: job, workflow)
                try body(Row(usage: usage, line: line(job, workflow, usage)))
            }
        }
    }

    private func usage(of job: FakeJob, _ workflow: FakeWorkflow) -> TrueUsage {
        var random = SeededGenerator(
            seed: options.correctionSeed ^ UInt64(truncatingIfNeeded: Identity.of(job.id) >> 64)
        )
        let isCorrected = options.correctedShare > 0 && random.chance(options.correctedShare)
        return TrueUsage(job, of: workflow, seed: history.options.seed, isCorrected: isCorrected)
    }

    private func line(_ job: FakeJob, _ workflow: FakeWorkflow, _ usage: TrueUsage) -> String {
        let pipeline = workflow.pipeline
        let project = pipeline.project
        func percent(_ hundredths: Int?) -> String? { hundredths.map { FakeUsageExport.decimal($0, digits: 2) } }
        func credits(_ feature: String) -> String {
            FakeUsageExport.decimal(usage.credits[feature] ?? 0, digits: 3)
        }
        let host = project.kind == .bitbucket ? "bitbucket.org" : "github.com"
        let url =
            project.kind.isAppStyle
            ? "//\(project.slug.replacingCircleCI)" : "https://\(host)/\(project.slug.afterProvider)"
        let first = workflow.jobs.first?.startedAt
        let cells: [String?] = [
            project.organizationID, project.organizationName, "2019-05-01", project.id, project.name, "2020-02-03",
            FakeUsageExport.time(workflow.stoppedAt), project.kind == .bitbucket ? "Bitbucket" : "GitHub", url,
            pipeline.commit.branch, pipeline.id, FakeUsageExport.time(pipeline.createdAt), "\(pipeline.number)",
            usage.isUnregistered ? "true" : "false", "webhook", usage.userID, workflow.id, workflow.name,
            first.map(FakeUsageExport.time), first.map(FakeUsageExport.time), FakeUsageExport.time(workflow.stoppedAt),
            workflow.status == "success" ? "true" : "false", job.name, "\(job.number)", job.id,
            job.startedAt.day.description, FakeUsageExport.time(job.startedAt), FakeUsageExport.time(job.startedAt),
            FakeUsageExport.time(job.stoppedAt), job.status, usage.resourceClass, usage.operatingSystem, usage.executor,
            "\(usage.parallelism)", "\(usage.seconds)", percent(usage.cpu?.median), percent(usage.cpu?.maximum),
            percent(usage.memory?.median), percent(usage.memory?.maximum), credits("compute"), credits("dlc"),
            credits("user"), credits("storage"), credits("network"), credits("lease"), credits("lease_overage"),
            credits("ipranges"), FakeUsageExport.decimal(usage.totalCredits, digits: 3),
        ]
        let written = cells.map(FakeUsageExport.cell)
        guard options.isOdd else { return written.joined(separator: ",") + "\n" }
        return (written.reversed() + ["\(usage.seconds).5"]).joined(separator: ",") + "\r\n"
    }

    /// As the export writes it: `\N` for nothing, quotes where needed, backslash escapes.
    static func cell(_ text: String?) -> String {
        guard let text else { return "\\N" }
        guard text.unicodeScalars.contains(where: { $0 == "," || $0 == "\"" || $0 == "\n" || $0 == "\r" || $0 == "\\" })
        else { return text }
        var cell = "\""
        for scalar in text.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { cell.append("\\") }
            cell.unicodeScalars.append(scalar)
        }
        return cell + "\""
    }

    /// `2026-01-02 03:04:05.678`, in UTC.
    static func time(_ instant: Timestamp) -> String {
        let text = instant.description
        return text.prefix(10) + " " + text.dropFirst(11).dropLast()
    }

    /// A whole number of the last decimal, without zeros at the end.
    static func decimal(_ value: Int, digits: Int) -> String {
        var unit = 1
        for _ in 0..<digits { unit *= 10 }
        let fraction = String(String(unit + value % unit).dropFirst())
        var text = "\(value / unit).\(fraction)"
        while text.hasSuffix("0") { text.removeLast() }
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }
}

extension String {
    /// `o/r` of `github/o/r`.
    fileprivate var afterProvider: Substring { split(separator: "/", maxSplits: 1).last ?? self[...] }
    /// The address of a project of the App kind.
    fileprivate var replacingCircleCI: String { "circleci.com/" + afterProvider }
}

extension FakeHistory {
    /// What every job run of the given days used and cost.
    public func usages(on days: ClosedRange<Day>, organization: Int = 0) -> [TrueUsage] {
        var usages: [TrueUsage] = []
        FakeUsageExport(self, organization: organization, options: FakeUsageExport.Options(days: days)).rows {
            usages.append($0.usage)
        }
        return usages
    }
}
