import EventLog
import Usage
import Wire

extension LogAPI {
    static func json(_ found: LogSearch.Found) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member(
                "records",
                array: { json in
                    for record in found.records { record.write(to: &json) }
                }
            )
            json.member("next", found.next)
            json.member("searched_to", found.searchedTo)
            json.member(
                "damages",
                array: { json in
                    for damage in found.damages {
                        json.object { json in
                            json.member("kind", damage.kind.rawValue)
                            json.member("segment", damage.segment)
                            json.member("offset", damage.offset)
                            json.member("bytes", damage.byteCount)
                            json.member("first_sequence", damage.sequences?.lowerBound)
                            json.member("last_sequence", damage.sequences?.upperBound)
                        }
                    }
                }
            )
            found.end.write(to: &json)
        }
        return json.bytes
    }

    static func table(_ records: [RecordSummary]) -> ReportTable {
        var table = ReportTable(columns: [
            ReportTable.Column("sequence", .count, "Sequence"), ReportTable.Column("batch", .count, "Batch"),
            ReportTable.Column("received_at", .text, "Received"), ReportTable.Column("source", .text, "Source"),
            ReportTable.Column("connection", .text, "Connection"), ReportTable.Column("type", .text, "Event"),
            ReportTable.Column("event_id", .text, "Event id"), ReportTable.Column("project", .text, "Project"),
            ReportTable.Column("project_name", .text, "Project name"),
            ReportTable.Column("workflow", .text, "Workflow"), ReportTable.Column("job", .text, "Job"),
            ReportTable.Column("branch", .text, "Branch"), ReportTable.Column("run", .text, "Run"),
            ReportTable.Column("status", .text, "Status"),
            ReportTable.Column("duration_ms", .milliseconds, "Duration"),
        ])
        for record in records {
            table.append([
                .integer(record.sequence), .integer(record.batch), .text(record.receivedAt.description),
                .text(record.source.rawValue), .text(record.connection), .init(record.type), .init(record.eventID),
                .init(record.project), .init(record.projectName), .init(record.workflow), .init(record.job),
                .init(record.branch), .init(record.run), .init(record.status), .init(record.durationMilliseconds),
            ])
        }
        return table
    }
}

extension RecordSummary {
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("sequence", sequence)
            json.member("batch", batch)
            json.member("received_at", receivedAt.description)
            json.member("source", source.rawValue)
            json.member("connection", connection)
            json.member("type", type)
            json.member("event_id", eventID)
            json.member("project", project)
            json.member("project_name", projectName)
            json.member("workflow", workflow)
            json.member("job", job)
            json.member("branch", branch)
            json.member("run", run)
            json.member("status", status)
            json.member("duration_ms", durationMilliseconds)
        }
    }
}

extension LogPosition {
    /// As the member `log`.
    fileprivate func write(to json: inout JSONWriter) {
        json.member(
            "log",
            object: { json in
                json.member("sequence", sequence)
                json.member("crc", Hex.string(crc))
            }
        )
    }
}

extension RecordStory {
    /// - Parameter hidesEvent: Leaves out the event, and says so.
    func json(hidesEvent: Bool) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.name("record")
            if hidesEvent { writeRecordWithoutEvent(to: &json) } else { json.raw(line) }
            json.name("summary")
            summary.write(to: &json)
            json.member(
                "signature",
                object: { json in
                    json.member("state", signature.rawValue)
                    json.member("message", signature.message)
                }
            )
            json.name("run")
            if isAboutRun { writeRun(to: &json) } else { json.null() }
            json.member(
                "changes",
                array: { json in
                    for change in effect.changes { change.write(to: &json) }
                }
            )
            json.member("changes_complete", effect.isComplete)
            end.write(to: &json)
        }
        return json.bytes
    }

    private func writeRecordWithoutEvent(to json: inout JSONWriter) {
        json.object { json in
            json.member("sequence", summary.sequence)
            json.member("batch", summary.batch)
            json.member("received_at", summary.receivedAt.description)
            json.member("source", summary.source.rawValue)
            json.member("connection", summary.connection)
            if let signatureHeader { json.member("signature", signatureHeader) }
            json.name("event")
            json.null()
            json.member("event_hidden", true)
            json.member("crc", Hex.string(crc))
        }
    }

    private func writeRun(to json: inout JSONWriter) {
        json.object { json in
            json.member("id", summary.run)
            json.member("kind", summary.kind == .workflowCompleted ? "workflow" : "job")
            json.member(
                "records",
                array: { json in
                    for record in runRecords { record.write(to: &json) }
                }
            )
            json.member("records_complete", isRunComplete)
        }
    }
}

extension UsageChanges.ShownRow {
    /// The values that change, by their columns.
    var values: [(column: String, change: Int)] {
        table.valueColumns.enumerated().compactMap { column, name in
            change[column] == 0 ? nil : (name, change[column])
        }
    }

    fileprivate func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("table", table.rawValue)
            json.member("connection", key.connection)
            json.member("day", table.isMonthly ? key.day.month : key.day.description)
            json.member(
                "key",
                object: { json in
                    for (name, text) in zip(table.keyColumns, key.texts) { json.member(name, text) }
                }
            )
            json.member(
                "values",
                object: { json in
                    for (name, change) in values { json.member(name, change) }
                }
            )
        }
    }
}
