import Foundation
import Wire

/// Checks JSON against a schema of OpenAPI 3.0: as much of it as CircleCI's description uses.
struct JSONSchemaChecker {
    /// For `$ref`.
    let document: [String: Any]

    /// What is wrong, each with where; empty: nothing.
    func complaints(_ value: Any, _ schema: [String: Any], at path: String = "$") -> [String] {
        if let reference = schema["$ref"] as? String {
            guard let target = resolve(reference) else { return ["\(path): \(reference) is not there"] }
            return complaints(value, target, at: path)
        }
        if value is NSNull {
            let isNullable = schema["nullable"] as? Bool == true || schema["x-nullable"] as? Bool == true
            return isNullable ? [] : ["\(path): null"]
        }
        var found: [String] = []
        if let type = schema["type"] as? String, !matches(value, type) { return ["\(path): is no \(type)"] }
        if let words = schema["enum"] as? [AnyHashable], let value = value as? AnyHashable, !words.contains(value) {
            found.append("\(path): \(value) is not one of \(words)")
        }
        if let minimum = schema["minimum"] as? NSNumber, let number = value as? NSNumber,
            number.compare(minimum) == .orderedAscending
        {
            found.append("\(path): \(number) is too small")
        }
        if let format = schema["format"] as? String, let text = value as? String, !matches(text, format: format) {
            found.append("\(path): \(text) is no \(format)")
        }
        found += combined(value, schema, at: path)
        if let object = value as? [String: Any] { found += members(object, schema, at: path) }
        if let items = schema["items"] as? [String: Any], let array = value as? [Any] {
            for (index, item) in array.enumerated() { found += complaints(item, items, at: "\(path)[\(index)]") }
        }
        return found
    }

    private func combined(_ value: Any, _ schema: [String: Any], at path: String) -> [String] {
        func fits(_ name: String) -> [[String]]? {
            (schema[name] as? [[String: Any]])?.map { complaints(value, $0, at: path) }
        }
        var found = fits("allOf")?.flatMap { $0 } ?? []
        if let any = fits("anyOf"), !any.contains(where: \.isEmpty) { found.append("\(path): fits none of anyOf") }
        if let one = fits("oneOf"), one.count(where: \.isEmpty) != 1 { found.append("\(path): fits not one of oneOf") }
        return found
    }

    private func members(_ object: [String: Any], _ schema: [String: Any], at path: String) -> [String] {
        var found: [String] = []
        for name in schema["required"] as? [String] ?? [] where object[name] == nil {
            found.append("\(path).\(name): missing")
        }
        let properties = schema["properties"] as? [String: [String: Any]] ?? [:]
        for (name, value) in object {
            if let property = properties[name] {
                found += complaints(value, property, at: "\(path).\(name)")
            } else if let other = schema["additionalProperties"] as? [String: Any] {
                found += complaints(value, other, at: "\(path).\(name)")
            } else if schema["additionalProperties"] as? Bool == false {
                found.append("\(path).\(name): not foreseen")
            }
        }
        return found
    }

    private func matches(_ value: Any, _ type: String) -> Bool {
        let number = value as? NSNumber
        // Foundation gives truth values as numbers, too.
        let isBool = number.map { CFBooleanLike.isBool($0) } ?? false
        switch type {
        case "object": return value is [String: Any]
        case "array": return value is [Any]
        case "string": return value is String
        case "boolean": return isBool
        case "integer": return number.map { !isBool && $0.doubleValue == $0.doubleValue.rounded() } ?? false
        case "number": return number != nil && !isBool
        default: return false
        }
    }

    private func matches(_ text: String, format: String) -> Bool {
        switch format {
        case "uuid": UUID(uuidString: text) != nil
        case "date-time": text.contains("T") && Timestamp(text) != nil
        default: true
        }
    }

    private func resolve(_ reference: String) -> [String: Any]? {
        var value: Any? = document
        for name in reference.split(separator: "/").dropFirst() {
            let plain = name.replacing("~1", with: "/").replacing("~0", with: "~")
            value = (value as? [String: Any])?[String(plain)]
        }
        return value as? [String: Any]
    }
}

/// Tells truth values from numbers, which Foundation holds alike.
private enum CFBooleanLike {
    static func isBool(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }
}
