import CircleCI
import Wire

extension Acknowledgement.Answer {
    /// Reads `{"status":"accepted","sequence":7}` and its like; anything else is ``other``.
    init(_ body: [UInt8]) {
        self = body.withUnsafeBytes { (try? Self.read($0)) ?? .other }
    }

    private static func read(_ body: UnsafeRawBufferPointer) throws(JSONError) -> Acknowledgement.Answer {
        var scanner = try JSONScanner(body)
        guard try scanner.kind() == .object, var walk = try scanner.enterObject() else { return .other }
        var status = ""
        var sequence: Int64?
        while let name = try scanner.nextMember(&walk) {
            if scanner.matches(name, "status") {
                status = try scanner.textOrSkip()?.string(in: body) ?? ""
            } else if scanner.matches(name, "sequence") {
                sequence = try scanner.integerOrSkip()
            } else {
                try scanner.skipValue()
            }
        }
        try scanner.finish()
        switch (status, sequence) {
        case ("accepted", let sequence?): return .accepted(sequence: Int(sequence))
        case ("duplicate", _): return .duplicate
        case ("quarantined", _): return .quarantined
        default: return .other
        }
    }
}
