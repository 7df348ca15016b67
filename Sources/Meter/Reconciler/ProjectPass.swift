import CircleCI
import Usage
import Wire

/// One walk over a project: fetch, a pure plan, apply. In chunks from the oldest pipeline to the newest, each on the log
/// before the next is asked about, so that a walk that was cut is taken up where it was.
struct ProjectPass {
    /// How the pass reaches the world.
    struct Surroundings: Sendable {
        var connection: String
        var knowledge: any ReconcileKnowledge
        var options: ReconcileOptions
        var now: @Sendable () -> Timestamp
        /// Puts events on the log; returns once they are durable.
        var add: @Sendable ([APIEvent]) async throws -> Void
        /// Puts the project's reconciliation on the log.
        var checkpoint: @Sendable (Reconciliation, _ at: Timestamp) async throws -> Void
        /// Told what is planned, also in a dry run.
        var planned: @Sendable ([APIEvent]) async -> Void
        /// Told how many of how many pipelines are done.
        var progress: @Sendable (_ done: Int, _ count: Int) async -> Void
    }

    private typealias Pipeline = Reconciliation.OpenPipeline

    let project: ReconcileProject
    let request: ReconcileRequest
    private var answers: ProjectAnswers
    let surroundings: Surroundings
    private(set) var memory: ProjectMemory
    private(set) var report: ReconcileReport.Project

    private var known = KnownRuns()
    private var knownDays: Set<Day> = []
    private var mark: Reconciliation?
    /// Pipelines to look at that were not looked at yet.
    private var rest: [String: Pipeline] = [:]
    private var open: [String: Pipeline] = [:]
    private var missing: [Reconciliation.MissingItem] = []
    private var explained: Set<Int> = []
    private var numbers = NumberSet()
    private var hasFound = false

    private var options: ReconcileOptions { surroundings.options }

    init(
        project: ReconcileProject,
        request: ReconcileRequest,
        answers: ProjectAnswers,
        memory: ProjectMemory,
        surroundings: Surroundings
    ) {
        self.project = project
        self.request = request
        self.answers = answers
        self.memory = memory
        self.surroundings = surroundings
        report = ReconcileReport.Project(slug: project.slug)
    }

    /// - Parameters:
    ///   - logged: the project's reconciliation as the log has it.
    ///   - numbers: the job numbers that the log has.
    ///   - damages: unreadable places of the log.
    /// - Throws: `CircleCIError` where the project cannot be asked about; what the log throws.
    mutating func run(logged: ProjectReconciliation?, numbers: NumberSet, damages: [DamagedRange]) async throws {
        let began = surroundings.now()
        self.numbers = numbers
        mark = memory.mark ?? logged?.reconciliation
        memory.saidAt = memory.saidAt ?? logged?.happenedAt
        let unfilled = damages.filter { damage in !(mark?.refilled.contains(damage.place) ?? false) }
        let everything = unfilled.isEmpty ? request.thoroughness : max(request.thoroughness, .thorough)
        if !unfilled.isEmpty { memory.verified = [:] }
        answers.knownFailures = Set(mark?.missing.map(\.pipeline.id) ?? [])
        // After a loss, and after a time in which nobody asked, nothing is taken for granted.
        let isSuspicious =
            (memory.suspiciousUntil ?? began) > began
            || mark.map { began.seconds(since: $0.through) > options.outageSeconds } ?? false
        let thoroughness = isSuspicious ? max(everything, .thorough) : everything
        let isListed =
            thoroughness != .economical
            // A listing that lies ahead was made while the clock was wrong.
            || memory.listedAt.map { !(0..<options.listSeconds ~= began.seconds(since: $0)) } ?? true
        let listed = isListed ? try await answers.pipelines(since: horizon(at: began, unfilled: unfilled)) : []
        report.pipelineCount = listed.count
        var details: [String: APIPipeline] = [:]
        for pipeline in listed { details[pipeline.id] = pipeline }
        // Whatever the mark leaves open is looked at again, however old.
        for pipeline in (mark?.open ?? []) + (mark?.missing.map(\.pipeline) ?? []) { rest[pipeline.id] = pipeline }
        for pipeline in listed {
            rest[pipeline.id] = Pipeline(id: pipeline.id, number: pipeline.number, createdAt: pipeline.createdAt)
        }
        #if SABOTAGE
            if Sabotage.plants("mark-before-fetch") { try await checkpoint(through: began) }
        #endif
        let order = rest.values.sorted(by: Pipeline.isBefore)
        for start in stride(from: 0, to: order.count, by: options.chunkSize) {
            try Task.checkCancellation()
            let chunk = Array(order[start..<min(order.count, start + options.chunkSize)])
            try await look(at: chunk, details: details, thoroughness: thoroughness)
            await surroundings.progress(start + chunk.count, order.count)
            if start + chunk.count < order.count, mark == nil || hasFound {
                try await checkpoint(through: max(mark?.through ?? chunk[chunk.count - 1].createdAt, .distantPast))
            }
        }
        try await lookAtGaps()
        for days in 0...1 { try await learn(Day(daysSinceEpoch: began.day.daysSinceEpoch - Int32(days))) }
        try await finish(at: began, isListed: isListed, refilled: unfilled.map(\.place))
    }

