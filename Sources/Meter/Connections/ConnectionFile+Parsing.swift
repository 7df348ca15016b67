import Wire

extension ConnectionFile {
    struct Content {
        var version: Int64
        var connections: [Stored] = []
        var seal: String?
    }

    /// A connection as the file states it: secrets sealed, nothing checked.
    struct Stored {
        struct Secret {
            var sealed: String?
            var validFrom: Timestamp?
            var validUntil: Timestamp?
        }

        struct Hook {
            var projectID: String?
            var slug: String?
            var webhookID: String?
            var createdAt: Timestamp?
        }

        var id: String?
        var organization: String?
        var addedAt: Timestamp?
        var projects: [String] = []
        var secrets: [Secret] = []
        var apiKey: String?
        var keyExpires: Day?
        var hooks: [Hook] = []
    }

    /// What a file of this version or of an earlier one holds; a member that is not known is passed over.
    ///
    /// - Throws: where the bytes are not JSON, or are of a later version, which is an `unexpected_byte` at the number.
    static func parse(_ bytes: [UInt8]) throws(JSONError) -> Content {
        let result = bytes.withUnsafeBytes { bytes -> Result<Content, JSONError> in
            do throws(JSONError) { return .success(try parse(bytes)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private static func parse(_ bytes: UnsafeRawBufferPointer) throws(JSONError) -> Content {
        var scanner = try JSONScanner(bytes)
        var content = Content(version: 0)
        if var file = try scanner.enterObject() {
            while let name = try scanner.nextMember(&file) {
                if scanner.matches(name, "circlemeter_connections") {
                    let start = scanner.position
                    content.version = try scanner.integerOrSkip() ?? 0
                    guard 1...Int64(version) ~= content.version else {
                        throw JSONError(code: .unexpectedByte, offset: start)
                    }
                } else if scanner.matches(name, "seal") {
                    content.seal = try string(&scanner)
                } else if scanner.matches(name, "connections"), var list = try scanner.enterArray() {
                    while try scanner.nextElement(&list) { content.connections.append(try connection(&scanner)) }
                } else {
                    try scanner.skipValue()
                }
            }
        }
        try scanner.finish()
        guard content.version > 0 else { throw JSONError(code: .unexpectedByte, offset: 0) }
        return content
    }

    private static func connection(_ scanner: inout JSONScanner) throws(JSONError) -> Stored {
        var stored = Stored()
        guard var members = try scanner.enterObject() else { return stored }
        while let name = try scanner.nextMember(&members) {
            if scanner.matches(name, "id") {
                stored.id = try string(&scanner)
            } else if scanner.matches(name, "organization") {
                stored.organization = try string(&scanner)
            } else if scanner.matches(name, "added_at") {
                stored.addedAt = try string(&scanner).flatMap { Timestamp($0) }
            } else if scanner.matches(name, "api_key") {
                stored.apiKey = try string(&scanner)
            } else if scanner.matches(name, "key_expires") {
                stored.keyExpires = try string(&scanner).flatMap { Day($0) }
            } else if scanner.matches(name, "projects"), var list = try scanner.enterArray() {
                while try scanner.nextElement(&list) {
                    if let project = try string(&scanner) { stored.projects.append(project) }
                }
            } else if scanner.matches(name, "webhook_secrets"), var list = try scanner.enterArray() {
                while try scanner.nextElement(&list) { stored.secrets.append(try secret(&scanner)) }
            } else if scanner.matches(name, "hooks"), var list = try scanner.enterArray() {
                while try scanner.nextElement(&list) { stored.hooks.append(try hook(&scanner)) }
            } else {
                try scanner.skipValue()
            }
        }
        return stored
    }

    private static func secret(_ scanner: inout JSONScanner) throws(JSONError) -> Stored.Secret {
        var secret = Stored.Secret()
        guard var members = try scanner.enterObject() else { return secret }
        while let name = try scanner.nextMember(&members) {
            if scanner.matches(name, "sealed") {
                secret.sealed = try string(&scanner)
            } else if scanner.matches(name, "valid_from") {
                secret.validFrom = try string(&scanner).flatMap { Timestamp($0) }
            } else if scanner.matches(name, "valid_until") {
                secret.validUntil = try string(&scanner).flatMap { Timestamp($0) }
            } else {
                try scanner.skipValue()
            }
        }
        return secret
    }

    private static func hook(_ scanner: inout JSONScanner) throws(JSONError) -> Stored.Hook {
        var hook = Stored.Hook()
        guard var members = try scanner.enterObject() else { return hook }
        while let name = try scanner.nextMember(&members) {
            if scanner.matches(name, "project_id") {
                hook.projectID = try string(&scanner)
            } else if scanner.matches(name, "slug") {
                hook.slug = try string(&scanner)
            } else if scanner.matches(name, "webhook_id") {
                hook.webhookID = try string(&scanner)
            } else if scanner.matches(name, "created_at") {
                hook.createdAt = try string(&scanner).flatMap { Timestamp($0) }
            } else {
                try scanner.skipValue()
            }
        }
        return hook
    }

    private static func string(_ scanner: inout JSONScanner) throws(JSONError) -> String? {
        let bytes = scanner.bytes
        return try scanner.textOrSkip()?.string(in: bytes)
    }
}
