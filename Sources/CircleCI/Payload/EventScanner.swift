public import Usage
public import Wire

/// Reads the body of a record into an ``Event``, in place.
///
/// Nothing is required and nothing of a wrong type is an error: maps are open, members come in any order, and whole
/// objects can be missing (outbound webhooks reference). Only what is no JSON object at all is refused.
public enum EventScanner {
    /// The event of a body.
    /// - Throws: where the bytes are not one JSON object.
    public static func event(in body: UnsafeRawBufferPointer) throws(JSONError) -> Event {
        var event = Event()
        try read(body, into: &event)
        return event
    }

    /// As ``event(in:)``, in the place of an event that says nothing yet; after an error it says something or other.
    public static func read(_ body: UnsafeRawBufferPointer, into event: inout Event) throws(JSONError) {
        var scanner = try JSONScanner(body)
        var git = Event.Commit()
        var provider = Event.Commit()
        guard try scanner.kind() == .object, var walk = try scanner.enterObject() else {
            throw JSONError(code: .unexpectedByte, offset: scanner.position)
        }
        while let name = try scanner.nextMember(&walk) {
            if scanner.matches(name, "id") {
                event.id = try scanner.textOrSkip()
            } else if scanner.matches(name, "type") {
                event.type = try scanner.textOrSkip()
            } else if scanner.matches(name, "happened_at") {
                event.happenedAt = try timestamp(&scanner)
            } else if scanner.matches(name, "webhook") {
                event.webhookID = try id(&scanner)
            } else if scanner.matches(name, "project") {
                try project(&scanner, into: &event.project)
            } else if scanner.matches(name, "workflow") {
                try workflow(&scanner, into: &event.workflow)
            } else if scanner.matches(name, "job") {
                try job(&scanner, into: &event.job)
            } else if scanner.matches(name, "pipeline") {
                try pipeline(&scanner, into: &event, git: &git, provider: &provider)
            } else if scanner.matches(name, "state") {
                event.connection.state = try scanner.textOrSkip()
            } else if scanner.matches(name, "reason") {
                event.connection.reason = try scanner.textOrSkip()
            } else if scanner.matches(name, "since") {
                event.connection.since = try timestamp(&scanner)
            } else if try !ReconciliationScanner.member(name, &scanner, into: &event.reconciliation),
                try !SettlementScanner.member(name, &scanner, into: &event)
            {
                try scanner.skipValue()
            }
        }
        try scanner.finish()
        event.commit.fill(from: git)
        event.commit.fill(from: provider)
        event.kind = event.type.map { kind(of: $0, scanner) } ?? .unknown
    }

    private static func kind(of type: JSONText, _ scanner: JSONScanner) -> Event.Kind {
        if scanner.matches(type, "job-completed") { return .jobCompleted }
        if scanner.matches(type, "workflow-completed") { return .workflowCompleted }
        if scanner.matches(type, "ping") { return .ping }
        if scanner.matches(type, "connection-changed") { return .connectionChanged }
        if scanner.matches(type, "project-reconciled") { return .projectReconciled }
        if scanner.matches(type, "person-erased") { return .personErased }
        if scanner.matches(type, "job-settled") { return .jobSettled }
        if scanner.matches(type, "usage-confirmed") { return .usageConfirmed }
        if scanner.matches(type, "usage-settled") { return .usageSettled }
        if scanner.matches(type, "job-described") { return .jobDescribed }
        if scanner.matches(type, "rate-card-changed") { return .rateCardChanged }
        return .unknown
    }

    private static func timestamp(_ scanner: inout JSONScanner) throws(JSONError) -> Timestamp? {
        try scanner.textOrSkip()?.timestamp(in: scanner.bytes)
    }

    private static func id(_ scanner: inout JSONScanner) throws(JSONError) -> JSONText? {
        guard var walk = try scanner.enterObject() else { return nil }
        var id: JSONText?
        while let name = try scanner.nextMember(&walk) {
            if scanner.matches(name, "id") { id = try scanner.textOrSkip() } else { try scanner.skipValue() }
        }
        return id
    }

