import HTTPTypes

/// `/api/v1/connections`, what is below it, and `/api/v1/replay`.
enum ConnectionsDescription {
    static let schemas = ConnectionSchemas.all

    static let operations =
        [
            OpenAPIOperation(
                path: root,
                id: "connections",
                tag: tag,
                summary: "All connections, without their secrets",
                answers: [
                    .json(
                        "The connections.",
                        .members([("connections", .array(of: .reference("Connection")))])
                    )
                ]
            ),
            OpenAPIOperation(
                method: .post,
                path: root,
                id: "connections-add",
                tag: tag,
                summary: "Add a connection",
                text: """
                    Without an `api_key` only webhooks are taken. With one, CircleCI is asked: `webhook_secret` may be \
                    left out, and a hook is made on each project unless `create_hooks` is false.
                    """,
                role: .admin,
                body: (newConnection, true),
                answers: [
                    .json(
                        "It is connected.",
                        .members(
                            [("login", OpenAPIValue.string.orNull), ("organization", .string)]
                                + ConnectionSchemas.hooksReport
                        ),
                        status: 201
                    )
                ],
                problems: [409, 422, 502]
            ),
            OpenAPIOperation(
                path: "\(root)/{id}",
                id: "connection",
                tag: tag,
                summary: "A connection, without its secrets",
                parameters: [.connectionID],
                answers: [.json("The connection.", .reference("Connection"))],
                problems: [404]
            ),
            OpenAPIOperation(
                path: "\(root)/{id}/hooks",
                id: "connection-hooks",
                tag: tag,
                summary: "The hooks at CircleCI beside what they should be",
                parameters: [.connectionID],
                answers: [.json("The hooks.", ConnectionSchemas.drift)],
                problems: [404, 409, 422, 502]
            ),
        ] + changes

    private static let tag = "connections"
    private static let root = "/api/v1/connections"

    private static let changes = [
        change(
            "reconnect",
            "Give a connection another API key, which is proven before it counts",
            body: (newKey, true),
            .json(
                "It is reconnected.",
                .members([
                    ("connection", .connectionID), ("login", .string), ("organization", .string),
                    ("project", OpenAPIValue.string.orNull),
                ])
            )
        ),
        change(
            "invite",
            "Make a link through which somebody else connects, once",
            body: (.given([("purpose", OpenAPIValue.anyOf([purpose, .null]))]), false),
            .json(
                "The invitation; `url` is null where no public URL is set.",
                .members([
                    ("id", .string), ("connection", .connectionID), ("purpose", purpose),
                    ("url", OpenAPIValue.string.orNull), ("path", .string), ("expires_at", .time),
                ])
            )
        ),
        change(
            "rotate-secret",
            "Replace the webhook secret, on every hook",
            .json(
                "What was done; while `is_finished` is false, do it again.",
                .members(
                    [
                        ("is_resumed", .boolean), ("is_finished", .boolean),
                        ("previous_valid_until", OpenAPIValue.time.orNull),
                    ] + ConnectionSchemas.hooksReport
                )
            )
        ),
        change("repair-hooks", "Make the hooks right", .json("What was done.", .reference("HooksReport"))),
        change(
            "remove",
            "Remove a connection; what it counted stays",
            body: (.given([("delete_hooks", OpenAPIValue.boolean.orNull)]), false),
            .json("What was done.", .reference("HooksReport"))
        ),
        change(
            "reconcile",
            "Ask CircleCI for what the webhooks missed",
            body: (.given([("since", sinces), ("dry_run", OpenAPIValue.boolean.orNull)]), false),
            .lines(
                """
                {"planned","project","id","status","stopped_at"} for each event of a dry run, ReconcileProgress now and \
                then, ReconcileReport at the end.
                """
            )
        ),
        change(
            "settle",
            "Settle usage by CircleCI's usage export",
            body: (settleOrder, false),
            .lines("SettleProgress now and then, ExportReport at the end; of a dry run what would be asked for.")
        ),
        OpenAPIOperation(
            method: .post,
            path: "/api/v1/replay",
            id: "replay",
            tag: "snapshot",
            summary: "Make the snapshot anew from the log; the old one serves meanwhile",
            role: .admin,
            answers: [
                .lines(#"{"sequence","bytes","total_bytes"} now and then, {"status":"done","sequence"} at the end."#)
            ]
        ),
    ]

    private static func change(
        _ name: String,
        _ summary: String,
        body: (schema: OpenAPIValue, isRequired: Bool)? = nil,
        _ answer: OpenAPIOperation.Answer
    ) -> OpenAPIOperation {
        OpenAPIOperation(
            method: .post,
            path: "\(root)/{id}/\(name)",
            id: "connection-\(name)",
            tag: tag,
            summary: summary,
            role: .admin,
            parameters: [.connectionID],
            body: body,
            answers: [answer],
            problems: [404, 409, 422, 502]
        )
    }

    private static let purpose = OpenAPIValue.choice(Invitation.Purpose.allCases.map(\.rawValue))

    private static let newKey = OpenAPIValue.given(
        [("api_key", .base64), ("key_expires", OpenAPIValue.day.orNull)],
        required: ["api_key"]
    )

    private static let sinces = OpenAPIValue.anyOf([.time, .day, .null])

    private static let newConnection = OpenAPIValue.given(
        [
            ("id", .connectionID), ("organization", OpenAPIValue.string.with(["minLength": 1])),
            ("webhook_secret", OpenAPIValue.base64.orNull),
            ("projects", OpenAPIValue.anyOf([.array(of: .string), .null])), ("api_key", OpenAPIValue.base64.orNull),
            ("key_expires", OpenAPIValue.day.orNull), ("create_hooks", OpenAPIValue.boolean.orNull),
        ],
        required: ["id", "organization"]
    )

    private static let settleOrder = OpenAPIValue.given([
        (
            "files",
            OpenAPIValue.anyOf([
                .array(
                    of: .given(
                        [("name", .string), ("file", .string), ("exported_at", .time)],
                        required: ["name", "file", "exported_at"]
                    )
                ), .null,
            ])
        ),
        ("from", OpenAPIValue.day.orNull), ("to", OpenAPIValue.day.orNull), ("dry_run", OpenAPIValue.boolean.orNull),
    ])
}
