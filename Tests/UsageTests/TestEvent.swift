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

    /// What is of no run; a number decides all of it.
    enum Notice: Hashable {
        case rateCard(Int)
        case description(Int)

        /// Of odd prices, one to a day of few.
        static let contract = Contract(
            currency: "EUR",
            periods: [
                Contract.Period(from: Day("2025-01-01")!, to: Day("2026-01-02")!, billionthsPerCredit: 601_237),
                Contract.Period(from: Day("2026-01-03")!, to: nil, billionthsPerCredit: 549_999_999),
            ]
        )

        var source: RecordSource {
            switch self {
            case .rateCard: .meter
            case .description: .api
            }
        }

        /// Later numbers come later among cards of one time and id. The third has a contract.
        static func card(_ number: Int) -> RateCard {
            RateCard(
                source: "card \(number)",
                published: Day(daysSinceEpoch: 20_000),
                defaultMachine: RateCard.Machine(executor: "docker", resourceClass: ["medium", "large"][number % 2]),
                periods: [
                    RateCard.Period(
                        from: Day(daysSinceEpoch: 0),
                        thousandthsPerMinute: ["docker": ["medium": 1000 + number, "large": 7000 + number]]
                    )
                ],
                contract: number == 2 ? contract : nil
            )
        }
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
    /// Login of who triggered the pipeline.
    var actor: String?
    var pipelineNumber: Int64?
    /// Of a job.
    var number: Int64?
    /// Of a job's workflow.
    var workflowID: String?
    /// Of a job, from the usage export.
    var settled: Settled?
    var notice: Notice?

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
        event.pipeline.triggerActor = place(actor)
        if let notice {
            say(&event, notice, place)
            return (event, body)
        }
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

    private func say(_ event: inout Event, _ notice: Notice, _ place: (String?) -> JSONText?) {
        switch notice {
        case .rateCard(let number):
            event.kind = .rateCardChanged
            event.rateCard = Notice.card(number)
        case .description(let number):
            event.kind = .jobDescribed
            event.job.name = place(job)
            var usage = EventUsage()
            usage.resourceClass = place(["medium", "large", "acme/pool"][number])
            usage.executor = place(["docker", "docker", "runner"][number])
            usage.parallelism = [nil, 3, 1][number]
            event.usage = usage
        }
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
