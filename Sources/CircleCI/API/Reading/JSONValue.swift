import Wire

/// A value of an answer's JSON, where it stands in the body. What lies in it is read when it is asked for.
struct JSONValue {
    let range: Range<Int>
    let kind: JSONScanner.Kind

    /// The value that fills `body`, all of it checked.
    init(whole body: [UInt8]) throws(JSONError) {
        self = try JSONValue.scan(body, 0..<body.count) { scanner throws(JSONError) in
            let value = try JSONValue(&scanner, offset: 0)
            try scanner.finish()
            return value
        }
    }

    private init(_ scanner: inout JSONScanner, offset: Int) throws(JSONError) {
        kind = try scanner.kind()
        let start = scanner.position
        try scanner.skipValue()
        range = (offset + start)..<(offset + scanner.position)
    }

    /// Its members; of two with one name the later. Empty where it is no object.
    func members(in body: [UInt8]) throws(JSONError) -> [String: JSONValue] {
        try JSONValue.scan(body, range) { scanner throws(JSONError) in
            var members: [String: JSONValue] = [:]
            guard var walk = try scanner.enterObject() else { return members }
            while let name = try scanner.nextMember(&walk) {
                members[name.string(in: scanner.bytes)] = try JSONValue(&scanner, offset: range.lowerBound)
            }
            return members
        }
    }

    /// Its elements. Empty where it is no array.
    func elements(in body: [UInt8]) throws(JSONError) -> [JSONValue] {
        try JSONValue.scan(body, range) { scanner throws(JSONError) in
            var elements: [JSONValue] = []
            guard var walk = try scanner.enterArray() else { return elements }
            while try scanner.nextElement(&walk) {
                elements.append(try JSONValue(&scanner, offset: range.lowerBound))
            }
            return elements
        }
    }

    /// The characters of a string; nil for any other value.
    func text(in body: [UInt8]) -> String? {
        try? JSONValue.scan(body, range) { scanner throws(JSONError) in
            try scanner.textOrSkip()?.string(in: scanner.bytes)
        }
    }

    /// A whole number, also one that is written as a string; nil for any other value.
    func integer(in body: [UInt8]) -> Int? {
        let value = try? JSONValue.scan(body, range) { scanner throws(JSONError) in try scanner.integerOrSkip() }
        return value.flatMap { Int(exactly: $0) }
    }

    func bool(in body: [UInt8]) -> Bool? {
        try? JSONValue.scan(body, range) { scanner throws(JSONError) in try scanner.boolOrSkip() }
    }

    /// Its bytes on one line: white space between tokens is left out, everything else stays as it is.
    func compact(in body: [UInt8]) -> [UInt8] {
        var compact: [UInt8] = []
        compact.reserveCapacity(range.count)
        var isInString = false
        var isEscaped = false
        for byte in body[range] {
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
            } else if byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 {
                continue
            } else if byte == UInt8(ascii: "\"") {
                isInString = true
            }
            compact.append(byte)
        }
        return compact
    }

    /// Scans a part of a body. The closure of `withUnsafeBytes` cannot carry a typed error, so its outcome is carried.
    private static func scan<Value>(
        _ body: [UInt8],
        _ range: Range<Int>,
        _ read: (inout JSONScanner) throws(JSONError) -> Value
    ) throws(JSONError) -> Value {
        let outcome = body[range].withUnsafeBytes { bytes -> Result<Value, JSONError> in
            do throws(JSONError) {
                var scanner = try JSONScanner(bytes)
                return .success(try read(&scanner))
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }
}
