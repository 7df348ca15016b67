import Wire

/// JSON as the scanner pulls it, in whole.
indirect enum JSONTree: Equatable {
    /// In the order of the text, names that occur twice included.
    case object([Member])
    case array([JSONTree])
    case string([UInt8])
    /// As it is written.
    case number(String)
    case bool(Bool)
    case null

    struct Member: Equatable {
        var name: [UInt8]
        var value: JSONTree
    }

    init(_ bytes: UnsafeRawBufferPointer) throws(JSONError) {
        var scanner = try JSONScanner(bytes)
        self = try JSONTree(&scanner)
        try scanner.finish()
    }

    private init(_ scanner: inout JSONScanner) throws(JSONError) {
        switch try scanner.kind() {
        case .object:
            var members: [Member] = []
            guard var walk = try scanner.enterObject() else { fatalError("an object is no object") }
            while let name = try scanner.nextMember(&walk) {
                let name = name.withCharacters(in: scanner.bytes) { Array($0) }
                members.append(Member(name: name, value: try JSONTree(&scanner)))
            }
            self = .object(members)
        case .array:
            var elements: [JSONTree] = []
            guard var walk = try scanner.enterArray() else { fatalError("an array is no array") }
            while try scanner.nextElement(&walk) { elements.append(try JSONTree(&scanner)) }
            self = .array(elements)
        case .string:
            self = .string(try scanner.text().withCharacters(in: scanner.bytes) { Array($0) })
        case .number:
            let start = scanner.position
            try scanner.skipValue()
            self = .number(String(decoding: scanner.bytes[start..<scanner.position], as: UTF8.self))
        case .bool:
            guard let bool = try scanner.boolOrSkip() else { fatalError("a truth value is none") }
            self = .bool(bool)
        case .null:
            try scanner.skipValue()
            self = .null
        }
    }

    /// The value of the last member of a name; nil where there is none, and of anything but an object.
    subscript(_ name: String) -> JSONTree? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name.elementsEqual(name.utf8) }?.value
    }

    var text: [UInt8]? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    /// Whether an object in it has two members of one name, canonically equivalent ones included: what they mean is
    /// nowhere defined.
    var repeatsNames: Bool {
        switch self {
        case .object(let members):
            Set(members.map { String(decoding: $0.name, as: UTF8.self) }).count < members.count
                || members.contains { $0.value.repeatsNames }
        case .array(let elements): elements.contains { $0.repeatsNames }
        default: false
        }
    }

    func write(to json: inout JSONWriter) {
        switch self {
        case .object(let members):
            json.object { json in
                for member in members {
                    json.name(String(decoding: member.name, as: UTF8.self))
                    member.value.write(to: &json)
                }
            }
        case .array(let elements): json.array { json in for element in elements { element.write(to: &json) } }
        case .string(let text): json.string(String(decoding: text, as: UTF8.self))
        case .number(let text): json.raw(text.utf8)
        case .bool(let bool): json.bool(bool)
        case .null: json.null()
        }
    }
}
