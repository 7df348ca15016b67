import CircleCI
import EventLog
import Usage
import Wire

/// An event that the API told and no webhook did, in the webhook's shape, so that the reducer knows one shape.
///
/// Its id is a function of what it says: found again, it is the same event.
struct APIEvent: Hashable, Sendable {
    var kind: KnownRun.Kind
    /// The job's id or the workflow's.
    var runID: String
    var eventID: String
    var status: String
    var startedAt: Timestamp?
    var stoppedAt: Timestamp?
    /// Of a job.
    var jobNumber: Int?
    var pipelineNumber: Int
    var workflowID: String
    var json: [UInt8]

    /// A workflow's end.
    static func of(
        _ workflow: APIWorkflow,
        pipeline: APIPipeline,
        project: ReconcileProject
    ) -> APIEvent {
        let eventID = eventID(.workflow, workflow.id, workflow.status, workflow.stoppedAt)
        let json = json(.workflow, eventID, workflow.stoppedAt) { json in
            write(workflow, pipeline, project, status: workflow.status, to: &json)
        }
        return APIEvent(
            kind: .workflow,
            runID: workflow.id,
            eventID: eventID,
            status: workflow.status,
            startedAt: workflow.createdAt,
            stoppedAt: workflow.stoppedAt,
            jobNumber: nil,
            pipelineNumber: pipeline.number,
            workflowID: workflow.id,
            json: json
        )
    }

    /// A job's end.
    static func of(
        _ job: APIJob,
        workflow: APIWorkflow,
        pipeline: APIPipeline,
        project: ReconcileProject
    ) -> APIEvent {
        let eventID = eventID(.job, job.id, job.status, job.stoppedAt)
        let json = json(.job, eventID, job.stoppedAt) { json in
            json.member(
                "job",
                object: { json in
                    json.member("id", job.id)
                    json.member("name", job.name)
                    json.member("number", job.number)
                    json.member("status", job.status)
                    json.member("started_at", job.startedAt?.description)
                    json.member("stopped_at", job.stoppedAt?.description)
                }
            )
            write(workflow, pipeline, project, status: nil, to: &json)
        }
        return APIEvent(
            kind: .job,
            runID: job.id,
            eventID: eventID,
            status: job.status,
            startedAt: job.startedAt,
            stoppedAt: job.stoppedAt,
            jobNumber: job.number,
            pipelineNumber: pipeline.number,
            workflowID: workflow.id,
            json: json
        )
    }

    private static func type(_ kind: KnownRun.Kind) -> String {
        kind == .job ? "job-completed" : "workflow-completed"
    }

    private static func eventID(_ kind: KnownRun.Kind, _ id: String, _ status: String, _ end: Timestamp?) -> String {
        #if SABOTAGE
            if Sabotage.plants("event-id-by-chance") { return Identity.uuidString(.random(in: 0...(.max))) }
        #endif
        return Identity.uuidString(Identity.of("api \(type(kind)) \(id) \(status) \(end?.description ?? "")"))
    }

    private static func json(
        _ kind: KnownRun.Kind,
        _ eventID: String,
        _ stoppedAt: Timestamp?,
        _ members: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("id", eventID)
            json.member("type", type(kind))
            json.member("happened_at", stoppedAt?.description)
            members(&json)
        }
        return json.bytes
    }

    private static func write(
        _ workflow: APIWorkflow,
        _ pipeline: APIPipeline,
        _ project: ReconcileProject,
        status: String?,
        to json: inout JSONWriter
    ) {
        json.member(
            "workflow",
            object: { json in
                json.member("id", workflow.id)
                json.member("name", workflow.name)
                if let status { json.member("status", status) }
                json.member("created_at", workflow.createdAt.description)
                json.member("stopped_at", workflow.stoppedAt?.description)
            }
        )
        json.member(
            "pipeline",
            object: { json in
                json.member("id", pipeline.id)
                json.member("number", pipeline.number)
                json.member("created_at", pipeline.createdAt.description)
                json.member(
                    "trigger",
                    object: { json in
                        json.member("type", pipeline.triggerType)
                        json.member("actor", object: { $0.member("login", pipeline.actorLogin) })
                    }
                )
                if let vcs = pipeline.vcs {
                    json.name("vcs")
                    json.raw(vcs)
                }
                if let parameters = pipeline.triggerParameters {
                    json.name("trigger_parameters")
                    json.raw(parameters)
                }
            }
        )
        json.member(
            "project",
            object: { json in
                json.member("id", project.id)
                json.member("name", project.name)
                json.member("slug", project.slug)
            }
        )
        if let id = project.organizationID { json.member("organization", object: { $0.member("id", id) }) }
    }

    /// As the log knows the run once the event is on it.
    func run(of project: ReconcileProject) -> KnownRun {
        KnownRun(
            kind: kind,
            id: Identity.of(runID),
            project: project.id,
            pipelineNumber: pipelineNumber,
            number: jobNumber,
            workflowID: kind == .job ? Identity.of(workflowID) : nil,
            startedAt: startedAt,
            stoppedAt: stoppedAt,
            isToldByWebhook: false,
            isCanceled: status == "canceled"
        )
    }

    func entry(connection: String, receivedAt: Timestamp) -> LogEntry {
        LogEntry(
            receivedAt: receivedAt,
            source: .api,
            connection: connection,
            body: json,
            deduplicationKey: Identity.combine(Identity.of(connection), Identity.of(eventID))
        )
    }
}