    private func horizon(at now: Timestamp, unfilled: [DamagedRange]) -> Timestamp {
        let backfill = now.adding(seconds: -options.backfillSeconds)
        // Nothing between the mark and a later `since` is passed over: the mark will say that it was looked at.
        let usual =
            mark.map { mark in
                #if SABOTAGE
                    if Sabotage.plants("overlap-left-out") { return mark.through }
                #endif
                let overlap = min(mark.through, now).adding(seconds: -options.overlapSeconds)
                return min(request.since ?? overlap, overlap)
            } ?? min(request.since ?? backfill, backfill)
        // A delivery can come a day after its pipeline was created, and rarely later.
        let damaged = unfilled.map {
            $0.since?.adding(seconds: -86_400) ?? backfill
        }
        return ([usual] + damaged).min() ?? usual
    }

    private mutating func look(
        at chunk: [Pipeline],
        details: [String: APIPipeline],
        thoroughness: ReconcileRequest.Thoroughness,
        isForced: Bool = false
    ) async throws {
        for pipeline in chunk { try await learn(pipeline.createdAt.day) }
        let now = surroundings.now()
        let choice = PipelineChoice(
            known: known,
            maximumNumber: numbers.maximum.map { Int($0) },
            thoroughness: thoroughness,
            options: options,
            now: now
        )
        // Of these CircleCI said that they had not ended, and of which workflows is forgotten.
        let unknown = Set(memory.mark == nil ? mark?.open.map(\.id) ?? [] : [])
        var asked: [Pipeline] = []
        for pipeline in chunk {
            if isForced || answers.knownFailures.contains(pipeline.id) || unknown.contains(pipeline.id) {
                asked.append(pipeline)
            } else if thoroughness != .everything,
                memory.verified[pipeline.id]?.runCount == known.ofPipeline(pipeline.number).count
            {
                rest[pipeline.id] = nil
            } else if thoroughness == .economical, details[pipeline.id]?.state == "errored" {
                // It failed in its configuration: such a pipeline has no workflow.
                rest[pipeline.id] = nil
            } else {
                switch choice.decide(pipeline, askedAt: memory.askedAt[pipeline.id]) {
                case .ask: asked.append(pipeline)
                case .complete: rest[pipeline.id] = nil
                case .wait:
                    rest[pipeline.id] = nil
                    open[pipeline.id] = pipeline
                }
            }
        }
        report.askedCount += asked.count
        let answered = try await answers.answers(
            for: asked.map { details[$0.id] ?? APIPipeline($0, projectSlug: project.slug) }
        )
        var events: [APIEvent] = []
        for answer in answered {
            events += try await settle(answer, isListed: details[answer.pipeline.id] != nil, at: now)
        }
        try await apply(events)
        for pipeline in asked {
            memory.verified[pipeline.id]?.runCount = known.ofPipeline(pipeline.number).count
        }
    }

