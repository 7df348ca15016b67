import Wire

/// Makes pipelines in the order of their creation.
struct PipelineMaker {
    private let options: FakeHistoryOptions
    private let projects: [FakeProject]
    private var random: SeededGenerator
    private var days: PipelineDays
    private var numbers: [Int]

    init(options: FakeHistoryOptions, projects: [FakeProject], random: SeededGenerator) {
        self.options = options
        self.projects = projects
        self.random = random
        days = PipelineDays(options: options, random: SeededGenerator(seed: options.eventSeed ^ 0x6461_7973))
        numbers = Array(repeating: 0, count: projects.count)
    }

    /// When the next pipeline is created; nil after the last.
    var nextCreation: Timestamp? { days.next }

    /// The next pipeline, and its project's place in the list of all projects. Only while `nextCreation` is not nil.
    mutating func make(at creation: Timestamp) -> (pipeline: FakePipeline, project: Int) {
        days.advance()
        let index = projectIndex()
        let project = projects[index]
        numbers[index] += 1
        let rates = options.oddities
        let precision = TimePrecision.usual(odd: rates.timePrecisions, &random)
        let isTag = random.chance(rates.tags)
        let isRequested = random.chance(rates.apiTriggers)
        let isScheduled = random.chance(rates.schedules)
        let trigger: FakePipeline.Trigger = isTag ? .tag : isRequested ? .api : isScheduled ? .schedule : .push
        let isFork = random.chance(rates.forks) && trigger == .push
        let pipeline = FakePipeline(
            project: project,
            id: random.uuid(),
            number: numbers[index],
            createdAt: precision.truncated(creation),
            trigger: trigger,
            isFork: isFork,
            commit: commit(in: project, trigger: trigger, isFork: isFork, before: creation)
        )
        return (pipeline, index)
    }

    /// The first projects are the busiest.
    private mutating func projectIndex() -> Int {
        let organization = random.integer(in: 0...(options.organizationCount - 1))
        let share = random.fraction()
        return organization * options.projectCount + Int(share * share * Double(options.projectCount))
    }

    private mutating func commit(
        in project: FakeProject,
        trigger: FakePipeline.Trigger,
        isFork: Bool,
        before creation: Timestamp
    ) -> FakeCommit {
        let person = FakeNames.person(random.integer(in: 1...25))
        let revision = random.revision()
        let committedAt = creation.adding(seconds: -Double(random.integer(in: 2...600)))
        let subject = random.element(of: random.chance(options.oddities.oddNames) ? FakeNames.odd : FakeNames.subjects)
        let body = random.element(of: FakeNames.bodies)
        let isMain = random.chance(0.4)
        let featureBranch = random.element(of: project.branches)
        let pullRequest = random.integer(in: 1...900)
        let version = "v\(random.integer(in: 0...9)).\(random.integer(in: 0...30)).\(random.integer(in: 0...9))"
        let branch =
            switch trigger {
            case .push where isFork: project.kind == .github ? "pull/\(pullRequest)" : featureBranch
            case .push: isMain ? project.defaultBranch : featureBranch
            case .api, .schedule: project.defaultBranch
            case .tag: String?.none
            }
        let isTold =
            switch trigger {
            case .push: true
            case .api: false
            // Null in `vcs`; trigger parameters do tell the author.
            case .tag: project.kind.isAppStyle
            // No push, so nothing of GitLab's or the App's.
            case .schedule: !project.kind.isAppStyle
            }
        return FakeCommit(
            revision: revision,
            branch: branch,
            tag: trigger == .tag ? version : nil,
            subject: isTold ? subject : nil,
            body: isTold ? body : nil,
            authorName: isTold ? person.name : nil,
            authorEmail: isTold ? person.email : nil,
            committedAt: isTold ? TimePrecision.seconds.truncated(committedAt) : nil
        )
    }
}

/// The instants at which pipelines are created: fixed numbers a day, most of them in working hours.
struct PipelineDays {
    private let options: FakeHistoryOptions
    private var random: SeededGenerator
    private var day = 0
    private var position = 0
    private(set) var next: Timestamp?

    init(options: FakeHistoryOptions, random: SeededGenerator) {
        self.options = options
        self.random = random
        settle()
    }

    mutating func advance() {
        position += 1
        settle()
    }

    private mutating func settle() {
        while day < options.dayCount {
            let count = pipelineCount(on: day)
            if position < count {
                let share = (Double(position) + random.fraction()) / Double(count)
                let start = Int64(options.firstDay.daysSinceEpoch + Int32(day)) * 86_400_000_000
                next = Timestamp(microseconds: start + Int64(secondOfDay(share) * 1_000_000))
                return
            }
            day += 1
            position = 0
        }
        next = nil
    }

    private func pipelineCount(on day: Int) -> Int {
        // 1970-01-01 was a Thursday.
        let weekday = (Int(options.firstDay.daysSinceEpoch) + day + 4) % 7
        let daily = options.pipelinesPerDay * options.organizationCount
        return weekday == 0 || weekday == 6 ? Int(Double(daily) * options.weekendShare) : daily
    }

    /// Eight of ten pipelines between 07:00 and 19:00, one before, one after.
    private func secondOfDay(_ share: Double) -> Double {
        if share < 0.1 { return share / 0.1 * 7 * 3600 }
        if share < 0.9 { return 7 * 3600 + (share - 0.1) / 0.8 * 12 * 3600 }
        return 19 * 3600 + (share - 0.9) / 0.1 * 5 * 3600
    }
}
