import CircleCI
import EventLog
import Usage
import Wire

/// What a record is about, in short. A member that its event does not have is nil.
struct RecordSummary: Sendable {
    var sequence: Int
    var batch: Int
    var receivedAt: Timestamp
    var source: RecordSource
    var connection: String
    var kind = Event.Kind.unknown
    /// The event's type as it says it.
    var type: String?
    var eventID: String?
    /// The slug in the long form.
    var project: String?
    var projectName: String?
    var workflow: String?
    var job: String?
    var branch: String?
    /// The id of the job or the workflow.
    var run: String?
    /// The webhook's word.
    var status: String?
    var durationMilliseconds: Int?

    /// - Parameter event: Nil where the body is no JSON object.
    init(_ record: LogRecord, _ event: Event?, in body: UnsafeRawBufferPointer) {
        sequence = record.sequence
        batch = record.batch
        receivedAt = record.receivedAt
        source = record.source
        connection = record.connection
        guard let event else { return }
        kind = event.kind
        type = event.type?.string(in: body)
        eventID = event.id?.string(in: body)
        project = event.project.slug.map { ProjectSlug.longForm($0.string(in: body)) }
        projectName = event.project.name?.string(in: body)
        workflow = event.workflow.name?.string(in: body)
        job = event.job.name?.string(in: body)
        branch = event.commit.branch?.string(in: body)
        run = event.run?.string(in: body)
        status = event.runStatus?.string(in: body)
        durationMilliseconds = event.runMilliseconds
    }

    init(_ record: LogRecord) {
        self = record.withBody { body in
            RecordSummary(record, try? EventScanner.event(in: body), in: body)
        }
    }
}

extension Event {
    /// The id of the run that the event is about.
    var run: JSONText? { kind == .workflowCompleted ? workflow.id : job.id }

    var runStatus: JSONText? { kind == .workflowCompleted ? workflow.status : job.status }

    /// As the reducer counts it; nil where a time is missing.
    fileprivate var runMilliseconds: Int? {
        let start = kind == .workflowCompleted ? workflow.createdAt : job.startedAt
        let stop = kind == .workflowCompleted ? workflow.stoppedAt : job.stoppedAt
        guard let start, let stop else { return nil }
        return Int(max(0, (stop.microseconds - start.microseconds) / 1000))
    }
}
