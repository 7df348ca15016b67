import Usage
import Wire

/// Where a body says who somebody is: every text that has to go when that person is erased.
///
/// - Of an e-mail address: the address wherever it stands, also inside longer texts such as `Signed-off-by: Ann <...>`, the
///   name before it there, and the names that stand beside it in an object, `name` beside `email` and `commit_author_name`
///   beside `commit_author_email`.
/// - Of `login:NAME`: the members that hold a login.
/// - Of `user:ID`: the id wherever it stands if it has the form of a UUID, else only as a user of the usage export.
/// - Of an author's name: where it stands as an author without an address.
struct PersonText: Sendable {
    enum Kind: Sendable {
        case address, login, user, name
    }

    let kind: Kind
    /// In small letters, but for a name.
    private let needle: [UInt8]

    /// Nil for what is nobody's: too short to be erased.
    init?(_ identity: PersonIdentity) {
        let text = identity.text
        let wanted: String
        if text.hasPrefix("login:") {
            kind = .login
            wanted = String(text.dropFirst("login:".count)).lowercased()
        } else if text.hasPrefix("user:") {
            kind = .user
            wanted = String(text.dropFirst("user:".count)).lowercased()
        } else if text.utf8.contains(UInt8(ascii: "@")) {
            kind = .address
            wanted = text
        } else {
            kind = .name
            wanted = text
        }
        needle = Array(wanted.utf8)
        guard needle.count > 1 else { return nil }
    }

    /// Whether the text is so much one person's that it can be looked for anywhere.
    var isTelling: Bool { kind == .address || kind == .user && PersonText.isUUID(needle) }

    private static func isUUID(_ text: [UInt8]) -> Bool {
        text.count == 36
            && text.indices.allSatisfy { index in
                [8, 13, 18, 23].contains(index) ? text[index] == UInt8(ascii: "-") : Hex.value(text[index]) != nil
            }
    }

    /// The places in a body, in any order; some may lie over others.
    func places(in body: UnsafeRawBufferPointer) -> [Range<Int>] {
        guard mayHold(body) else { return [] }
        var walk = Walk(person: self)
        do throws(JSONError) {
            var scanner = try JSONScanner(body)
            try walk.value(&scanner, member: "", parent: "")
            try scanner.finish()
        } catch {
            return isTelling ? anyOccurrences(in: Array(body)) : []
        }
        return walk.places + walk.sameNames(in: body)
    }

