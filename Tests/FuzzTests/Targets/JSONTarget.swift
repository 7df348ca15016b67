import Foundation
import Wire

/// The scanner and Foundation agree on what is JSON and on what it says; what is written is read back.
enum JSONTarget {
    static func check(_ bytes: UnsafeRawBufferPointer) throws {
        let ours = Result { () throws(JSONError) in try JSONTree(bytes) }
        let foundation = FoundationJSON(bytes)
        switch (ours, foundation.value) {
        case (.success(let tree), let value?):
            try require(
                tree.repeatsNames || FoundationJSON.agrees(value, with: tree),
                "another value than Foundation's"
            )
        case (.success(let tree), nil):
            try require(FoundationJSON.isBeyondDouble(tree), "taken, though Foundation refuses it")
        case (.failure(let error), _?):
            try require(foundation.isLaxer(than: error), "refused (\(error)), though Foundation takes it")
        case (.failure, nil): break
        }
        guard case .success(let tree) = ours else { return }
        var json = JSONWriter()
        tree.write(to: &json)
        try json.bytes.withUnsafeBytes { written in
            try require(try JSONTree(written) == tree, "another value when written and read")
        }
        let lines = JSONIndentation.indented(json.bytes)
        try lines.withUnsafeBytes { try require(try JSONTree($0) == tree, "another value when broken into lines") }
        try checkPlaces(bytes)
    }

    /// The places of a text's characters join, in order, and spell the characters.
    private static func checkPlaces(_ bytes: UnsafeRawBufferPointer) throws {
        var scanner = try JSONScanner(bytes)
        guard try scanner.kind() == .string else { return }
        let text = try scanner.text()
        let (characters, starts) = text.places(in: bytes)
        try require(text.withCharacters(in: bytes) { $0.elementsEqual(characters) }, "places spell something else")
        try require(starts.count == characters.count + 1 && starts == starts.sorted(), "places out of order")
    }
}

/// JSON as Foundation reads it, and where it is known to read otherwise than RFC 8259 and the scanner:
///
/// - It takes a comma before a closing bracket, a byte order mark, and UTF-16 and UTF-32.
/// - It nests 512 deep, the scanner 128.
/// - It drops a byte order mark at the start of a text, and right behind an escape.
/// - A decimal of many digits can be one off in the last binary digit.
/// - It refuses numbers that no `Double` comes near, as `1e400`, which the scanner leaves to its caller.
struct FoundationJSON {
    private let bytes: UnsafeRawBufferPointer
    let value: Any?

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        value = try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
    }

    /// Whether what the scanner refuses is one of the things that Foundation takes besides JSON.
    func isLaxer(than error: JSONError) -> Bool {
        if error.code == .tooDeep { return true }
        // UTF-8 has no zero bytes but for the character that JSON does not allow.
        if bytes.prefix(4).contains(0) { return true }
        let marks: [[UInt8]] = [[0xef, 0xbb, 0xbf], [0xfe, 0xff], [0xff, 0xfe]]
        if marks.contains(where: { bytes.starts(with: $0) }) { return true }
        guard error.code == .unexpectedByte, error.offset < bytes.count,
            [UInt8(ascii: "]"), UInt8(ascii: "}")].contains(bytes[error.offset])
        else { return false }
        let before = bytes[..<error.offset].last { ![0x20, 0x09, 0x0a, 0x0d].contains($0) }
        return before == UInt8(ascii: ",")
    }

    /// Whether a number in it is larger than any `Double`.
    static func isBeyondDouble(_ tree: JSONTree) -> Bool {
        switch tree {
        case .object(let members): members.contains { isBeyondDouble($0.value) }
        case .array(let elements): elements.contains { isBeyondDouble($0) }
        case .number(let text): Double(text).map { !$0.isFinite } ?? true
        default: false
        }
    }

    static func agrees(_ value: Any, with tree: JSONTree) -> Bool {
        switch tree {
        case .object(let members):
            guard let object = value as? [String: Any], object.count == members.count else { return false }
            return members.allSatisfy { member in
                let name = withoutMarks(member.name)
                let found =
                    object[String(decoding: member.name, as: UTF8.self)]
                    ?? object.first { withoutMarks(Array($0.key.utf8)) == name }?.value
                return found.map { agrees($0, with: member.value) } ?? false
            }
        case .array(let elements):
            guard let array = value as? [Any], array.count == elements.count else { return false }
            return zip(array, elements).allSatisfy { agrees($0, with: $1) }
        case .string(let text):
            guard let string = value as? String else { return false }
            return string.utf8.elementsEqual(text) || withoutMarks(Array(string.utf8)) == withoutMarks(text)
        case .number(let text):
            guard let number = value as? NSNumber, !isBool(number) else { return false }
            if let whole = Int64(text) { return number.int64Value == whole && number.stringValue == String(whole) }
            guard let double = Double(text) else { return false }
            return abs(double - number.doubleValue) <= abs(double) * 1e-14
        case .bool(let bool): return (value as? NSNumber).map { isBool($0) && $0.boolValue == bool } ?? false
        case .null: return value is NSNull
        }
    }

    private static func withoutMarks(_ text: [UInt8]) -> [UInt8] {
        var rest: [UInt8] = []
        for byte in text {
            rest.append(byte)
            if rest.suffix(3) == [0xef, 0xbb, 0xbf] { rest.removeLast(3) }
        }
        return rest
    }

    /// 1 is `true` to every cast; the type that it was made of tells.
    private static func isBool(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }
}
