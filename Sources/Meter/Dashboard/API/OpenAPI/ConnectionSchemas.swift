/// What is shown of connections, and what was done about them.
enum ConnectionSchemas {
    static let all: [(String, OpenAPIValue)] = [
        ("Connection", connection), ("Condition", .members(condition)), ("ProjectHook", hook),
        ("MissingRun", missing), ("ReconcileProgress", reconcileProgress), ("ReconcileReport", reconcileReport),
        ("SettleProgress", settleProgress), ("ExportReport", exportReport), ("HooksReport", .members(hooksReport)),
    ]

    private static let state = OpenAPIValue.choice(ConnectionCondition.State.allCases.map(\.rawValue))

    private static let condition: [(String, OpenAPIValue)] = [
        ("state", state), ("reason", .string), ("since", .time), ("message", .string),
    ]

    private static let hook = OpenAPIValue.members([
        ("project_id", .string), ("slug", .string), ("webhook_id", .string), ("created_at", .time),
    ])

    private static let connection: OpenAPIValue = {
        var members: [(String, OpenAPIValue)] = [
            ("id", .connectionID), ("organization", .string), ("added_at", .time), ("webhook_secrets", .count),
            ("has_api_key", .boolean), ("key_expires", OpenAPIValue.day.orNull), ("projects", .array(of: .string)),
            ("hooks", .array(of: .reference("ProjectHook"))),
        ]
        members += condition
        members += [
            ("action", OpenAPIValue.anyOf([.choice(["Connect", "Reconnect"]), .null])),
            ("warnings", .array(of: .reference("Condition"))),
            ("key_days_left", ["type": ["integer", "null"]]), ("reconciled_through", OpenAPIValue.time.orNull),
            ("last_event_at", OpenAPIValue.time.orNull), ("known_projects", .array(of: project)),
            ("missing", .array(of: .reference("MissingRun"))), ("reconciling", .reference("ReconcileProgress")),
            ("last_reconciled", .reference("ReconcileReport")), ("settled_through", OpenAPIValue.day.orNull),
            ("settling", .reference("SettleProgress")), ("last_settled", .reference("ExportReport")),
        ]
        // These are there while something goes on, or once it has been.
        return .members(members, optional: ["reconciling", "last_reconciled", "settling", "last_settled"])
    }()

    private static let project = OpenAPIValue.members([
        ("id", .string), ("slug", .string), ("name", .string), ("reconciled_through", OpenAPIValue.time.orNull),
        ("last_event_at", OpenAPIValue.time.orNull), ("open_pipelines", .count), ("missing", .count),
        ("webhook_id", OpenAPIValue.string.orNull),
    ])

    private static let missing = OpenAPIValue.members([
        ("kind", .string), ("id", .string), ("pipeline", .string), ("day", .day), ("reason", .string),
    ])

    private static let reconcileProgress = OpenAPIValue.members([
        ("connection", .connectionID), ("project", OpenAPIValue.string.orNull), ("projects_done", .count),
        ("projects", .count), ("pipelines_done", .count), ("pipelines", .count), ("added", .count),
    ])

    private static let reconcileReport = OpenAPIValue.members(
        [
            ("connection", .connectionID), ("at", .time), ("added", .count), ("described", .count),
            ("error", OpenAPIValue.string.orNull),
            (
                "projects",
                .array(
                    of: .members([
                        ("project", .string), ("pipelines", .count), ("asked", .count), ("jobs", .count),
                        ("workflows", .count), ("open", .count), ("missing", .array(of: .reference("MissingRun"))),
                        ("error", OpenAPIValue.string.orNull),
                    ])
                )
            ),
        ],
        optional: ["at"]
    )

    private static let settleProgress = OpenAPIValue.members(
        [
            ("connection", .connectionID), ("file", .string),
            ("phase", .choice(["waiting", "downloading", "checking", "settling"])), ("bytes", .count),
            ("total_bytes", .count), ("rows", .count), ("until", .time),
        ],
        optional: ["until"]
    )

    private static let days: [(String, OpenAPIValue)] = [("from", .day), ("to", .day)]

    private static let exportReport: OpenAPIValue = {
        let counts = ["files", "rows", "settled", "corrected", "confirmed", "known", "credits"]
        let export = OpenAPIValue.members(days + [("started_at", .time)] + counts.map { ($0, .count) })
        return .members(
            [
                ("connection", .connectionID), ("at", .time), ("exports", .array(of: export)),
                ("failures", .array(of: .members(days + [("reason", .string)]))),
                ("problem", .members([("code", .string), ("message", .string)])),
                ("settled_through", OpenAPIValue.day.orNull),
            ],
            optional: ["at", "problem"]
        )
    }()

    /// Members of reports about hooks.
    static let hooksReport: [(String, OpenAPIValue)] = [
        ("connection", .connectionID), ("hook_url", OpenAPIValue.string.orNull),
        ("listing_problem", OpenAPIValue.string.orNull),
        (
            "projects",
            .array(
                of: .members([
                    ("project", .string), ("outcome", .choice(outcomes)), ("reason", OpenAPIValue.string.orNull),
                    ("webhook_id", OpenAPIValue.string.orNull),
                ])
            )
        ),
    ]

    private static let outcomes = [
        HookOutcome.created, .kept, .repaired, .rotated, .deleted, .absent, .limitReached, .forbidden, .notFound,
        .failed(""), .noPublicURL, .notAsked,
    ].map(\.word)

    static let drift = OpenAPIValue.members([
        ("connection", .connectionID),
        (
            "hooks",
            .array(
                of: .members([
                    ("project", .string), ("webhook_id", OpenAPIValue.string.orNull),
                    ("problems", OpenAPIValue.array(of: .choice(["ok"] + problems)).with(["minItems": 1])),
                    ("reason", OpenAPIValue.string.orNull),
                ])
            )
        ),
    ])

    private static let problems = [
        HookProblem.missing, .limitReached, .urlChanged, .eventsChanged, .tlsOff, .duplicated, .noPublicURL,
        .unreadable(""),
    ].map(\.word)
}
