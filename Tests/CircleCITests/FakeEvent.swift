import Foundation
import Wire

/// A body as Foundation reads it, so that the tests share no code with what they test.
struct FakeEvent {
    let object: [String: Any]

    init(_ body: [UInt8]) throws {
        guard let object = try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any] else {
            throw CocoaError(.coderReadCorrupt)
        }
        self.object = object
    }

    /// The value at a path; nil where a member is missing or null.
    subscript(_ path: String...) -> Any? {
        var value: Any? = object
        for name in path { value = (value as? [String: Any])?[name] }
        return value is NSNull ? nil : value
    }

    /// The same, where null is a value of its own.
    func has(_ path: String...) -> Bool {
        var value: Any? = object
        for name in path { value = (value as? [String: Any])?[name] }
        return value != nil
    }

    var type: String? { self["type"] as? String }

    func time(_ path: String...) -> Timestamp? {
        var value: Any? = object
        for name in path { value = (value as? [String: Any])?[name] }
        return (value as? String).flatMap { Timestamp($0) }
    }

    /// Every text of a member that tells a time.
    var times: [String] {
        func collect(_ value: Any, name: String) -> [String] {
            if let object = value as? [String: Any] { return object.flatMap { collect($0.value, name: $0.key) } }
            guard let text = value as? String else { return [] }
            return name.hasSuffix("_at") || name == "event_time" || name == "commit_timestamp" ? [text] : []
        }
        return collect(object, name: "")
    }
}