    /// Whether a look at the members is worth it: the text as it is, or in escapes.
    private func mayHold(_ body: UnsafeRawBufferPointer) -> Bool {
        guard needle.allSatisfy({ $0 < 0x80 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) else {
            return true
        }
        return TextSearch.first(needle, in: body, from: 0, ignoringCase: true) != nil
            || TextSearch.first([UInt8(ascii: "\\"), UInt8(ascii: "u")], in: body, from: 0, ignoringCase: false) != nil
    }

    /// Where the address or id stands in characters, with nothing around it that would make it another one.
    /// - Parameter areEscaped: Whether a letter before it may be the end of an escape.
    func occurrences(in characters: [UInt8], areEscaped: Bool = false) -> [Range<Int>] {
        let characters = isASCII ? characters : TextSearch.lowercased(characters)
        return characters.withUnsafeBytes { characters in
            everyPlace(in: characters).filter { range in
                let isAfterEscape = areEscaped && TextSearch.isEscape(before: range.lowerBound, in: characters)
                return (isAfterEscape || !isLonger(before: range.lowerBound, in: characters))
                    && !isLonger(behind: range.upperBound, in: characters)
            }
        }
    }

    /// Where it stands in a body whose texts cannot be told apart, whatever is around it: rather too much goes than too
    /// little.
    private func anyOccurrences(in body: [UInt8]) -> [Range<Int>] {
        let (characters, starts) = TextSearch.unescaped(body)
        return (isASCII ? characters : TextSearch.lowercased(characters)).withUnsafeBytes { characters in
            everyPlace(in: characters).map { starts[$0.lowerBound]..<starts[$0.upperBound] }
        }
    }

    /// Whether a body that is no JSON holds the text, where it cannot be told whose it is.
    func isUncertain(in body: [UInt8]) -> Bool {
        guard !isTelling else { return false }
        return body.withUnsafeBytes { bytes in
            do throws(JSONError) {
                var scanner = try JSONScanner(bytes)
                try scanner.skipValue()
                try scanner.finish()
                return false
            } catch {
                return !anyOccurrences(in: body).isEmpty
            }
        }
    }

    private var isASCII: Bool { needle.allSatisfy { $0 < 0x80 } }

    private func everyPlace(in characters: UnsafeRawBufferPointer) -> [Range<Int>] {
        var found: [Range<Int>] = []
        while let place = TextSearch.first(
            needle,
            in: characters,
            from: found.last.map { $0.lowerBound + 1 } ?? 0,
            ignoringCase: true
        ) {
            found.append(place..<(place + needle.count))
        }
        return found
    }

    /// Whether the text begins before a place, as `o'neil@example.com` does before `neil`. A quote around it does not
    /// belong with it; nor do the marks that paths, branches and queries have before an address, as
    /// `users/ann@example.com`.
    private func isLonger(before place: Int, in characters: UnsafeRawBufferPointer) -> Bool {
        var index = place - 1
        guard index >= 0 else { return false }
        if kind == .address {
            while index >= 0, PersonText.marks.contains(characters[index]) { index -= 1 }
            guard index >= 0 else { return false }
        }
        return isPart(characters[index], before: true)
    }

    /// Whether the text goes on behind a place.
    private func isLonger(behind place: Int, in characters: UnsafeRawBufferPointer) -> Bool {
        guard place < characters.count else { return false }
        let next = characters[place]
        // A full stop ends a sentence or goes on with a domain.
        guard next == UInt8(ascii: "."), kind == .address else { return isPart(next, before: false) }
        return place + 1 < characters.count && isPart(characters[place + 1], before: false)
    }

    /// Beside letters and digits, what a local part may have.
    private static let marks: [UInt8] = Array("'!$^`~".utf8)

    /// Whether a character beside the text belongs with it.
    private func isPart(_ byte: UInt8, before: Bool) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        case UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "%"): kind == .address && before
        default: false
        }
    }

    fileprivate func isEqual(_ characters: [UInt8]) -> Bool {
        if characters == needle { return true }
        guard kind != .name else { return false }
        return Array(String(decoding: characters, as: UTF8.self).lowercased().utf8) == needle
    }

    /// In `Signed-off-by: Ann <ann@example.com>`, of the address the place of the name.
    fileprivate static func nameBefore(_ address: Range<Int>, in characters: [UInt8]) -> Range<Int>? {
        guard address.lowerBound > 0, characters[address.lowerBound - 1] == UInt8(ascii: "<") else { return nil }
        let breaks: [UInt8] = Array("\n\r:,;<>".utf8)
        var end = address.lowerBound - 1
        while end > 0, characters[end - 1] == UInt8(ascii: " ") { end -= 1 }
        var start = end
        while start > 0, !breaks.contains(characters[start - 1]) { start -= 1 }
        while start < end, characters[start] == UInt8(ascii: " ") { start += 1 }
        return start < end ? start..<end : nil
    }
}

/// A walk through all texts of a body.
private struct Walk {
    let person: PersonText
    private(set) var places: [Range<Int>] = []
    /// Members that may hold a name or a login of somebody who is named elsewhere in the body.
    private var handles: [JSONText] = []
    /// Names that stood beside the address.
    private var names: [JSONText] = []

    private static let handleMembers: Set<String> = ["login", "username", "user_name", "user_username", "user_login"]
    private static let people: Set<String> = ["author", "committer"]
    /// Around or between addresses.
    private static let addressBreaks: [UInt8] = Array("<>,;:\"".utf8)

    init(person: PersonText) {
        self.person = person
    }

    /// Reads the value that comes next.
    /// - Parameters:
    ///   - member: Its name; of an array's element, the array's.
    ///   - parent: The name of the object that it is a member of.
    mutating func value(_ scanner: inout JSONScanner, member: String, parent: String) throws(JSONError) {
        switch try scanner.kind() {
        case .object: try object(&scanner, member, in: parent)
        case .array:
            guard var walk = try scanner.enterArray() else { return }
            while try scanner.nextElement(&walk) { try value(&scanner, member: member, parent: parent) }
        case .string: note(try scanner.text(), in: scanner.bytes)
        default: try scanner.skipValue()
        }
    }

