/// `/healthz`, `/readyz`, `/metrics` and `/openapi.json`.
enum HealthDescription {
    static let operations = [
        OpenAPIOperation(
            path: "/healthz",
            id: "alive",
            tag: "service",
            summary: "Whether the process serves",
            role: nil,
            answers: [.json("It does.", .members([("status", .choice(["ok"]))]))]
        ),
        OpenAPIOperation(
            path: "/readyz",
            id: "ready",
            tag: "service",
            summary: "Whether the log takes records, the snapshot keeps up with it, and no connection is silent",
            answers: [
                .json("All is well.", .members([("status", .choice(["ready"]))])),
                .json(
                    "Something is not.",
                    .members([("status", .choice(["not_ready"])), ("reasons", .array(of: .string))]),
                    status: 503
                ),
            ]
        ),
        OpenAPIOperation(
            path: "/metrics",
            id: "metrics",
            tag: "service",
            summary: "Metrics as OpenMetrics 1.0",
            answers: [.init(status: 200, text: "The metrics.", content: [("application/openmetrics-text", .string)])]
        ),
        OpenAPIOperation(
            path: "/openapi.json",
            id: "description",
            tag: "service",
            summary: "This description",
            answers: [.json("The description.", ["type": "object"])],
            hasTag: true
        ),
    ]
}
