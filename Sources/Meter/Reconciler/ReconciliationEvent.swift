import EventLog
import Usage
import Wire

/// How far a project is, as the service says it on the log: the place from which a later pass goes on.
enum ReconciliationEvent {
    static func entry(
        _ reconciliation: Reconciliation,
        project: ReconcileProject,
        connection: String,
        at now: Timestamp
    ) -> LogEntry {
        var content = JSONWriter()
        content.object { write(reconciliation, project, to: &$0) }
        let identity = content.bytes.withUnsafeBytes { bytes in
            Identity.combine(Identity.of("\(connection) \(now.microseconds)"), Identity.of(bytes))
        }
        var json = JSONWriter()
        json.object { json in
            json.member("id", Identity.uuidString(identity))
            json.member("type", "project-reconciled")
            json.member("happened_at", now.description)
            write(reconciliation, project, to: &json)
        }
        return LogEntry(receivedAt: now, source: .meter, connection: connection, body: json.bytes)
    }

    private static func write(
        _ reconciliation: Reconciliation,
        _ project: ReconcileProject,
        to json: inout JSONWriter
    ) {
        json.member(
            "project",
            object: { json in
                json.member("id", project.id)
                json.member("slug", project.slug)
            }
        )
        json.member("through", reconciliation.through.description)
        json.member(
            "open",
            array: { json in
                for pipeline in reconciliation.open { json.object { write(pipeline, to: &$0) } }
            }
        )
        json.member(
            "missing",
            array: { json in
                for item in reconciliation.missing {
                    json.object { json in
                        json.member("kind", item.kind)
                        json.member("id", item.id)
                        json.member("day", item.day.description)
                        json.member("reason", item.reason)
                        json.member("pipeline", object: { write(item.pipeline, to: &$0) })
                    }
                }
            }
        )
        if !reconciliation.refilled.isEmpty {
            json.member(
                "refilled",
                array: { json in
                    for place in reconciliation.refilled { json.string(place) }
                }
            )
        }
        if !reconciliation.explained.isEmpty {
            json.member(
                "explained",
                array: { json in
                    for number in reconciliation.explained { json.integer(number) }
                }
            )
        }
    }

    private static func write(_ pipeline: Reconciliation.OpenPipeline, to json: inout JSONWriter) {
        json.member("id", pipeline.id)
        json.member("number", pipeline.number)
        json.member("created_at", pipeline.createdAt.description)
    }
}
