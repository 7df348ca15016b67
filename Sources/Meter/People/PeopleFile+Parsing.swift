import Usage
import Wire

/// Strict, as whoever edits the file is to be told of a slip.
extension PeopleFile {
    init(_ bytes: [UInt8]) throws(PeopleFileError) {
        let result = bytes.withUnsafeBytes { bytes -> Result<PeopleFile, PeopleFileError> in
            do throws(PeopleFileError) {
                var parser = try Parser(bytes)
                return .success(try parser.file())
            } catch {
                return .failure(error)
            }
        }
        self = try result.get()
    }
}

/// Walks through the file, with the path to where it is.
private struct Parser {
    private var scanner: JSONScanner

    init(_ bytes: UnsafeRawBufferPointer) throws(PeopleFileError) {
        scanner = try Parser.checked { () throws(JSONError) in try JSONScanner(bytes) }
    }

    mutating func file() throws(PeopleFileError) -> PeopleFile {
        var file = PeopleFile()
        try members(at: "", of: ["mode", "aliases", "bots", "not_bots"]) { (parser, name) throws(PeopleFileError) in
            switch name {
            case "mode":
                guard let mode = PeopleMode(rawValue: try parser.text(at: "mode")) else {
                    let known = PeopleMode.allCases.map(\.rawValue).joined(separator: ", ")
                    throw PeopleFileError(path: "mode", message: "unknown; known are \(known)")
                }
                file.mode = mode
            case "aliases":
                file.aliases = try parser.list(at: name) { (parser, path) throws(PeopleFileError) in
                    try parser.alias(at: path)
                }
            case "bots": file.bots = Set(try parser.identities(at: name))
            default: file.notBots = Set(try parser.identities(at: name))
            }
        }
        try finish()
        try Parser.checkTwice(file)
        return file
    }

    private mutating func alias(at path: String) throws(PeopleFileError) -> PeopleRules.Alias {
        var name: String?
        var identities: [PersonIdentity]?
        try members(at: path, of: ["name", "identities"]) { (parser, member) throws(PeopleFileError) in
            if member == "name" {
                name = try parser.text(at: "\(path).name")
            } else {
                identities = try parser.identities(at: "\(path).identities")
            }
        }
        guard let name else { throw PeopleFileError(path: "\(path).name", message: "missing") }
        guard let identities else { throw PeopleFileError(path: "\(path).identities", message: "missing") }
        return PeopleRules.Alias(name: name, identities: identities)
    }

    private mutating func identities(at path: String) throws(PeopleFileError) -> [PersonIdentity] {
        try list(at: path) { (parser, path) throws(PeopleFileError) in
            let text = try parser.text(at: path)
            for prefix in ["login:", "user:"] where text == prefix {
                throw PeopleFileError(path: path, message: "nothing after '\(prefix)'")
            }
            return PersonIdentity(text)
        }
    }

    private static func checkTwice(_ file: PeopleFile) throws(PeopleFileError) {
        var places: [PersonIdentity: String] = [:]
        var names: [PersonIdentity: Int] = [:]
        for (index, alias) in file.aliases.enumerated() {
            if let first = names.updateValue(index, forKey: PersonIdentity(alias.name)) {
                throw PeopleFileError(
                    path: "aliases[\(index)].name",
                    message: "aliases[\(first)] has the same; put all identities of a person into one"
                )
            }
            for (number, identity) in alias.identities.enumerated() {
                let path = "aliases[\(index)].identities[\(number)]"
                if let first = places.updateValue(path, forKey: identity) {
                    throw PeopleFileError(path: path, message: "stands at \(first) already")
                }
            }
        }
        if let both = file.bots.intersection(file.notBots).min() {
            throw PeopleFileError(path: "not_bots", message: "'\(both.text)' is among 'bots', too")
        }
    }

    private mutating func members(
        at path: String,
        of names: [String],
        _ read: (inout Parser, String) throws(PeopleFileError) -> Void
    ) throws(PeopleFileError) {
        let start = scanner.position
        guard var walk = try step({ scanner throws(JSONError) in try scanner.enterObject() }) else {
            throw PeopleFileError(path: path, message: "no object (at byte \(start))")
        }
        var seen: Set<String> = []
        while let text = try step({ scanner throws(JSONError) in try scanner.nextMember(&walk) }) {
            let name = text.string(in: scanner.bytes)
            let place = path.isEmpty ? name : "\(path).\(name)"
            guard names.contains(name) else {
                throw PeopleFileError(path: place, message: "unknown; known are \(names.joined(separator: ", "))")
            }
            guard seen.insert(name).inserted else { throw PeopleFileError(path: place, message: "is there twice") }
            try read(&self, name)
        }
    }

    private mutating func list<Element>(
        at path: String,
        _ read: (inout Parser, String) throws(PeopleFileError) -> Element
    ) throws(PeopleFileError) -> [Element] {
        guard var walk = try step({ scanner throws(JSONError) in try scanner.enterArray() }) else {
            throw PeopleFileError(path: path, message: "no array")
        }
        var elements: [Element] = []
        while try step({ scanner throws(JSONError) in try scanner.nextElement(&walk) }) {
            elements.append(try read(&self, "\(path)[\(elements.count)]"))
        }
        return elements
    }

    private mutating func text(at path: String) throws(PeopleFileError) -> String {
        let text = try step { scanner throws(JSONError) in try scanner.textOrSkip() }
        guard let text = text?.string(in: scanner.bytes), !text.isEmpty else {
            throw PeopleFileError(path: path, message: "no text")
        }
        return text
    }

    private mutating func finish() throws(PeopleFileError) {
        try step { scanner throws(JSONError) in try scanner.finish() }
    }

    private mutating func step<Value>(
        _ read: (inout JSONScanner) throws(JSONError) -> Value
    ) throws(PeopleFileError) -> Value {
        do throws(JSONError) { return try read(&scanner) } catch { throw Parser.noJSON(error) }
    }

    private static func checked<Value>(_ read: () throws(JSONError) -> Value) throws(PeopleFileError) -> Value {
        do throws(JSONError) { return try read() } catch { throw noJSON(error) }
    }

    private static func noJSON(_ error: JSONError) -> PeopleFileError {
        PeopleFileError(path: "", message: "no JSON: \(error)")
    }
}
