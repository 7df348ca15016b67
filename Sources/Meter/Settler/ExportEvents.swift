import EventLog
import Usage
import Wire

/// What the service itself says about usage exports on the log.
enum ExportEvents {
    /// A confirmation names at most so many jobs, so that its record stays small.
    static let maximumConfirmations = 1000

    /// That rows of an earlier export are in this one, too. All of them are of one partition.
    static func confirmed(
        _ items: [(jobID: String, contentID: UInt128)],
        pipelineDay: Day,
        exportedAt: Timestamp,
        connection: String,
        at now: Timestamp
    ) -> LogEntry {
        let identity = items.reduce(Identity.of("\(connection) \(exportedAt.microseconds)")) {
            Identity.combine($0, Identity.combine(Identity.of($1.jobID), $1.contentID))
        }
        var json = JSONWriter()
        json.object { json in
            json.member("type", "usage-confirmed")
            json.member("id", Identity.uuidString(identity))
            json.member("happened_at", exportedAt.description)
            json.member("pipeline", object: { $0.member("created_at", pipelineDay.start.description) })
            json.member(
                "confirmed",
                object: { json in
                    for item in items { json.member(item.jobID, Hex.string(item.contentID)) }
                }
            )
            json.member("exported_at", exportedAt.description)
        }
        return LogEntry(receivedAt: now, source: .export, connection: connection, body: json.bytes, isKnownJSON: true)
    }

    /// That an export holds every run of some days.
    static func settled(
        _ days: ClosedRange<Day>,
        rows: Int,
        exportedAt: Timestamp,
        connection: String,
        at now: Timestamp
    ) -> LogEntry {
        let identity = Identity.of("usage-settled \(connection) \(days) \(exportedAt.microseconds) \(rows)")
        var json = JSONWriter()
        json.object { json in
            json.member("type", "usage-settled")
            json.member("id", Identity.uuidString(identity))
            json.member("happened_at", now.description)
            json.member("settled_days", object: { days.write(to: &$0) })
            json.member("rows", rows)
            json.member("exported_at", exportedAt.description)
        }
        return LogEntry(receivedAt: now, source: .meter, connection: connection, body: json.bytes, isKnownJSON: true)
    }
}