    /// Takes in what was said of one pipeline; the events that the log lacks.
    private mutating func settle(
        _ answer: PipelineAnswer,
        isListed: Bool,
        at now: Timestamp
    ) async throws(CircleCIError) -> [APIEvent] {
        var plan = plan(answer, at: now)
        if !plan.events.isEmpty, !isListed {
            // An older pipeline, of which only id and number were known: its events say where the code came from.
            var complete = answer
            do throws(CircleCIError) {
                complete.pipeline = try await answers.api.pipeline(answer.pipeline.id)
            } catch {
                guard !error.endsPass else { throw error }
                complete.workflows = .failed(error.code.rawValue)
            }
            plan = self.plan(complete, at: now)
        }
        let pipeline = answer.open
        rest[pipeline.id] = nil
        explained.formUnion(plan.explained)
        missing += plan.missing
        open[pipeline.id] = plan.isOpen && plan.missing.isEmpty ? pipeline : nil
        if plan.isOpen {
            memory.askedAt[pipeline.id] = now
        } else if plan.missing.isEmpty {
            memory.askedAt[pipeline.id] = nil
            memory.verified[pipeline.id] = ProjectMemory.Verified(createdAt: pipeline.createdAt, runCount: 0)
        }
        return plan.events
    }

    private func plan(_ answer: PipelineAnswer, at now: Timestamp) -> PipelinePlan {
        PipelinePlan(answer, known: known, project: project, options: options, now: now)
    }

    private mutating func apply(_ events: [APIEvent]) async throws {
        guard !events.isEmpty else { return }
        hasFound = true
        await surroundings.planned(events)
        report.jobCount += events.count { $0.kind == .job }
        report.workflowCount += events.count { $0.kind == .workflow }
        for event in events {
            known.add(event.run(of: project))
            if let number = event.jobNumber.flatMap(UInt32.init(exactly:)) { numbers.insert(number) }
        }
        guard !request.isDryRun else { return }
        try await surroundings.add(events)
        memory.suspiciousUntil = surroundings.now().adding(seconds: options.suspicionSeconds)
    }

    /// Numbers between those that were told: a job's event was lost, or it still runs, or it is no run's number.
    private mutating func lookAtGaps() async throws {
        let now = surroundings.now()
        // A number behind all that were told is no gap yet: with it, whatever lies before it would be one.
        explained = explainedGaps
        for number in explained { numbers.insert(UInt32(number)) }
        let gaps = numbers.gaps(limit: 100_000)
        for gap in gaps where memory.gapSeenAt[gap] == nil { memory.gapSeenAt[gap] = now }
        let due = gaps.filter { gap in
            let seenAt = memory.gapSeenAt[gap] ?? now
            if let askedAt = memory.gapAskedAt[gap] {
                return now.seconds(since: askedAt) >= max(options.gapSeconds, askedAt.seconds(since: seenAt))
            }
            return request.thoroughness == .everything || open.isEmpty
                || now.seconds(since: seenAt) >= options.gapSeconds
        }
        for gap in due.prefix(options.maximumGaps) where !numbers.contains(gap) {
            try Task.checkCancellation()
            try await lookAtGap(gap, at: now)
        }
        memory.prune(
            before: mark?.through.adding(seconds: -2 * options.overlapSeconds) ?? .distantPast,
            open: Set(open.keys),
            gaps: Set(gaps)
        )
    }

