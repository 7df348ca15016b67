public import Wire

extension Snapshot {
    /// The version of the canonical form.
    public static let format = 1

    /// Those that the canonical form holds; what the others hold leads to these.
    public static let canonicalTables: [UsageTable] = [
        .jobs, .workflows, .branches, .people, .features, .coverage, .settlements,
    ]

    /// The canonical form: one JSON object on one line, members in a fixed order, rows sorted, integers only, no clock.
    /// Two logs with the same set of events give the same bytes.
    ///
    /// - Parameter includesPosition: whether `log` and `connections` are there; without them, logs that hold the same
    ///   deliveries in another order compare equal.
    public func canonicalBytes(includesPosition: Bool = true) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.member("format", Snapshot.format)
            json.member("reducer", reducerVersion)
            if includesPosition {
                json.member(
                    "log",
                    object: { json in
                        json.member("sequence", position?.sequence ?? 0)
                        json.member("crc", Hex.string(position?.crc ?? 0))
                    }
                )
                json.member(
                    "connections",
                    array: { json in
                        for connection in connections { write(connection, to: &json) }
                    }
                )
            }
            for table in Snapshot.canonicalTables {
                json.member(
                    table.rawValue,
                    array: { json in
                        for row in self[table] { write(row, of: table, to: &json) }
                    }
                )
            }
        }
        return json.bytes
    }

    private func write(_ connection: Connection, to json: inout JSONWriter) {
        json.object { json in
            json.member("connection", connection.state.connection)
            json.member("state", connection.state.state)
            json.member("reason", connection.state.reason)
            json.member("since", connection.state.since.description)
            json.member("reconciled_through", connection.reconciledThrough?.description)
            json.member("settled_through", connection.settledThrough?.description)
            json.member("projects", connection.projectCount)
        }
    }

    /// Writes one row as a member of its table's array.
    public func write(_ row: Row, of table: UsageTable, to json: inout JSONWriter) {
        let tally = row.tally
        json.object { json in
            json.member("connection", row.key.connection)
            json.member(table.dayColumn, table.isMonthly ? row.key.day.month : row.key.day.description)
            for (name, text) in zip(table.keyColumns, row.key.texts) { json.member(name, text) }
            switch table {
            case .jobs:
                writeRuns(tally, of: table, statuses: 0...JobColumn.other, duration: JobColumn.duration, to: &json)
                json.member(
                    "sources",
                    object: { json in
                        json.member("webhook", tally[JobColumn.webhook])
                        json.member("api", tally[JobColumn.api])
                        json.member("export", tally[JobColumn.export])
                    }
                )
                json.member(
                    "credits",
                    object: { json in
                        json.member("provisional", tally[JobColumn.creditsProvisional])
                        json.member("settled", tally[JobColumn.creditsSettled])
                    }
                )
            case .workflows:
                writeRuns(
                    tally,
                    of: table,
                    statuses: 0...WorkflowColumn.other,
                    duration: WorkflowColumn.duration,
                    to: &json
                )
            case .people:
                // Only the usage export knows; until it has spoken, nobody does.
                json.name("registered")
                if tally[PersonColumn.unregisteredRuns] > 0 {
                    json.bool(false)
                } else if tally[PersonColumn.registeredRuns] > 0 {
                    json.bool(true)
                } else {
                    json.null()
                }
                json.member("jobs", tally[PersonColumn.jobs])
                json.member("workflows", tally[PersonColumn.workflows])
            case .features:
                json.member("runs", tally[FeatureColumn.runs])
                json.member("duration_ms", tally[FeatureColumn.duration])
                json.member(
                    "credits",
                    tally[FeatureColumn.creditsSettled] + tally[FeatureColumn.creditsProvisional]
                )
                // The part of them that no usage export has confirmed.
                json.member("credits_provisional", tally[FeatureColumn.creditsProvisional])
            case .coverage:
                for (column, name) in table.valueColumns.enumerated() { json.member(name, tally[column]) }
                json.name("closed")
                json.bool(tally[CoverageColumn.closed] != 0)
            default:
                for (column, name) in table.valueColumns.enumerated() { json.member(name, tally[column]) }
                if table.hasDurations {
                    json.member("p50", tally.durations.percentile(50))
                    json.member("maximum", tally.durations.percentile(100))
                }
            }
        }
    }

    private func writeRuns(
        _ tally: Tally,
        of table: UsageTable,
        statuses: ClosedRange<Int>,
        duration: Int,
        to json: inout JSONWriter
    ) {
        json.member(
            "runs",
            object: { json in
                for column in statuses { json.member(table.valueColumns[column], tally[column]) }
            }
        )
        json.member("duration_ms", tally[duration])
        json.member("p50_ms", tally.durations.percentile(50))
        json.member("p95_ms", tally.durations.percentile(95))
    }
}

extension Snapshot {
    /// One row as it stands in the canonical form.
    public func canonicalText(of row: Row, _ table: UsageTable) -> String {
        var json = JSONWriter()
        write(row, of: table, to: &json)
        return String(decoding: json.bytes, as: UTF8.self)
    }
}
