import CircleCI
import EventLog
import Usage
import Wire

/// What job details said of the machine that a job asks for, on the log.
enum DescriptionEvent {
    /// - Parameters:
    ///   - project: CircleCI's project id.
    ///   - details: of the run that was seen.
    /// - Returns: nil where the details name no resource class.
    static func entry(
        _ details: APIJobDetails,
        of sighting: JobSighting,
        project: ReconcileProject,
        connection: String,
        at now: Timestamp
    ) -> LogEntry? {
        guard let resourceClass = details.resourceClass, !resourceClass.isEmpty else { return nil }
        var content = JSONWriter()
        content.object { json in
            json.member("happened_at", sighting.startedAt.description)
            json.member(
                "project",
                object: { json in
                    json.member("id", project.id)
                    json.member("slug", project.slug)
                }
            )
            json.member("workflow", object: { $0.member("name", sighting.workflow) })
            json.member(
                "job",
                object: { json in
                    json.member("name", sighting.job)
                    json.member("number", sighting.number)
                }
            )
            json.member(
                "usage",
                object: { json in
                    json.member("resource_class", resourceClass)
                    if let executor = details.executor { json.member("executor", executor) }
                    if let parallelism = details.parallelism { json.member("parallelism", parallelism) }
                }
            )
        }
        // A function of what it says: found again, it is the same event.
        let identity = content.bytes.withUnsafeBytes {
            Identity.combine(Identity.of("api job-described"), Identity.of($0))
        }
        var json = JSONWriter()
        json.object { json in
            json.member("id", Identity.uuidString(identity))
            json.member("type", "job-described")
        }
        let body = json.bytes.dropLast() + [UInt8(ascii: ",")] + content.bytes.dropFirst()
        return LogEntry(
            receivedAt: now,
            source: .api,
            connection: connection,
            body: Array(body),
            deduplicationKey: Identity.combine(Identity.of(connection), identity)
        )
    }
}
