import Wire

/// `GET /api/v1/log` and `/api/v1/log/{sequence}`.
enum LogDescription {
    static let operations = [
        OpenAPIOperation(
            path: "/api/v1/log",
            id: "log",
            tag: "log",
            summary: "The records of the log, the newest first",
            text: """
                A search reads a bounded part of the log: `searched_to` says how far it came, and `next` what to give as \
                `before` to go on; null: there is nothing older. `damages` are places that cannot be read.
                """,
            parameters: filters + [.format],
            answers: [
                .init(
                    status: 200,
                    text: "The records.",
                    content: [("application/json", .reference("LogRecords")), ("text/csv", .string)],
                    headers: [
                        (
                            "Link",
                            [
                                "description": "Where to go on, `rel=\"next\"`; absent at the log's beginning.",
                                "schema": .string,
                            ]
                        )
                    ]
                )
            ],
            hasTag: true
        ),
        OpenAPIOperation(
            path: "/api/v1/log/{sequence}",
            id: "log-record",
            tag: "log",
            summary: "A record as it stands, whether its signature is valid, and what it changed",
            parameters: [
                OpenAPIParameter(
                    name: "sequence",
                    place: .path,
                    text: "The record's number.",
                    schema: ["type": "integer", "minimum": 1],
                    example: "1"
                )
            ],
            answers: [.json("The record.", .reference("LogRecord"))],
            problems: [404]
        ),
    ]

    static let schemas: [(String, OpenAPIValue)] = [
        (
            "LogRecords",
            .members([
                ("records", .array(of: summary)), ("next", OpenAPIValue.count.orNull), ("searched_to", .count),
                ("damages", .array(of: damage)), ("log", .reference("LogPosition")),
            ])
        ),
        (
            "LogRecord",
            .members([
                ("record", ["type": "object"]), ("summary", summary), ("signature", signature),
                ("run", ["anyOf": [run, ["type": "null"]]]), ("changes", .array(of: change)),
                ("changes_complete", .boolean), ("log", .reference("LogPosition")),
            ])
        ),
    ]

    private static let sources = OpenAPIValue.choice(["webhook", "api", "export", "meter"])

    private static let summary: OpenAPIValue = {
        let texts = [
            "type", "event_id", "project", "project_name", "workflow", "job", "branch", "run", "status",
        ]
        return .members(
            [
                ("sequence", .count), ("batch", .count), ("received_at", .time), ("source", sources),
                ("connection", .string),
            ] + texts.map { ($0, OpenAPIValue.string.orNull) } + [("duration_ms", OpenAPIValue.count.orNull)]
        )
    }()

    private static let damage = OpenAPIValue.members([
        ("kind", .string), ("segment", .count), ("offset", .count), ("bytes", .count),
        ("first_sequence", OpenAPIValue.count.orNull), ("last_sequence", OpenAPIValue.count.orNull),
    ])

    /// Every record about the run that was found.
    private static let run = OpenAPIValue.members([
        ("id", .string), ("kind", .choice(["job", "workflow"])), ("records", .array(of: summary)),
        ("records_complete", .boolean),
    ])

    private static let signature = OpenAPIValue.members([
        ("state", .choice(["valid", "mismatch", "absent", "erased", "unchecked"])), ("message", .string),
    ])

    private static let change = OpenAPIValue.members([
        ("table", .string), ("connection", .string), ("day", .string), ("key", ["type": "object"]),
        ("values", ["type": "object"]),
    ])

    private static let filters: [OpenAPIParameter] =
        [.connection, query("source", "Only of this source.", sources, "webhook")]
        + ["type", "project", "run", "status"].map {
            query($0, "Only with this \($0).", OpenAPIValue.string.with(["minLength": 1]), "x")
        } + [
            .from, .to,
            query("before", "Only records with a lower sequence.", ["type": "integer", "minimum": 1], "100"),
            query("after", "Only records with a higher sequence.", .count, "1"),
            query("limit", "At most so many records; 100 where it is left out.", .integer(in: 1...1000), "100"),
        ]

    private static func query(
        _ name: String,
        _ text: String,
        _ schema: OpenAPIValue,
        _ example: String
    ) -> OpenAPIParameter {
        OpenAPIParameter(name: name, text: text, schema: schema, example: example)
    }
}
