import Usage
import Wire

/// An event as a test states it, and the same as the reducer takes it: offsets into bytes.
struct TestEvent: Hashable {
    enum Kind: Hashable { case job, workflow }

    /// What a row of the usage export says; the content number decides all of it.
    struct Settled: Hashable {
        var content: Int
        var exportedAt: Int64
        /// Only that an earlier row is still true.
        var isConfirmation = false

        var contentID: UInt128 { UInt128(content + 1) << 100 | 7 }
        var compute: Int64 { [10_000, 0, 12_500, -300][content] }
        var dlc: Int64 { [0, 200_000, 0, 0][content] }
        /// Not always the sum of its parts.
        var total: Int64 { [10_000, 200_000, 13_000, -300][content] }
        var resourceClass: String? { ["medium", "large", nil, "medium"][content] }
        var executor: String { "docker" }
        var operatingSystem: String { ["linux", "windows"][content % 2] }
        var parallelism: Int64? { [nil, 4, 1, 2][content] }
        /// Hundredths of a percent.
        var maximumCPU: Int64? { [4999, 5000, nil, 9_900][content] }
        var user: String? { ["u-1", "u-2", nil, "u-1"][content] }
        var isUnregistered: Bool? { [false, true, nil, nil][content] }
    }

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
    /// Of a job, from the usage export.
    var settled: Settled?

    /// As the event has it: a settlement's tells what it says.
    var eventID: String { settled.map { "export-\(Hex.string($0.contentID))" } ?? id }

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
        event.id = place(eventID)
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
            if let settled { settle(&event, settled, place) }
        case .workflow:
            event.workflow.id = place(run)
            event.workflow.status = place(status)
            event.workflow.createdAt = instant(startedAt)
            event.workflow.stoppedAt = instant(stoppedAt)
        }
        return (event, body)
    }

    private func settle(_ event: inout Event, _ settled: Settled, _ place: (String?) -> JSONText?) {
        event.exportedAt = Timestamp(microseconds: settled.exportedAt)
        guard !settled.isConfirmation else {
            event.kind = .usageConfirmed
            event.confirmations = [Confirmation(job: event.job.id!, content: settled.contentID)]
            return
        }
        event.kind = .jobSettled
        var usage = EventUsage()
        usage.resourceClass = place(settled.resourceClass)
        usage.executor = place(settled.executor)
        usage.operatingSystem = place(settled.operatingSystem)
        usage.parallelism = settled.parallelism
        usage.credits = [("compute", settled.compute), ("dlc", settled.dlc)].map {
            EventUsage.FeatureCredits(feature: place($0.0)!, thousandths: $0.1)
        }
        usage.totalCredits = settled.total
        usage.cpu.maximum = settled.maximumCPU
        usage.userID = place(settled.user)
        usage.isUnregistered = settled.isUnregistered
        event.usage = usage
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