    private mutating func object(_ scanner: inout JSONScanner, _ member: String, in parent: String) throws(JSONError) {
        guard var walk = try scanner.enterObject() else { return }
        var texts: [(member: String, text: JSONText)] = []
        while let name = try scanner.nextMember(&walk) {
            note(name, in: scanner.bytes)
            let name = name.string(in: scanner.bytes)
            if try scanner.kind() == .string {
                let text = try scanner.text()
                if !isBareAddress(text, of: name, in: scanner.bytes) { note(text, in: scanner.bytes) }
                texts.append((name, text))
            } else {
                try value(&scanner, member: name, parent: member)
            }
        }
        let bytes = scanner.bytes
        switch person.kind {
        case .address: noteNames(beside: texts, in: bytes)
        case .login:
            for (member, text) in texts where Walk.handleMembers.contains(member) && isPerson(text, in: bytes) {
                add(text)
            }
        case .name:
            for (name, text) in texts where isPerson(text, in: bytes) {
                guard let email = Walk.email(ofName: name, in: member) else { continue }
                if !texts.contains(where: { $0.member == email && $0.text.count > 0 }) { add(text) }
            }
        case .user:
            guard member == "user", parent == "usage" else { break }
            for (name, text) in texts where name == "id" && isPerson(text, in: bytes) { add(text) }
        }
    }

    /// The member with the address of whom a member names as an author; nil where it names none.
    private static func email(ofName name: String, in parent: String) -> String? {
        if name == "name" { return people.contains(parent) ? "email" : nil }
        return name == "commit_author_name" ? "commit_author_email" : nil
    }

    private mutating func noteNames(beside texts: [(member: String, text: JSONText)], in bytes: UnsafeRawBufferPointer)
    {
        for (member, text) in texts {
            if Walk.handleMembers.contains(member) { handles.append(text) }
            guard member.hasSuffix("email"), isPerson(text, in: bytes) else { continue }
            add(text)
            let prefix = member.dropLast("email".count)
            for (other, name) in texts {
                guard ["name", "username", "login"].contains(where: { other == prefix + $0 }), name.count > 0 else {
                    continue
                }
                add(name)
                names.append(name)
            }
        }
    }

    /// Members of the body that repeat a name which stood beside the address, as `user_username` does.
    func sameNames(in bytes: UnsafeRawBufferPointer) -> [Range<Int>] {
        let known = names.map { $0.string(in: bytes) }.filter { $0.utf8.count > 1 }
        return handles.filter { known.contains($0.string(in: bytes)) }.map(\.range)
    }

    private func isPerson(_ text: JSONText, in bytes: UnsafeRawBufferPointer) -> Bool {
        text.withCharacters(in: bytes) { person.isEqual(Array($0)) }
    }

    /// Whether the text is one address and nothing else: it is the person's as a whole or not at all.
    private func isBareAddress(_ text: JSONText, of member: String, in bytes: UnsafeRawBufferPointer) -> Bool {
        guard person.kind == .address, member.hasSuffix("email") else { return false }
        return text.withCharacters(in: bytes) { characters in
            characters.allSatisfy { $0 > UInt8(ascii: " ") && !Walk.addressBreaks.contains($0) }
        }
    }

    private mutating func add(_ text: JSONText) { places.append(text.range) }

    /// Looks through a text for the address or id.
    private mutating func note(_ text: JSONText, in bytes: UnsafeRawBufferPointer) {
        guard person.isTelling, text.count > 0 else { return }
        let (characters, starts) = text.places(in: bytes)
        for found in person.occurrences(in: characters) {
            places.append(starts[found.lowerBound]..<starts[found.upperBound])
            if person.kind == .address, let name = PersonText.nameBefore(found, in: characters) {
                places.append(starts[name.lowerBound]..<starts[name.upperBound])
            }
        }
    }
}

extension JSONText {
    fileprivate var range: Range<Int> { Int(start)..<(Int(start) + Int(count)) }
}
