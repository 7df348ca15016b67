/// Takes a page apart as browsers do, and stricter: what a browser would mend is an error here.
struct HTMLReader {
    struct Attribute: Hashable {
        var element: String
        var name: String
        var value: String
    }

    struct Text: Hashable {
        /// The innermost element that is open around it.
        var element: String
        var text: String
    }

    struct Problem: Error, CustomStringConvertible {
        var description: String
    }

    /// Each element with the names of its attributes, in the page's order, such as `a[class,href]`.
    private(set) var elements: [String] = []
    private(set) var attributes: [Attribute] = []
    private(set) var texts: [Text] = []

    private static let void: Set<String> = ["meta", "link", "input", "br", "img", "hr"]
    /// Where nothing counts but the element's own end.
    private static let rawElements: Set<String> = ["script", "style"]
    /// Where `<` is text; this program writes none.
    private static let textElements: Set<String> = ["title", "textarea"]
    private static let references: [String: UInt8] = [
        "amp": 0x26, "lt": 0x3c, "gt": 0x3e, "quot": 0x22, "#39": 0x27,
    ]

    private let bytes: [UInt8]
    private var index = 0
    private var open: [String] = []
    private var text: [UInt8] = []

    init(_ html: String) throws(Problem) {
        // Line ends are normalized before anything else.
        var bytes: [UInt8] = []
        let source = Array(html.utf8)
        bytes.reserveCapacity(source.count)
        for (place, byte) in source.enumerated() {
            if byte == 0x0d {
                if place + 1 == source.count || source[place + 1] != 0x0a { bytes.append(0x0a) }
            } else {
                bytes.append(byte)
            }
        }
        guard !bytes.contains(0) else { throw Problem(description: "a zero byte") }
        self.bytes = bytes
        try read()
    }

    private mutating func read() throws(Problem) {
        while index < bytes.count {
            if let element = open.last, HTMLReader.rawElements.contains(element), !isAt("</\(element)>") {
                text.append(bytes[index])
                index += 1
            } else if bytes[index] == UInt8(ascii: "<") {
                if let element = open.last, HTMLReader.textElements.contains(element), !isAt("</\(element)>") {
                    throw problem("'<' inside \(element)")
                }
                endText()
                try readTag()
            } else {
                let character = try readCharacter()
                text.append(character)
            }
        }
        endText()
        guard open.isEmpty else { throw problem("not closed: \(open.joined(separator: ", "))") }
    }

    private mutating func readTag() throws(Problem) {
        if isAt("<!doctype html>") {
            index += "<!doctype html>".utf8.count
            return
        }
        index += 1
        if take("/") {
            let name = readName()
            guard take(">") else { throw problem("an end tag with more than its name") }
            guard open.popLast() == name else { throw problem("</\(name)> closes another element") }
            return
        }
        let name = readName()
        guard !name.isEmpty else { throw problem("'<' that begins no tag") }
        var names: [String] = []
        while !take(">") {
            guard takeSpace() else { throw problem("no space before an attribute of \(name)") }
            if take(">") { break }
            let attribute = readName()
            guard !attribute.isEmpty, !names.contains(attribute) else { throw problem("a bad attribute of \(name)") }
            names.append(attribute)
            guard take("=") else { continue }
            guard take("\"") else { throw problem("a value without quotes, of \(attribute)") }
            var value: [UInt8] = []
            while !take("\"") {
                guard index < bytes.count else { throw problem("a value that does not end") }
                value.append(try readCharacter())
            }
            attributes.append(Attribute(element: name, name: attribute, value: String(decoding: value, as: UTF8.self)))
        }
        elements.append("\(name)[\(names.sorted().joined(separator: ","))]")
        if !HTMLReader.void.contains(name) { open.append(name) }
    }

    private mutating func readCharacter() throws(Problem) -> UInt8 {
        guard bytes[index] == UInt8(ascii: "&") else {
            index += 1
            return bytes[index - 1]
        }
        let name = bytes[(index + 1)...].prefix(8).prefix { $0 != UInt8(ascii: ";") }
        guard let character = HTMLReader.references[String(decoding: name, as: UTF8.self)],
            index + 1 + name.count < bytes.count, bytes[index + 1 + name.count] == UInt8(ascii: ";")
        else { throw problem("'&' that begins no reference") }
        index += name.count + 2
        return character
    }

    private mutating func readName() -> String {
        let name = bytes[index...].prefix {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
        }
        index += name.count
        return String(decoding: name, as: UTF8.self)
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard index < bytes.count, bytes[index] == UInt8(ascii: character) else { return false }
        index += 1
        return true
    }

    private mutating func takeSpace() -> Bool {
        let count = bytes[index...].prefix { $0 == 0x20 || $0 == 0x0a }.count
        index += count
        return count > 0
    }

    private func isAt(_ text: String) -> Bool { bytes[index...].starts(with: text.utf8) }

    private mutating func endText() {
        guard !text.isEmpty else { return }
        texts.append(Text(element: open.last ?? "", text: String(decoding: text, as: UTF8.self)))
        text.removeAll(keepingCapacity: true)
    }

    private func problem(_ what: String) -> Problem {
        let around = bytes[max(0, index - 80)..<min(bytes.count, index + 40)]
        return Problem(description: "\(what), at \(index): \(String(decoding: around, as: UTF8.self).debugDescription)")
    }
}
