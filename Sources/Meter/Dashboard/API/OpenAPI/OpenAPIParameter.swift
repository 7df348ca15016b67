/// A parameter of an operation.
struct OpenAPIParameter: Sendable {
    enum Place: String, Sendable {
        case path
        case query
        case header
    }

    let name: String
    var place = Place.query
    let text: String
    let schema: OpenAPIValue
    /// As it stands in a request.
    let example: String
    var isRequired = false
    /// Whether the schema's array is given with commas between.
    var isCommaList = false

    var value: OpenAPIValue {
        var value: OpenAPIValue = [
            "name": .text(name), "in": .text(place.rawValue), "description": .text(text),
            "required": .bool(isRequired || place == .path), "schema": schema,
        ]
        if isCommaList { value = value.with(["style": "form", "explode": false]) }
        return value
    }
}

extension OpenAPIParameter {
    static let connectionID = OpenAPIParameter(
        name: "id",
        place: .path,
        text: "The connection's id.",
        schema: .connectionID,
        example: "acme"
    )
    static let connection = OpenAPIParameter(
        name: "connection",
        text: "Only this connection, by its id.",
        schema: .connectionID,
        example: "acme"
    )
    static let from = OpenAPIParameter(
        name: "from",
        text: "The first UTC day.",
        schema: .day,
        example: "2026-11-01"
    )
    static let to = OpenAPIParameter(name: "to", text: "The last UTC day.", schema: .day, example: "2026-11-30")
    static let format = OpenAPIParameter(
        name: "format",
        text: "How the answer is written; JSON where it is left out.",
        schema: .choice(ReportsAPI.Format.allCases.map(\.rawValue)),
        example: "csv"
    )
    static let ifNoneMatch = OpenAPIParameter(
        name: "If-None-Match",
        place: .header,
        text: "Entity tags of answers that are known: 304 where one of them is the present one.",
        schema: .string,
        example: "\"1024-9ab1c2d3-r4\""
    )
}
