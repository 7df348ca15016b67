import HTTPTypes

/// The description of what the dashboard's listener offers to programs: OpenAPI 3.1, made from the tables by which the
/// program itself goes wherever there are such.
enum OpenAPIDocument {
    /// Counts up by its first number when something is no longer as it was described.
    static let version = "1.0.0"

    static let operations: [OpenAPIOperation] =
        ReportDescription.operations + [SnapshotDescription.operation, StreamDescription.operation]
        + LogDescription.operations + QuarantineDescription.operations + ConnectionsDescription.operations
        + HealthDescription.operations

    private static let schemas: [(String, OpenAPIValue)] =
        [
            ("LogPosition", .logPosition),
            ("ErrorCode", OpenAPIValue.choice(OpenAPIProblems.codes)),
        ] + ReportDescription.schemas + SnapshotDescription.schemas + LogDescription.schemas
        + ConnectionsDescription.schemas

    static let value: OpenAPIValue = [
        "openapi": "3.1.0",
        "info": [
            "title": "circlemeter", "version": .text(version), "description": .text(text),
            "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
        ],
        "servers": [["url": "/"]],
        "security": [["token": []]],
        "tags": .list(
            [
                ("reports", "Usage, features, people, coverage and costs, as JSON or CSV."),
                ("snapshot", "All counters at a log position, and when there are others."),
                ("log", "The records that everything is counted from."),
                ("connections", "Organizations at CircleCI, their keys and hooks."),
                ("service", "How the service is, and this description."),
            ].map { ["name": .text($0.0), "description": .text($0.1)] }
        ),
        "paths": paths,
        "components": [
            "securitySchemes": ["token": ["type": "http", "scheme": "bearer"]],
            "schemas": .object(schemas),
            "responses": .object(OpenAPIProblems.statuses.map { ("Problem\($0)", OpenAPIProblems.response($0)) }),
        ],
    ]

    private static let text = """
        What CircleCI's webhooks, API and usage exports tell, counted. All days are UTC. Every answer other than success \
        is {"error":{"code","message"}}: the code is stable, the message is for people. A path with another method is \
        answered with 405 `method_not_allowed` and Allow, a path with nothing at it with 404 `not_found`. HEAD goes \
        wherever GET does. Parameters that are not described are refused.
        """

    private static var paths: OpenAPIValue {
        var paths: [(path: String, operations: [(String, OpenAPIValue)])] = []
        for operation in operations {
            let entry = (operation.method.rawValue.lowercased(), operation.value)
            if let index = paths.firstIndex(where: { $0.path == operation.path }) {
                paths[index].operations.append(entry)
            } else {
                paths.append((operation.path, [entry]))
            }
        }
        return .object(paths.map { ($0.path, .object($0.operations)) })
    }
}
