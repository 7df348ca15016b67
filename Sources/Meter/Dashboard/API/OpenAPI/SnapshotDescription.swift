import Usage

/// `GET /api/v1/snapshot`: the canonical form, from the tables that it holds.
enum SnapshotDescription {
    static let operation = OpenAPIOperation(
        path: "/api/v1/snapshot",
        id: "snapshot",
        tag: "snapshot",
        summary: "All counters at a log position, or a part of them",
        text: "Credits are thousandths of a credit. `log` names the position, and so does the ETag.",
        parameters: [.connection, .from, .to],
        answers: [.json("The counters.", .reference("Snapshot"))],
        hasTag: true
    )

    static let schemas: [(String, OpenAPIValue)] = [
        (
            "Snapshot",
            .members(
                [
                    ("format", ["const": .integer(Snapshot.format)]), ("reducer", .count),
                    ("log", .reference("LogPosition")), ("connections", .array(of: connection)),
                ] + Snapshot.canonicalTables.map { ($0.rawValue, .array(of: row(of: $0))) }
            )
        )
    ]

    private static let connection = OpenAPIValue.members([
        ("connection", .connectionID), ("state", .choice(ConnectionCondition.State.allCases.map(\.rawValue))),
        ("reason", .string), ("since", .time), ("reconciled_through", .time.orNull), ("settled_through", .day.orNull),
        ("projects", .count),
    ])

    private static func row(of table: UsageTable) -> OpenAPIValue {
        var members: [(String, OpenAPIValue)] = [
            ("connection", .string), (table.dayColumn, table.isMonthly ? .month : .day),
        ]
        members += table.keyColumns.map { ($0, .string) }
        let values = table.valueColumns
        switch table {
        case .jobs, .workflows:
            let statuses = values.prefix { $0 != "duration_ms" }
            members.append(("runs", counts(Array(statuses))))
            members += ["duration_ms", "p50_ms", "p95_ms"].map { ($0, .count) }
            guard table == .jobs else { break }
            members.append(("sources", counts(["webhook", "api", "export"])))
            members.append(("credits", .members([("provisional", .number), ("settled", .number)])))
        case .people:
            members.append(("registered", .boolean.orNull))
            members += ["jobs", "workflows"].map { ($0, .count) }
        case .features:
            members += ["runs", "duration_ms"].map { ($0, .count) }
            members += ["credits", "credits_provisional"].map { ($0, .number) }
        case .coverage: members += values.map { ($0, .count) } + [("closed", .boolean)]
        default: members += values.map { ($0, $0.hasPrefix("credits") ? .number : .count) }
        }
        return .members(members)
    }

    private static func counts(_ names: [String]) -> OpenAPIValue { .members(names.map { ($0, .count) }) }
}
