import Wire

/// An object in an answer. What it lacks is an `unexpected_answer` that names the member, and never shows a value.
///
/// A member that is null counts as absent; members that are not asked for are ignored.
struct APIObject {
    private let answer: APIAnswer
    /// From the top of the body: `items[3].trigger`.
    private let path: String
    private let members: [String: JSONValue]

    init(_ value: JSONValue, path: String, in answer: APIAnswer) throws(CircleCIError) {
        guard value.kind == .object else { throw APIObject.unexpected(path, "is no object", answer) }
        do throws(JSONError) {
            members = try value.members(in: answer.body).filter { $0.value.kind != .null }
        } catch {
            throw APIObject.unexpected(path, "cannot be read", answer)
        }
        self.answer = answer
        self.path = path
    }

    static func list(_ value: JSONValue, path: String, in answer: APIAnswer) throws(CircleCIError) -> [APIObject] {
        var objects: [APIObject] = []
        for (index, element) in try elements(value, path, answer).enumerated() {
            objects.append(try APIObject(element, path: "\(path)[\(index)]", in: answer))
        }
        return objects
    }

    // What must be there. Of several names the first that is there counts: some are spelled in two ways.

    func text(_ names: String...) throws(CircleCIError) -> String {
        let (name, value) = try member(names)
        guard let text = value.text(in: answer.body) else { throw unexpected(name, "is no string") }
        return text
    }

    func integer(_ name: String) throws(CircleCIError) -> Int {
        guard let number = try optionalInteger(name) else { throw unexpected(name, "is missing") }
        return number
    }

    func timestamp(_ name: String) throws(CircleCIError) -> Timestamp {
        guard let timestamp = try optionalTimestamp(name) else { throw unexpected(name, "is missing") }
        return timestamp
    }

    func bool(_ names: String...) throws(CircleCIError) -> Bool {
        let (name, value) = try member(names)
        guard let bool = value.bool(in: answer.body) else { throw unexpected(name, "is neither true nor false") }
        return bool
    }

    func object(_ name: String) throws(CircleCIError) -> APIObject {
        try APIObject(member([name]).1, path: full(name), in: answer)
    }

    func list(_ name: String) throws(CircleCIError) -> [APIObject] {
        try APIObject.list(member([name]).1, path: full(name), in: answer)
    }

    func texts(_ name: String) throws(CircleCIError) -> [String] {
        var texts: [String] = []
        for (index, element) in try APIObject.elements(member([name]).1, full(name), answer).enumerated() {
            guard let text = element.text(in: answer.body) else {
                throw unexpected("\(name)[\(index)]", "is no string")
            }
            texts.append(text)
        }
        return texts
    }

    // What may be absent. An absent time or number means something, so one that cannot be read is no absent one; the
    // rest only informs.

    func optionalInteger(_ names: String...) throws(CircleCIError) -> Int? {
        guard let (name, value) = first(names) else { return nil }
        guard let number = value.integer(in: answer.body) else { throw unexpected(name, "is no whole number") }
        return number
    }

    func optionalTimestamp(_ name: String) throws(CircleCIError) -> Timestamp? {
        guard let value = members[name] else { return nil }
        guard let timestamp = value.text(in: answer.body).flatMap(Timestamp.init(_:)) else {
            throw unexpected(name, "is no time")
        }
        return timestamp
    }

    func optionalText(_ name: String) -> String? {
        members[name]?.text(in: answer.body)
    }

    func optionalObject(_ name: String) -> APIObject? {
        members[name].flatMap { try? APIObject($0, path: full(name), in: answer) }
    }

    /// An object's bytes on one line.
    func optionalJSON(_ name: String) -> [UInt8]? {
        guard let value = members[name], value.kind == .object else { return nil }
        return value.compact(in: answer.body)
    }

    /// The error that says what is wrong with a member.
    func unexpected(_ name: String, _ problem: String) -> CircleCIError {
        APIObject.unexpected(full(name), problem, answer)
    }

    private func full(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    private func first(_ names: [String]) -> (String, JSONValue)? {
        for name in names {
            if let value = members[name] { return (name, value) }
        }
        return nil
    }

    private func member(_ names: [String]) throws(CircleCIError) -> (String, JSONValue) {
        guard let found = first(names) else { throw unexpected(names[0], "is missing") }
        return found
    }

    private static func elements(
        _ value: JSONValue,
        _ path: String,
        _ answer: APIAnswer
    ) throws(CircleCIError) -> [JSONValue] {
        guard value.kind == .array else { throw unexpected(path, "is no array", answer) }
        do throws(JSONError) {
            return try value.elements(in: answer.body)
        } catch {
            throw unexpected(path, "cannot be read", answer)
        }
    }

    private static func unexpected(_ path: String, _ problem: String, _ answer: APIAnswer) -> CircleCIError {
        answer.error(.unexpectedAnswer, "In the answer, \(path.isEmpty ? "the body" : path) \(problem)")
    }
}
