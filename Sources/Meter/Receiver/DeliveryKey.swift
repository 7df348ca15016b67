import Wire

/// What makes two deliveries the same: their connection, the webhook they were sent for and the event's id. CircleCI
/// promises the id to be unique per event; whether two webhooks share it is unknown.
enum DeliveryKey {
    enum Reading: Equatable {
        /// One JSON object. Without an id, the key is nil: never a duplicate.
        case object(key: UInt128?)
        /// Anything else, and why.
        case notAnObject(reason: String)
    }

    /// Reads a body. All of it is checked.
    static func read(_ body: UnsafeRawBufferPointer, connection: String) -> Reading {
        do throws(JSONError) {
            var scanner = try JSONScanner(body)
            guard try scanner.kind() == .object, var members = try scanner.enterObject() else {
                try scanner.skipValue()
                try scanner.finish()
                return .notAnObject(reason: "not_an_object")
            }
            var id: UInt128?
            var webhook: UInt128 = 0
            while let name = try scanner.nextMember(&members) {
                if scanner.matches(name, "id") {
                    id = try identity(&scanner)
                } else if scanner.matches(name, "webhook"), var webhookMembers = try scanner.enterObject() {
                    while let name = try scanner.nextMember(&webhookMembers) {
                        if scanner.matches(name, "id") {
                            webhook = try identity(&scanner) ?? 0
                        } else {
                            try scanner.skipValue()
                        }
                    }
                } else if !scanner.matches(name, "webhook") {
                    try scanner.skipValue()
                }
            }
            try scanner.finish()
            return .object(
                key: id.map { Identity.combine(Identity.combine(Identity.of(connection), webhook), $0) }
            )
        } catch {
            return .notAnObject(reason: error.code.rawValue)
        }
    }

    /// What a body's event calls itself: the member `type`; nil where it is no text, empty, or the body no object.
    static func type(of body: UnsafeRawBufferPointer) -> String? {
        do throws(JSONError) {
            var scanner = try JSONScanner(body)
            guard try scanner.kind() == .object, var members = try scanner.enterObject() else { return nil }
            var type: String?
            while let name = try scanner.nextMember(&members) {
                guard scanner.matches(name, "type") else {
                    try scanner.skipValue()
                    continue
                }
                if let text = try scanner.textOrSkip(), text.count > 0 { type = text.string(in: body) }
            }
            try scanner.finish()
            return type
        } catch {
            return nil
        }
    }

    /// The key of a body that is on the log; nil where it has none.
    static func of(_ body: UnsafeRawBufferPointer, connection: String) -> UInt128? {
        guard case .object(let key) = read(body, connection: connection) else { return nil }
        return key
    }

    private static func identity(_ scanner: inout JSONScanner) throws(JSONError) -> UInt128? {
        let bytes = scanner.bytes
        guard let text = try scanner.textOrSkip(), text.count > 0 else { return nil }
        return text.identity(in: bytes)
    }
}
