import CircleCI
import EventLog
import Usage
import Wire

/// Which records of the log are asked for, the newest first.
struct LogQuery: Sendable {
    static let maximumLimit = 1000

    var connection: String?
    var source: RecordSource?
    /// An event's type, as `job-completed`.
    var type: String?
    /// A slug, in the long form, or an id.
    var project: String?
    /// The id of a job or a workflow.
    var run: String?
    /// The webhook's word.
    var status: String?
    /// Days of receipt, UTC, both included.
    var from: Day?
    var to: Day?
    /// Only records before it.
    var before: Int?
    /// Only records after it.
    var after = 0
    var limit = 100

    init() {}

    /// - Throws: `invalid_parameter`, which names it.
    init(_ values: [String: String]) throws(MeterError) {
        var parameters = ReportParameters(values)
        connection = try parameters.connection()
        source = try parameters.choice("source", RecordSource.self)
        type = parameters.text("type")
        project = parameters.text("project").map { ProjectSlug.longForm($0) }
        run = parameters.text("run")
        status = parameters.text("status")
        from = try parameters.day("from")
        to = try parameters.day("to")
        before = try parameters.count("before", in: 1...LogQuery.maximumSequence)
        after = try parameters.count("after", in: 0...LogQuery.maximumSequence) ?? 0
        limit = try parameters.count("limit", in: 1...LogQuery.maximumLimit) ?? 100
        try parameters.refuseOthers()
        if let from, let to, from > to { throw ReportParameters.invalid("to", "It is before 'from'") }
    }

    /// What 18 digits can write, as on the log.
    private static let maximumSequence = 999_999_999_999_999_999

    /// The record in short where it is one of those asked for, whatever its number is.
    func summary(of record: LogRecord) -> RecordSummary? {
        if let source, record.source != source { return nil }
        if let connection {
            guard record.connectionText.raw(in: record.line).elementsEqual(connection.utf8) else { return nil }
        }
        if from != nil || to != nil {
            let day = record.receivedAt.day
            guard from ?? day <= day, day <= to ?? day else { return nil }
        }
        return record.withBody { body in
            let event = try? EventScanner.event(in: body)
            guard event.map({ matches($0, in: body) }) ?? !asksOfEvents else { return nil }
            return RecordSummary(record, event, in: body)
        }
    }

    private var asksOfEvents: Bool { type != nil || project != nil || run != nil || status != nil }

    private func matches(_ event: Event, in body: UnsafeRawBufferPointer) -> Bool {
        func spells(_ text: JSONText?, _ wanted: String) -> Bool {
            text?.withCharacters(in: body) { $0.elementsEqual(wanted.utf8) } ?? false
        }
        if let type, !spells(event.type, type) { return false }
        if let status, !spells(event.runStatus, status) { return false }
        if let run, !names(event, in: body, run) { return false }
        if let project {
            let isSlug = event.project.slug.map { slug in
                spells(slug, project)
                    || ProjectSlug.longForm(slug.string(in: body)).utf8.elementsEqual(project.utf8)
            }
            guard isSlug ?? false || spells(event.project.id, project) else { return false }
        }
        return true
    }

    /// Whether the event is about the run, or confirms what was said of it.
    private func names(_ event: Event, in body: UnsafeRawBufferPointer, _ run: String) -> Bool {
        let identity = Identity.of(run)
        return event.run?.identity(in: body) == identity
            || event.confirmations.contains { $0.job.identity(in: body) == identity }
    }
}
