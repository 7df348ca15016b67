import Usage

/// JSON schemas (2020-12) as OpenAPI 3.1 takes them.
extension OpenAPIValue {
    static let string: OpenAPIValue = ["type": "string"]
    static let boolean: OpenAPIValue = ["type": "boolean"]
    /// How many.
    static let count: OpenAPIValue = ["type": "integer", "minimum": 0]
    /// May be negative.
    static let number: OpenAPIValue = ["type": "number"]
    /// A UTC day.
    static let day: OpenAPIValue = ["type": "string", "format": "date"]
    /// A UTC month: `2026-11`.
    static let month: OpenAPIValue = ["type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"]
    /// An instant in UTC: `2026-11-22T08:16:08.123Z`.
    static let time: OpenAPIValue = ["type": "string", "format": "date-time"]
    static let connectionID: OpenAPIValue = ["type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,62}$"]
    /// Eight lowercase hexadecimal digits.
    static let crc: OpenAPIValue = ["type": "string", "pattern": "^[0-9a-f]{8}$"]
    static let base64: OpenAPIValue = ["type": "string", "contentEncoding": "base64"]
    static let null: OpenAPIValue = ["type": "null"]

    static func choice(_ words: some Sequence<String>) -> OpenAPIValue {
        ["type": "string", "enum": .texts(words)]
    }

    static func integer(in range: ClosedRange<Int>) -> OpenAPIValue {
        ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
    }

    static func array(of items: OpenAPIValue) -> OpenAPIValue { ["type": "array", "items": items] }

    static func anyOf(_ schemas: [OpenAPIValue]) -> OpenAPIValue { ["anyOf": .list(schemas)] }

    /// A schema of the document's components.
    static func reference(_ name: String) -> OpenAPIValue { ["$ref": .text("#/components/schemas/\(name)")] }

    /// Also null.
    var orNull: OpenAPIValue {
        guard case .object(var members) = self, let type = self["type"], self["enum"] == nil,
            let place = members.firstIndex(where: { $0.name == "type" })
        else { return .anyOf([self, .null]) }
        members[place] = Member("type", [type, "null"])
        return .object(members)
    }

    /// An object that has these members and no others.
    static func members(_ members: [(String, OpenAPIValue)], optional: Set<String> = []) -> OpenAPIValue {
        var schema: OpenAPIValue = ["type": "object", "properties": .object(members)]
        let required = members.map(\.0).filter { !optional.contains($0) }
        if !required.isEmpty { schema = schema.with(["required": .texts(required)]) }
        return schema.with(["additionalProperties": false])
    }

    /// An object that a request gives: members that are not known are let pass.
    static func given(_ members: [(String, OpenAPIValue)], required: [String] = []) -> OpenAPIValue {
        var schema: OpenAPIValue = ["type": "object", "properties": .object(members)]
        if !required.isEmpty { schema = schema.with(["required": .texts(required)]) }
        return schema
    }

    /// Where the log was when something was counted.
    static let logPosition = OpenAPIValue.members([("sequence", .count), ("crc", .crc)])
}
