import Wire

/// A JSON value of the API's description; members stand in the order in which they are given.
enum OpenAPIValue: Sendable, Equatable {
    case text(String)
    case integer(Int)
    case bool(Bool)
    case list([OpenAPIValue])
    case object([Member])

    struct Member: Sendable, Equatable {
        let name: String
        let value: OpenAPIValue

        init(_ name: String, _ value: OpenAPIValue) {
            (self.name, self.value) = (name, value)
        }
    }

    static func object(_ members: [(String, OpenAPIValue)]) -> OpenAPIValue {
        .object(members.map { Member($0.0, $0.1) })
    }

    static func texts(_ texts: some Sequence<String>) -> OpenAPIValue { .list(texts.map { .text($0) }) }

    /// The member of that name; nil where this is no object, or has none.
    subscript(_ name: String) -> OpenAPIValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The object with more members, behind its own.
    func with(_ more: KeyValuePairs<String, OpenAPIValue>) -> OpenAPIValue {
        guard case .object(let members) = self else { preconditionFailure("only objects have members") }
        return .object(members + more.map { Member($0.key, $0.value) })
    }

    var bytes: [UInt8] {
        var json = JSONWriter()
        write(to: &json)
        return json.bytes
    }

    private func write(to json: inout JSONWriter) {
        switch self {
        case .text(let text): json.string(text)
        case .integer(let integer): json.integer(integer)
        case .bool(let bool): json.bool(bool)
        case .list(let values): json.array { json in for value in values { value.write(to: &json) } }
        case .object(let members):
            json.object { json in
                for member in members {
                    json.name(member.name)
                    member.value.write(to: &json)
                }
            }
        }
    }
}

extension OpenAPIValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    init(stringLiteral text: String) { self = .text(text) }
    init(integerLiteral integer: Int) { self = .integer(integer) }
    init(booleanLiteral bool: Bool) { self = .bool(bool) }
}

extension OpenAPIValue: ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral {
    init(arrayLiteral values: OpenAPIValue...) { self = .list(values) }
    init(dictionaryLiteral members: (String, OpenAPIValue)...) { self = .object(members) }
}
