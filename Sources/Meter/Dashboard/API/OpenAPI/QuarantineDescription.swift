import HTTPTypes

/// `/api/v1/quarantine` and what is below it.
enum QuarantineDescription {
    static let operations = [
        OpenAPIOperation(
            path: "/api/v1/quarantine",
            id: "quarantine",
            tag: "log",
            summary: "Deliveries that are kept aside, the oldest first, without their bodies",
            text: """
                `reason` is `signature_mismatch` where the signature fits no secret of the connection, else why a signed \
                body is no JSON object.
                """,
            answers: [.json("The deliveries.", .members([("deliveries", .array(of: delivery))]))]
        ),
        OpenAPIOperation(
            method: .post,
            path: "/api/v1/quarantine/retry",
            id: "quarantine-retry",
            tag: "log",
            summary: "Admit refused deliveries whose signature fits a secret now, with the time of their receipt",
            role: .admin,
            body: (
                .given([
                    ("connection", OpenAPIValue.anyOf([.connectionID, .null])),
                    ("dry_run", OpenAPIValue.boolean.orNull),
                ]), false
            ),
            answers: [
                .json(
                    "What was done, or would be.",
                    .members([
                        ("is_dry_run", .boolean), ("admitted", .count), ("duplicates", .count), ("mismatches", .count),
                        ("without_connection", .count), ("unreadable", .count),
                    ])
                )
            ],
            problems: [404, 422]
        ),
    ]

    private static let delivery = OpenAPIValue.members([
        ("id", .string), ("received_at", .time), ("connection", .connectionID), ("reason", .string),
        ("type", OpenAPIValue.string.orNull), ("bytes", .count),
    ])
}
