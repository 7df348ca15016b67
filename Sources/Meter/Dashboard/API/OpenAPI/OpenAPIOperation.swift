import HTTPTypes

/// What a program can ask for: a method on a path, with what it takes and how it is answered.
struct OpenAPIOperation: Sendable {
    struct Answer: Sendable {
        let status: Int
        let text: String
        /// Schemas by media type.
        let content: [(type: String, schema: OpenAPIValue)]
        /// By name.
        var headers: [(String, OpenAPIValue)] = []
    }

    var method = HTTPRequest.Method.get
    /// With `{id}` for what is captured.
    let path: String
    /// Unique, for generated clients.
    let id: String
    let tag: String
    let summary: String
    var text: String?
    /// Nil: open to all.
    var role: Role? = .viewer
    var parameters: [OpenAPIParameter] = []
    /// The JSON body and whether it must be there.
    var body: (schema: OpenAPIValue, isRequired: Bool)?
    let answers: [Answer]
    /// Statuses of errors besides those that any request may get.
    var problems: [Int] = []
    /// Whether it answers 304 to its entity tag.
    var hasTag = false

    /// On the way to any operation: what is no HTTP, too long, too slow, or under another host's name.
    private static let problemsOfAll = [400, 408, 413, 414, 421, 431, 500]
    private static let problemsWithToken = [401, 429, 503]

    var value: OpenAPIValue {
        var value: OpenAPIValue = [
            "operationId": .text(id), "tags": [.text(tag)], "summary": .text(summary),
        ]
        let role = role.map { "For the role \($0.rawValue)\($0 == .viewer ? " and above" : "")." } ?? "Open to all."
        value = value.with(["description": .text((text.map { "\($0) " } ?? "") + role)])
        if let required = self.role {
            value = value.with(["x-role": .text(required.rawValue)])
        } else {
            value = value.with(["security": []])
        }
        let all = parameters + (hasTag ? [.ifNoneMatch] : [])
        if !all.isEmpty { value = value.with(["parameters": .list(all.map(\.value))]) }
        if let body {
            value = value.with([
                "requestBody": [
                    "required": .bool(body.isRequired),
                    "content": ["application/json": ["schema": body.schema]],
                ]
            ])
        }
        return value.with(["responses": responses])
    }

    private var responses: OpenAPIValue {
        let tag: [(String, OpenAPIValue)] =
            hasTag ? [("ETag", ["description": "Names what the answer shows.", "schema": .string])] : []
        var responses: [(status: Int, value: OpenAPIValue)] = answers.map { answer in
            var value: OpenAPIValue = ["description": .text(answer.text)]
            let headers = tag + answer.headers
            if !headers.isEmpty { value = value.with(["headers": .object(headers)]) }
            if !answer.content.isEmpty {
                value = value.with(["content": .object(answer.content.map { ($0.type, ["schema": $0.schema]) })])
            }
            return (answer.status, value)
        }
        if hasTag {
            responses.append((304, ["description": "It is as the tag names it.", "headers": .object(tag)]))
        }
        var statuses = Set(problems + Self.problemsOfAll)
        if let role {
            statuses.formUnion(Self.problemsWithToken)
            if role == .admin { statuses.insert(403) }
        }
        for status in statuses where !responses.contains(where: { $0.status == status }) {
            responses.append((status, ["$ref": .text("#/components/responses/Problem\(status)")]))
        }
        return .object(responses.sorted { $0.status < $1.status }.map { ("\($0.status)", $0.value) })
    }
}

extension OpenAPIOperation.Answer {
    static func json(_ text: String, _ schema: OpenAPIValue, status: Int = 200) -> Self {
        Self(status: status, text: text, content: [("application/json", schema)])
    }

    /// A JSON object on each line while something goes on; an error that ends it is the last one.
    static func lines(_ text: String) -> Self {
        Self(
            status: 200,
            text: text + " An error that ends it is the last line, as {\"error\":{\"code\",\"message\"}}.",
            content: [("application/x-ndjson", .string)]
        )
    }
}
