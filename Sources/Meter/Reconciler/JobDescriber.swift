import CircleCI
import EventLog
import Logging
import Usage
import Wire

/// Asks CircleCI what machine a job asks for where no usage export has told it, by one run of each job: what runs cost
/// until they are settled is reckoned with it.
///
/// What was answered is on the log, and so is not asked for again.
struct JobDescriber: Sendable {
    /// What the next pass goes on from. It can be lost: that costs calls, and no more.
    struct Memory: Sendable {
        /// When all that was due had been asked for.
        var lookedAt: Timestamp?
        /// Jobs of which CircleCI did not say it, and when.
        fileprivate var failedAt: [RowKey: Timestamp] = [:]
    }

    let connection: String
    let api: any CircleCIAPI
    let knowledge: any ReconcileKnowledge
    let options: ReconcileOptions
    let append: @Sendable ([LogEntry]) async throws -> Void
    let now: @Sendable () -> Timestamp
    let logger: Logger

    /// Calls in succession that may fail: then it is CircleCI that is away.
    private static let maximumFailures = 3

    /// - Parameter projects: those that CircleCI has just answered for.
    /// - Returns: how many jobs were described.
    /// - Throws: `CircleCIError` where it is about the key or the caller; the log's errors, cancellation.
    func run(_ projects: [ReconcileProject], _ memory: inout Memory) async throws -> Int {
        let began = now()
        if let at = memory.lookedAt, began.seconds(since: at) < options.describeSeconds { return 0 }
        memory.failedAt = memory.failedAt.filter { began.seconds(since: $0.value) < options.undescribedSeconds }
        let due = try await due(projects, memory, at: began)
        var described = 0
        var failures = 0
        for item in due.prefix(options.maximumDescriptions) {
            try Task.checkCancellation()
            let details: APIJobDetails
            do throws(CircleCIError) {
                details = try await api.job(inProject: item.project.slug, number: item.sighting.number)
                failures = 0
            } catch {
                guard !error.endsPass else { throw error }
                memory.failedAt[item.key] = began
                logger.debug(
                    "a job's machine could not be asked for",
                    metadata: ["connection": "\(connection)", "job": "\(item.sighting.job)", "error": "\(error)"]
                )
                failures = error.code == .notFound ? 0 : failures + 1
                if failures >= JobDescriber.maximumFailures { break }
                continue
            }
            if let entry = entry(details, item) {
                try await append([entry])
                described += 1
            } else {
                memory.failedAt[item.key] = began
            }
        }
        // Where more are due, the next pass goes on.
        let isDone = due.count <= options.maximumDescriptions && failures < JobDescriber.maximumFailures
        memory.lookedAt = isDone ? began : nil
        return described
    }

    private struct Item {
        var key: RowKey
        var project: ReconcileProject
        var sighting: JobSighting
    }

    /// The jobs to ask about, by the last run of each, the latest first.
    private func due(_ projects: [ReconcileProject], _ memory: Memory, at now: Timestamp) async throws -> [Item] {
        // Rows name a project by its id, or by its slug where no event had one.
        let named = Dictionary(
            projects.flatMap { [($0.id, $0), ($0.slug, $0)] },
            uniquingKeysWith: { first, _ in first }
        )
        func key(_ project: ReconcileProject, _ workflow: String, _ job: String) -> RowKey {
            RowKey(connection: connection, day: Day(daysSinceEpoch: 0), texts: [project.id, workflow, job])
        }
        try await knowledge.catchUp()
        var known: Set<RowKey> = []
        for name in try await knowledge.settledJobs(of: connection) {
            if let project = named[name.project] { known.insert(key(project, name.workflow, name.job)) }
        }
        for description in try await knowledge.jobDescriptions(of: connection)
        where now.seconds(since: description.happenedAt) < options.redescribeSeconds {
            if let project = named[description.project] {
                known.insert(key(project, description.workflow, description.job))
            }
        }
        var items: [RowKey: Item] = [:]
        for days in 0..<options.describedDays {
            let day = Day(daysSinceEpoch: now.day.daysSinceEpoch - Int32(days))
            for sighting in try await knowledge.sightings(of: connection, day: day) {
                guard let project = named[sighting.project] else { continue }
                let key = key(project, sighting.workflow, sighting.job)
                guard !known.contains(key), memory.failedAt[key] == nil else { continue }
                if let other = items[key]?.sighting,
                    (other.startedAt, other.number) >= (sighting.startedAt, sighting.number)
                {
                    continue
                }
                items[key] = Item(key: key, project: project, sighting: sighting)
            }
        }
        return items.values.sorted { first, second in
            first.sighting.startedAt != second.sighting.startedAt
                ? first.sighting.startedAt > second.sighting.startedAt : first.key < second.key
        }
    }

    private func entry(_ details: APIJobDetails, _ item: Item) -> LogEntry? {
        DescriptionEvent.entry(
            details,
            of: item.sighting,
            project: item.project,
            connection: connection,
            at: now()
        )
    }
}
