import CircleCI
import EventLog
import Usage
import Wire

/// Whether an event's id decides anything. Of two events about one run the later one counts, and their ids only where they
/// are from one source and agree in `stopped_at` and `happened_at`. So the id of an event that is the only one there may
/// be any text.
struct VersionEnds {
    /// The id of the events at an end; nil where there are several.
    private var ids: [UInt128: UInt128?] = [:]
    private var wanted: Set<UInt128> = []

    var isEmpty: Bool { wanted.isEmpty }

    /// Takes note that an `api` record's id may be needed.
    mutating func want(_ record: LogRecord, _ body: UnsafeRawBufferPointer) {
        if let end = VersionEnds.end(record, body) { wanted.insert(end.key) }
    }

    /// Takes note of an `api` record on the log.
    mutating func see(_ record: LogRecord, _ body: UnsafeRawBufferPointer) {
        guard let end = VersionEnds.end(record, body), wanted.contains(end.key) else { return }
        let id = end.id.identity(in: body)
        if let known = ids[end.key] {
            if known != id { ids[end.key] = .some(nil) }
        } else {
            ids[end.key] = id
        }
    }

    /// Where the record's id stands in its body; nil where it decides something.
    func freeID(_ record: LogRecord, _ body: UnsafeRawBufferPointer) -> Range<Int>? {
        guard let end = VersionEnds.end(record, body), let known = ids[end.key], known != nil, !end.id.isEscaped else {
            return nil
        }
        return Int(end.id.start)..<Int(end.id.start + end.id.count)
    }

    private static func end(_ record: LogRecord, _ body: UnsafeRawBufferPointer) -> (key: UInt128, id: JSONText)? {
        guard let event = try? EventScanner.event(in: body), let id = event.id else { return nil }
        let run: JSONText?
        let stoppedAt: Timestamp?
        switch event.kind {
        case .jobCompleted: (run, stoppedAt) = (event.job.id, event.job.stoppedAt)
        case .workflowCompleted: (run, stoppedAt) = (event.workflow.id, event.workflow.stoppedAt)
        default: return nil
        }
        guard let run else { return nil }
        let parts = [
            record.connection, event.kind == .jobCompleted ? "job" : "workflow", run.string(in: body),
            stoppedAt?.description ?? "", event.happenedAt?.description ?? "",
        ]
        return (Identity.of(parts.joined(separator: "\u{0}")), id)
    }
}
