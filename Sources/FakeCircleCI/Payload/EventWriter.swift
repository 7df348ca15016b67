import Wire

/// Writes the body of a delivery as CircleCI does: the documented members, with the surprises that real ones show.
struct EventWriter {
    private let event: PlannedEvent
    private let pipeline: FakePipeline
    private let project: FakeProject
    private let writesPretty: Bool
    let type: String
    private var style: WritingStyle

    init(event: PlannedEvent, rates: OddityRates) {
        self.event = event
        pipeline = event.workflow.pipeline
        project = event.workflow.pipeline.project
        var random = SeededGenerator(seed: event.seed)
        writesPretty = random.chance(rates.prettyBodies)
        let unknownType = random.element(of: ["job-started", "pipeline-completed", "workflow-on-hold"])
        type =
            switch event.subject {
            case .job: "job-completed"
            case .workflow: "workflow-completed"
            case .ping: "ping"
            case .unknown: unknownType
            }
        let reorders = random.chance(rates.memberOrders)
        let zone = random.chance(rates.timeForms) ? "+00:00" : "Z"
        style = WritingStyle(random: random, reorders: reorders, zone: zone)
    }

    mutating func body() -> [UInt8] {
        var sections: [Section] = [.id, .type, .happenedAt, .webhook]
        switch event.subject {
        case .ping: break
        case .unknown: sections += [.project, .organization, .pipeline]
        case .workflow: sections += [.project, .organization, .workflow, .pipeline]
        case .job where event.omitsWorkflow: sections += [.job, .pipeline, .project, .organization]
        case .job: sections += [.project, .organization, .pipeline, .workflow, .job]
        }
        let order = style.order(sections.count)
        var json = JSONWriter()
        json.object { json in
            for index in order { write(sections[index], to: &json) }
        }
        return writesPretty ? JSONIndentation.indented(json.bytes) : json.bytes
    }

    private enum Section {
        case id, type, happenedAt, webhook, project, organization, pipeline, workflow, job
    }

    private mutating func write(_ section: Section, to json: inout JSONWriter) {
        switch section {
        case .id: json.member("id", event.id)
        case .type: json.member("type", type)
        case .happenedAt:
            json.member("happened_at", event.happenedAt.text(event.happenedAtPrecision, zone: style.zone))
        case .webhook:
            let webhook = project.webhooks[event.webhook]
            style.object("webhook", 2, to: &json) { index, json in
                switch index {
                case 0: json.member("id", webhook.id)
                default: json.member("name", webhook.name)
                }
            }
        case .project:
            style.object("project", 3, to: &json) { [project] index, json in
                switch index {
                case 0: json.member("id", project.id)
                case 1: json.member("name", project.name)
                default: json.member("slug", project.slug)
                }
            }
        case .organization:
            style.object("organization", 2, to: &json) { [project] index, json in
                switch index {
                case 0: json.member("id", project.organizationID)
                default: json.member("name", project.organizationName)
                }
            }
        case .pipeline: writePipeline(to: &json)
        case .workflow: writeWorkflow(to: &json)
        case .job: writeJob(to: &json)
        }
    }

    private mutating func writePipeline(to json: inout JSONWriter) {
        let commitWriter = CommitWriter(pipeline: pipeline)
        var inner = style
        style.object("pipeline", 5, to: &json) { [pipeline, project] index, json in
            switch index {
            case 0: json.member("id", pipeline.id)
            case 1: json.member("number", pipeline.number)
            case 2: json.member("created_at", inner.time(pipeline.createdAt))
            case 3: json.member("trigger", object: { $0.member("type", commitWriter.triggerType) })
            default:
                if project.kind.isAppStyle {
                    commitWriter.writeTriggerParameters(to: &json, &inner)
                } else {
                    commitWriter.writeVCS(to: &json, &inner)
                }
            }
        }
    }

    private mutating func writeWorkflow(to json: inout JSONWriter) {
        let workflow = event.workflow
        let inner = style
        let stoppedAt: Timestamp?
        let status: String?
        switch event.subject {
        case .job(let index):
            // The event of the last job tells when the workflow stopped.
            let isLast = workflow.stops.count == 1 && workflow.jobs[index].stoppedAt == workflow.stoppedAt
            stoppedAt = isLast && !event.omitsStop ? workflow.stoppedAt : nil
            status = nil
        default:
            stoppedAt = event.stoppedAt
            status = workflow.status
        }
        style.object("workflow", 6, to: &json) { [pipeline, project] index, json in
            switch index {
            case 0: json.member("id", workflow.id)
            case 1: json.member("name", workflow.name)
            case 2: json.member("created_at", inner.time(workflow.createdAt))
            case 3: if let stoppedAt { json.member("stopped_at", inner.time(stoppedAt)) }
            case 4:
                json.member(
                    "url",
                    "https://app.circleci.com/pipelines/\(project.slug)/\(pipeline.number)/workflows/\(workflow.id)"
                )
            default: if let status { json.member("status", status) }
            }
        }
    }

    private mutating func writeJob(to json: inout JSONWriter) {
        guard case .job(let index) = event.subject else { return }
        let job = event.workflow.jobs[index]
        let stoppedAt = event.stoppedAt
        let inner = style
        style.object("job", 6, to: &json) { index, json in
            switch index {
            case 0: json.member("id", job.id)
            case 1: json.member("name", job.name)
            case 2: json.member("started_at", inner.time(job.startedAt))
            case 3: if let stoppedAt { json.member("stopped_at", inner.time(stoppedAt)) }
            case 4: json.member("status", job.status)
            default: json.member("number", job.number)
            }
        }
    }
}

/// How a body is written: in which order its members come, and in which zone its times are told.
struct WritingStyle {
    private var random: SeededGenerator
    private let reorders: Bool
    let zone: String

    init(random: SeededGenerator, reorders: Bool, zone: String) {
        self.random = random
        self.reorders = reorders
        self.zone = zone
    }

    mutating func order(_ count: Int) -> [Int] {
        reorders ? random.permutation(count) : Array(0..<count)
    }

    /// A member whose value is an object of up to `count` members, each written by `body`.
    mutating func object(
        _ name: String,
        _ count: Int,
        to json: inout JSONWriter,
        _ body: (Int, inout JSONWriter) -> Void
    ) {
        let order = order(count)
        json.name(name)
        json.object { json in
            for index in order { body(index, &json) }
        }
    }

    func time(_ instant: Timestamp) -> String {
        instant.text(.least(for: instant), zone: zone)
    }
}
