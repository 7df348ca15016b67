import Wire

/// Decides what becomes of a workflow run: which jobs run, how long, and how each ends.
struct WorkflowMaker {
    private let options: FakeHistoryOptions
    private var random: SeededGenerator
    private let start: WorkflowStart
    private let precision: TimePrecision

    init(options: FakeHistoryOptions, start: WorkflowStart, seed: UInt64) {
        self.options = options
        self.start = start
        random = SeededGenerator(seed: seed)
        precision = .usual(odd: options.oddities.timePrecisions, &random)
    }

    /// - Parameter jobNumber: The project's last job number, counted on.
    mutating func make(jobNumber: inout Int) -> FakeWorkflow {
        let rates = options.oddities
        let createdAt = precision.truncated(start.at)
        if random.chance(rates.errors) {
            let stop = precision.truncated(createdAt.adding(milliseconds: random.integer(in: 80...900)))
            return workflow("error", createdAt: createdAt, jobs: [], stops: [stop])
        }
        if random.chance(rates.unauthorized) {
            let stop = precision.truncated(createdAt.adding(milliseconds: random.integer(in: 200...3000)))
            jobNumber += 1
            let job = job(start.template.stages[0][0], number: jobNumber, "unauthorized", from: stop, to: stop)
            return workflow("unauthorized", createdAt: createdAt, jobs: [job], stops: [stop])
        }
        let isCanceled = random.chance(rates.cancellations)
        var jobs = run(createdAt: createdAt, jobNumber: &jobNumber)
        guard isCanceled else {
            let stop = jobs.map(\.stoppedAt).max() ?? createdAt
            let hasFailed = jobs.contains { $0.status != "success" }
            return workflow(hasFailed ? "failed" : "success", createdAt: createdAt, jobs: jobs, stops: [stop])
        }
        let stops = cancel(&jobs, createdAt: createdAt)
        return workflow("canceled", createdAt: createdAt, jobs: jobs, stops: stops)
    }

    /// Runs the stages one after the other; a failed job ends the workflow with its stage.
    private mutating func run(createdAt: Timestamp, jobNumber: inout Int) -> [FakeJob] {
        let rates = options.oddities
        var jobs: [FakeJob] = []
        var ready = createdAt.adding(milliseconds: startDelay(createdAt: createdAt))
        let failingStage = random.chance(options.failureShare) ? random.integer(in: 0...2) : -1
        for (index, stage) in start.template.stages.enumerated() {
            let failingJob = index == failingStage ? random.integer(in: 0...(stage.count - 1)) : -1
            for (position, template) in stage.enumerated() {
                let startedAt = ready.adding(milliseconds: random.integer(in: 300...8000))
                let isInstant = random.chance(rates.zeroDurations)
                let factor = random.chance(0.01) ? 6.0 : 0.5 + random.fraction()
                let stoppedAt = startedAt.adding(
                    milliseconds: isInstant ? 0 : Int(Double(template.usualMilliseconds) * factor)
                )
                jobNumber += 1
                let unknown = random.element(of: FakeNames.unknownStatuses)
                let isUnknown = random.chance(rates.unknownStatuses)
                let status = isUnknown ? unknown : position == failingJob ? "failed" : "success"
                jobs.append(job(template, number: jobNumber, status, from: startedAt, to: stoppedAt))
            }
            if jobs.contains(where: { $0.status != "success" }) { break }
            ready = jobs.map(\.stoppedAt).max() ?? ready
        }
        return jobs
    }

    /// Cancels what runs or waits at some moment before the end. Every job that is stopped, and then the workflow, is
    /// followed by one more `workflow-completed`; the times that they tell grow.
    private mutating func cancel(_ jobs: inout [FakeJob], createdAt: Timestamp) -> [Timestamp] {
        let end = jobs.map(\.stoppedAt).max() ?? createdAt
        let span = Int((end.microseconds - createdAt.microseconds) / 1000)
        var moment = createdAt.adding(milliseconds: Int(Double(span) * random.fraction() * 0.9))
        var stops: [Timestamp] = []
        for (index, old) in jobs.enumerated() {
            moment = moment.adding(milliseconds: random.integer(in: 50...900))
            if old.stoppedAt > moment {
                let startedAt = min(old.startedAt, moment)
                jobs[index] = job(old.template, number: old.number, "canceled", from: startedAt, to: moment)
            }
            stops.append(precision.truncated(moment))
        }
        stops.append(precision.truncated(moment.adding(milliseconds: random.integer(in: 1000...3000))))
        return stops
    }

    private mutating func startDelay(createdAt: Timestamp) -> Int {
        let intoDay = createdAt.microseconds - Int64(createdAt.day.daysSinceEpoch) * 86_400_000_000
        let untilMidnight = Int((86_400_000_000 - intoDay) / 1000)
        let isHeld = random.chance(options.oddities.midnightCrossings)
        let usual = random.integer(in: 500...4000)
        // Held up long enough that one part of the jobs runs before midnight and the other after it.
        return isHeld && untilMidnight < 3 * 3_600_000
            ? max(usual, untilMidnight - random.integer(in: 1...120_000)) : usual
    }

    private mutating func job(
        _ template: FakeJobTemplate,
        number: Int,
        _ status: String,
        from startedAt: Timestamp,
        to stoppedAt: Timestamp
    ) -> FakeJob {
        FakeJob(
            id: random.uuid(),
            name: template.name,
            number: number,
            status: status,
            startedAt: precision.truncated(startedAt),
            stoppedAt: precision.truncated(stoppedAt),
            template: template
        )
    }

    private mutating func workflow(
        _ status: String,
        createdAt: Timestamp,
        jobs: [FakeJob],
        stops: [Timestamp]
    ) -> FakeWorkflow {
        FakeWorkflow(
            pipeline: start.pipeline,
            id: random.uuid(),
            name: start.template.name,
            attempt: start.attempt,
            createdAt: createdAt,
            status: status,
            jobs: jobs,
            stops: stops
        )
    }
}
