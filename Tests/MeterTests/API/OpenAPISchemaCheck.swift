import Foundation

@testable import Meter

/// Holds JSON against a schema of the API's description: what of JSON schema the description uses, and nothing else.
struct OpenAPISchemaCheck {
    /// A word of JSON schema that this check does not know, which would pass unseen.
    struct UnknownWord: Error {
        let word: String
    }

    private let schemas = OpenAPIDocument.value["components"]?["schemas"]

    /// What does not hold, each with its place; empty: all does.
    func problems(_ value: Any, _ schema: OpenAPIValue, at place: String = "$") throws -> [String] {
        guard case .object(let members) = schema else { return ["\(place): the schema is no object"] }
        return try members.flatMap { member in
            try problems(value, member.name, member.value, schema, place)
        }
    }

    private func problems(
        _ value: Any,
        _ word: String,
        _ rule: OpenAPIValue,
        _ schema: OpenAPIValue,
        _ place: String
    ) throws -> [String] {
        switch (word, rule) {
        case ("$ref", .text(let path)):
            guard let named = schemas?[String(path.dropFirst("#/components/schemas/".count))] else {
                return ["\(place): there is no \(path)"]
            }
            return try problems(value, named, at: place)
        case ("type", .text(let type)): return isType(value, type) ? [] : ["\(place) is no \(type): \(value)"]
        case ("type", .list(let types)):
            return types.contains { if case .text(let type) = $0 { isType(value, type) } else { false } }
                ? [] : ["\(place) is none of \(types): \(value)"]
        case ("anyOf", .list(let choices)):
            let each = try choices.map { try problems(value, $0, at: place) }
            return each.contains(where: \.isEmpty) ? [] : each.min { $0.count < $1.count } ?? []
        case ("enum", .list(let words)):
            return words.contains(.text(value as? String ?? "")) ? [] : ["\(place) is another word: \(value)"]
        case ("const", .text(let text)): return value as? String == text ? [] : ["\(place) is not \(text)"]
        case ("const", .integer(let integer)): return value as? Int == integer ? [] : ["\(place) is not \(integer)"]
        case ("minimum", .integer(let minimum)):
            return (value as? NSNumber).map { $0.doubleValue >= Double(minimum) } ?? true
                ? [] : ["\(place) is below \(minimum)"]
        case ("pattern", .text(let pattern)):
            guard let text = value as? String else { return [] }
            return text.range(of: pattern, options: .regularExpression) != nil ? [] : ["\(place) is not \(pattern)"]
        case ("items", _):
            guard let items = value as? [Any] else { return [] }
            return try items.enumerated().flatMap { try problems($1, rule, at: "\(place)[\($0)]") }
        case ("properties", .object(let properties)):
            guard let object = value as? [String: Any] else { return [] }
            return try properties.flatMap { property in
                try object[property.name].map { try problems($0, property.value, at: "\(place).\(property.name)") }
                    ?? []
            }
        case ("required", .list(let names)):
            guard let object = value as? [String: Any] else { return [] }
            return names.compactMap { name in
                guard case .text(let name) = name, object[name] == nil else { return nil }
                return "\(place) has no \(name)"
            }
        case ("additionalProperties", .bool(false)):
            guard let object = value as? [String: Any] else { return [] }
            return object.keys.filter { schema["properties"]?[$0] == nil }.map { "\(place).\($0) is not described" }
        case ("minItems", .integer(let count)):
            return (value as? [Any])?.count ?? count >= count ? [] : ["\(place) is too short"]
        case ("format", _), ("maximum", _), ("maxItems", _), ("minLength", _), ("contentEncoding", _): return []
        default: throw UnknownWord(word: word)
        }
    }

    private func isType(_ value: Any, _ type: String) -> Bool {
        let number = value as? NSNumber
        let isBoolean = number.map { isTrueOrFalse($0) } ?? false
        return switch type {
        case "string": value is String
        case "boolean": isBoolean
        case "integer": number != nil && !isBoolean && number?.doubleValue.rounded() == number?.doubleValue
        case "number": number != nil && !isBoolean
        case "array": value is [Any]
        case "object": value is [String: Any]
        case "null": value is NSNull
        default: false
        }
    }

    private func isTrueOrFalse(_ number: NSNumber) -> Bool {
        // Of the numbers that JSONSerialization makes only those that were `true` and `false`.
        String(cString: number.objCType) == "c" || String(cString: number.objCType) == "B"
    }
}
