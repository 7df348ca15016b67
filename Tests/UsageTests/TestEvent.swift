import Usage
import Wire

/// An event as a test states it, and the same as the reducer takes it: offsets into bytes.
struct TestEvent: Hashable {
    enum Kind: Hashable { case job, workflow }

    var kind: Kind
    var source: RecordSource
    var connection: String
    var id: String
    var run: String
    /// Microseconds since 1970, as all times here.
    var pipelineCreatedAt: Int64
    var happenedAt: Int64?
    var startedAt: Int64?
    var stoppedAt: Int64?
    var workflowCreatedAt: Int64?
    var status: String?
    var projectID: String?
    var slug: String?
    var workflow: String?
    var job: String?
    var branch: String?
    var email: String?
    var pipelineNumber: Int64?
    /// Of a job.
    var number: Int64?
    /// Of a job's workflow.
    var workflowID: String?

    /// The event with its texts in a body, one after the other.
    func encoded() -> (event: Event, body: [UInt8]) {
        var body: [UInt8] = []
        func place(_ text: String?) -> JSONText? {
            guard let text else { return nil }
            defer { body.append(contentsOf: text.utf8) }
            return JSONText(start: body.count, count: text.utf8.count, isEscaped: false)
        }
        func instant(_ microseconds: Int64?) -> Timestamp? { microseconds.map { Timestamp(microseconds: $0) } }
        var event = Event()
        event.kind = kind == .job ? .jobCompleted : .workflowCompleted
        event.id = place(id)
        event.happenedAt = instant(happenedAt)
        event.project.id = place(projectID)
        event.project.slug = place(slug)
        event.pipeline.createdAt = instant(pipelineCreatedAt)
        event.workflow.name = place(workflow)
        event.pipeline.number = pipelineNumber
        event.commit.branch = place(branch)
        event.commit.authorEmail = place(email)
        switch kind {
        case .job:
            event.job.id = place(run)
            event.job.name = place(job)
            event.job.number = number
            event.workflow.id = place(workflowID)
            event.job.status = place(status)
            event.job.startedAt = instant(startedAt)
            event.job.stoppedAt = instant(stoppedAt)
            event.workflow.createdAt = instant(workflowCreatedAt)
        case .workflow:
            event.workflow.id = place(run)
            event.workflow.status = place(status)
            event.workflow.createdAt = instant(startedAt)
            event.workflow.stoppedAt = instant(stoppedAt)
        }
        return (event, body)
    }
}

extension Reducer {
    mutating func fold(_ test: TestEvent, storage: some UsageStorage) throws {
        let (event, body) = test.encoded()
        let connection = Array(test.connection.utf8)
        try body.withUnsafeBytes { body in
            _ = try connection.withUnsafeBytes { connection in
                try fold(event, in: body, connection: connection, source: test.source, storage: storage)
            }
        }
    }
}