    private static func project(
        _ scanner: inout JSONScanner,
        into project: inout Event.Project
    ) throws(JSONError) {
        guard var walk = try scanner.enterObject() else { return }
        while let name = try scanner.nextMember(&walk) {
            if scanner.matches(name, "id") {
                project.id = try scanner.textOrSkip()
            } else if scanner.matches(name, "slug") {
                project.slug = try scanner.textOrSkip()
            } else if scanner.matches(name, "name") {
                project.name = try scanner.textOrSkip()
            } else {
                try scanner.skipValue()
            }
        }
    }

    private static func workflow(
        _ scanner: inout JSONScanner,
        into workflow: inout Event.Workflow
    ) throws(JSONError) {
        guard var walk = try scanner.enterObject() else { return }
        while let name = try scanner.nextMember(&walk) {
            if scanner.matches(name, "id") {
                workflow.id = try scanner.textOrSkip()
            } else if scanner.matches(name, "name") {
                workflow.name = try scanner.textOrSkip()
            } else if scanner.matches(name, "status") {
                workflow.status = try scanner.textOrSkip()
            } else if scanner.matches(name, "created_at") {
                workflow.createdAt = try timestamp(&scanner)
            } else if scanner.matches(name, "stopped_at") {
                workflow.stoppedAt = try timestamp(&scanner)
            } else {
                try scanner.skipValue()
            }
        }
    }

    private static func job(_ scanner: inout JSONScanner, into job: inout Event.Job) throws(JSONError) {
        guard var walk = try scanner.enterObject() else { return }
        while let name = try scanner.nextMember(&walk) {
            if scanner.matches(name, "id") {
                job.id = try scanner.textOrSkip()
            } else if scanner.matches(name, "name") {
                job.name = try scanner.textOrSkip()
            } else if scanner.matches(name, "number") {
                job.number = try scanner.integerOrSkip()
            } else if scanner.matches(name, "status") {
                job.status = try scanner.textOrSkip()
            } else if scanner.matches(name, "started_at") {
                job.startedAt = try timestamp(&scanner)
            } else if scanner.matches(name, "stopped_at") {
                job.stoppedAt = try timestamp(&scanner)
            } else {
                try scanner.skipValue()
            }
        }
    }

    private static func pipeline(
        _ scanner: inout JSONScanner,
        into event: inout Event,
        git: inout Event.Commit,
        provider: inout Event.Commit
    ) throws(JSONError) {
        guard var walk = try scanner.enterObject() else { return }
        while let name = try scanner.nextMember(&walk) {
            if scanner.matches(name, "id") {
                event.pipeline.id = try scanner.textOrSkip()
            } else if scanner.matches(name, "number") {
                event.pipeline.number = try scanner.integerOrSkip()
            } else if scanner.matches(name, "created_at") {
                event.pipeline.createdAt = try timestamp(&scanner)
            } else if scanner.matches(name, "trigger") {
                try trigger(&scanner, into: &event.pipeline)
            } else if scanner.matches(name, "vcs") {
                try CommitScanner.vcs(&scanner, into: &event.commit)
            } else if scanner.matches(name, "trigger_parameters") {
                try CommitScanner.triggerParameters(&scanner, git: &git, provider: &provider)
            } else {
                try scanner.skipValue()
            }
        }
    }

    private static func trigger(
        _ scanner: inout JSONScanner,
        into pipeline: inout Event.Pipeline
    ) throws(JSONError) {
        guard var walk = try scanner.enterObject() else { return }
        while let name = try scanner.nextMember(&walk) {
            if scanner.matches(name, "type") {
                pipeline.triggerType = try scanner.textOrSkip()
            } else if scanner.matches(name, "actor") {
                guard var actor = try scanner.enterObject() else { continue }
                while let name = try scanner.nextMember(&actor) {
                    if scanner.matches(name, "login") {
                        pipeline.triggerActor = try scanner.textOrSkip()
                    } else {
                        try scanner.skipValue()
                    }
                }
            } else {
                try scanner.skipValue()
            }
        }
    }
}