    private mutating func lookAtGap(_ number: UInt32, at now: Timestamp) async throws {
        memory.gapAskedAt[number] = now
        let job: APIJobDetails
        do throws(CircleCIError) {
            job = try await answers.api.job(inProject: project.slug, number: Int(number))
        } catch {
            guard !error.endsPass else { throw error }
            if error.code == .notFound {
                // An approval's number, or one that is no longer kept; or of a job that has not started.
                guard now.seconds(since: memory.gapSeenAt[number] ?? now) >= options.tailSeconds else { return }
                try await answers.confirmAccess()
                explained.insert(Int(number))
            }
            return
        }
        guard RunState.hasEnded(job.status, stoppedAt: nil) else { return }
        let pipeline: APIPipeline
        do throws(CircleCIError) {
            pipeline = try await answers.api.pipeline(job.pipelineID)
        } catch {
            guard !error.endsPass else { throw error }
            guard error.code == .notFound else { return }
            try await answers.confirmAccess()
            explained.insert(Int(number))
            return
        }
        guard !missing.contains(where: { $0.pipeline.id == pipeline.id }) else { return }
        let entry = Pipeline(id: pipeline.id, number: pipeline.number, createdAt: pipeline.createdAt)
        try await look(at: [entry], details: [entry.id: pipeline], thoroughness: .everything, isForced: true)
        if !numbers.contains(number), open[entry.id] == nil, !missing.contains(where: { $0.pipeline.id == entry.id }) {
            // It ended, and its pipeline does not name it.
            explained.insert(Int(number))
        }
    }

    /// The ends of the project's runs of the last day or two that the log knows now.
    var ends: [EndedRun] {
        known.all.compactMap { run in
            run.stoppedAt.map { EndedRun(endedAt: $0, isToldByWebhook: run.isToldByWebhook) }
        }
    }

    private mutating func finish(at began: Timestamp, isListed: Bool, refilled: [String]) async throws {
        report.openCount = open.count
        report.missing = missing
        guard !request.isDryRun else { return }
        let before = mark
        var reached = Reconciliation(
            through: max(isListed ? began : before?.through ?? began, before?.through ?? began)
        )
        if isListed { memory.listedAt = began }
        reached.open = open.values.sorted(by: Pipeline.isBefore)
        reached.missing = missing.sorted { ($0.day, $0.kind, $0.id) < ($1.day, $1.kind, $1.id) }
        reached.refilled = (before?.refilled ?? []) + refilled
        mark = reached
        memory.mark = reached
        let isNew = before == nil || before?.missing != reached.missing || !refilled.isEmpty || !explained.isEmpty
        let age = memory.checkpointedAt.map { began.seconds(since: $0) } ?? .infinity
        guard hasFound || isNew || age >= options.checkpointSeconds else { return }
        reached.explained = explained.sorted()
        try await say(reached)
        memory.checkpointedAt = began
    }

    /// Between chunks: what lies before is done, what comes is as the mark had it.
    private mutating func checkpoint(through: Timestamp) async throws {
        guard !request.isDryRun else { return }
        var reached = Reconciliation(through: through)
        let unlooked = (mark?.open ?? []).filter { rest[$0.id] != nil }
        reached.open = (Array(open.values) + unlooked).sorted(by: Pipeline.isBefore)
        reached.missing = missing + (mark?.missing.filter { rest[$0.pipeline.id] != nil } ?? [])
        reached.refilled = mark?.refilled ?? []
        memory.mark = reached
        reached.explained = explainedGaps.sorted()
        try await say(reached)
    }

    /// Those that lie between numbers that were told.
    private var explainedGaps: Set<Int> {
        let last = Int(numbers.maximum ?? 0)
        return explained.filter { $0 > 0 && $0 < last }
    }

    private mutating func say(_ reached: Reconciliation) async throws {
        let at = Timestamp.ofWord(at: surroundings.now(), after: memory.saidAt)
        try await surroundings.checkpoint(reached, at)
        memory.saidAt = at
    }

    private mutating func learn(_ day: Day) async throws {
        guard knownDays.insert(day).inserted else { return }
        for run in try await surroundings.knowledge.runs(of: surroundings.connection, day: day)
        where run.project == project.id || run.project == project.slug {
            known.add(run)
        }
    }
}

extension Timestamp {
    fileprivate static let distantPast = Timestamp(microseconds: .min / 2)
}

extension APIPipeline {
    /// Of what a mark keeps: enough to ask about it.
    fileprivate init(_ open: Reconciliation.OpenPipeline, projectSlug: String) {
        self.init(
            id: open.id,
            number: open.number,
            projectSlug: projectSlug,
            createdAt: open.createdAt,
            state: "created"
        )
    }
}
