public import Wire

/// What a job run used and cost, as CircleCI itself would bill it: what a meter must arrive at once it is settled.
public struct TrueUsage: Sendable, Equatable {
    public let jobID: String
    public let projectID: String
    public let workflowName: String
    public let jobName: String
    public let day: Day
    public let resourceClass: String
    public let executor: String
    public let operatingSystem: String
    public let parallelism: Int
    /// Rounded up.
    public let seconds: Int
    /// Thousandths of a credit by feature, those that are not zero: `compute`, `dlc`, `user`, `storage`, `network`, `lease`,
    /// `lease_overage`, `ipranges`.
    public let credits: [String: Int]
    /// Hundredths of a percent: medians and maxima; nil for jobs under 15 seconds.
    public let cpu: (median: Int, maximum: Int)?
    public let memory: (median: Int, maximum: Int)?
    public let userID: String
    public let isUnregistered: Bool

    /// Thousandths of a credit.
    public var totalCredits: Int { credits.values.reduce(0, +) }

    public static func == (first: TrueUsage, second: TrueUsage) -> Bool {
        first.jobID == second.jobID && first.resourceClass == second.resourceClass && first.credits == second.credits
            && first.userID == second.userID && first.seconds == second.seconds
    }

    /// Thousandths of a credit a minute on the machines that made-up jobs run on.
    static let thousandthsPerMinute: [String: [String: Int]] = [
        "docker": [
            "small": 5000, "medium": 10_000, "medium+": 15_000, "large": 20_000, "xlarge": 40_000, "2xlarge": 80_000,
        ],
        "machine": [
            "medium": 10_000, "large": 20_000, "xlarge": 100_000, "arm.medium": 10_000, "arm.large": 20_000,
        ],
        "macos": ["macos.m1.medium.gen1": 150_000, "macos.m1.large.gen1": 250_000],
        "windows": ["medium": 40_000, "large": 120_000],
    ]

    /// All of it follows from the run's ids, the day and `seed`, so that no walk's order plays a part.
    ///
    /// - Parameter isCorrected: Whether CircleCI has changed its mind about the run.
    init(_ job: FakeJob, of workflow: FakeWorkflow, seed: UInt64, isCorrected: Bool) {
        let pipeline = workflow.pipeline
        var random = SeededGenerator(seed: seed ^ UInt64(truncatingIfNeeded: Identity.of(job.id)))
        jobID = job.id
        projectID = pipeline.project.id
        workflowName = workflow.name
        jobName = job.name
        day = job.startedAt.day
        executor = job.template.executor
        operatingSystem = executor == "macos" ? "macos" : executor == "windows" ? "windows" : "linux"
        parallelism = job.template.parallelism
        // Each third job name moves to a larger class on a day of its own.
        let kind = Identity.of("\(projectID) \(workflowName) \(jobName)")
        let changesOn = Int32(truncatingIfNeeded: kind % 40) + 10
        let hasChanged = kind % 3 == 0 && job.startedAt.day.daysSinceEpoch % 50 >= changesOn
        resourceClass =
            hasChanged ? TrueUsage.larger(job.template.resourceClass, executor) : job.template.resourceClass
        let microseconds = max(0, job.stoppedAt.microseconds - job.startedAt.microseconds)
        seconds = job.status == "not_run" ? 0 : Int((microseconds + 999_999) / 1_000_000)
        let rate = TrueUsage.thousandthsPerMinute[executor]?[resourceClass] ?? 10_000
        var credits: [String: Int] = [:]
        credits["compute"] = seconds * rate * parallelism / 60
        if kind % 5 == 1, seconds > 0 { credits["dlc"] = 200_000 }
        if random.chance(0.02) { credits["user"] = 25_000_000 / 100 }
        if random.chance(0.05) { credits["storage"] = random.integer(in: 1...4000) }
        if random.chance(0.1) { credits["network"] = random.integer(in: 1...9000) }
        if executor == "macos", random.chance(0.05) { credits["lease"] = random.integer(in: 1000...90_000) }
        if executor == "macos", random.chance(0.02) { credits["lease_overage"] = random.integer(in: 1...9000) }
        if random.chance(0.01) { credits["ipranges"] = 450_000 }
        if isCorrected { credits["compute", default: 0] += 1000 * random.integer(in: 1...50) }
        self.credits = credits.filter { $0.value != 0 }
        // Half of the jobs never need half of their machine.
        let isIdle = kind % 2 == 0
        func measured(_ random: inout SeededGenerator) -> (median: Int, maximum: Int) {
            let maximum = random.integer(in: isIdle ? 500...4500 : 5200...9990)
            return (maximum * random.integer(in: 20...90) / 100, maximum)
        }
        let isMeasured = seconds >= 15
        let measures = (measured(&random), measured(&random))
        cpu = isMeasured ? measures.0 : nil
        memory = isMeasured ? measures.1 : nil
        let identity = Identity.of("user \(pipeline.project.organizationID) \(pipeline.triggerLogin)")
        userID = Identity.uuidString(identity)
        isUnregistered = identity % 7 == 0
    }

    private static func larger(_ resourceClass: String, _ executor: String) -> String {
        let classes = (thousandthsPerMinute[executor] ?? [:]).sorted { ($0.value, $0.key) < ($1.value, $1.key) }
        guard let place = classes.firstIndex(where: { $0.key == resourceClass }), place + 1 < classes.count else {
            return resourceClass
        }
        return classes[place + 1].key
    }
}
