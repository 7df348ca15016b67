import Wire

/// The form of `connections.json`: for people to read, but for what is sealed.
///
///     {"circlemeter_connections":2,"connections":[{"id","organization","added_at","projects":[],
///      "webhook_secrets":[{"sealed","valid_from","valid_until"}],"api_key","key_expires",
///      "hooks":[{"project_id","slug","webhook_id","created_at"}]}],
///      "seal"}
///
/// `seal` is the SHA-256, sealed, of every byte before it: what the file says in plain text is as it was written, too, or
/// the file is refused. A file of version 1 has no seal; the next change writes version 2. `hooks` came later: a file
/// without it has none.
struct ConnectionFile {
    static let version = 2
    static let name = "connections.json"
    static let maximumBytes = 16 << 20

    let path: String
    let vault: Vault

    init(dataDirectory: String, vault: Vault) {
        path = "\(dataDirectory)/\(ConnectionFile.name)"
        self.vault = vault
    }

    /// The connections by id; none where there is no file. Blocking.
    ///
    /// - Throws: `unreadable_file`, `permissions_too_wide`, `sealed_with_another_key`, `sealed_value_damaged`, and what
    ///   ``Connection`` refuses.
    func read() throws(MeterError) -> [String: Connection] {
        guard let bytes = try PrivateFile.read(path, maximumBytes: ConnectionFile.maximumBytes) else { return [:] }
        let content: Content
        do throws(JSONError) {
            content = try ConnectionFile.parse(bytes)
        } catch {
            throw MeterError(
                .unreadableFile,
                "The file is not JSON",
                at: path,
                cause: error,
                hint: ConnectionFile.restoringHint
            )
        }
        if content.version > 1 { try checkSeal(content.seal, of: bytes) }
        var connections: [String: Connection] = [:]
        for stored in content.connections {
            let connection = try open(stored)
            guard connections.updateValue(connection, forKey: connection.id) == nil else {
                throw MeterError(.unreadableFile, "The connection \(connection.id) is in the file twice", at: path)
            }
        }
        return connections
    }

    /// Replaces the file. Every secret is sealed anew. Blocking.
    ///
    /// - Throws: `cryptography`, `unwritable_file`.
    func write(_ connections: [String: Connection]) throws(MeterError) {
        var sealed: [(connection: Connection, secrets: [String], apiKey: String?)] = []
        for (_, connection) in connections.sorted(by: { $0.key < $1.key }) {
            var secrets: [String] = []
            for secret in connection.webhookSecrets {
                secrets.append(try vault.seal(secret.secret, for: .webhookSecret, of: connection.id))
            }
            var apiKey: String?
            if let key = connection.apiKey { apiKey = try vault.seal(key, for: .apiKey, of: connection.id) }
            sealed.append((connection, secrets, apiKey))
        }
        var writer = JSONWriter()
        writer.object { file in
            file.member("circlemeter_connections", ConnectionFile.version)
            file.name("connections")
            file.array { list in
                for (connection, secrets, apiKey) in sealed {
                    list.object { ConnectionFile.write(connection, secrets, apiKey, to: &$0) }
                }
            }
        }
        // A line of its own behind everything else.
        let covered = Array(JSONIndentation.indented(writer.bytes).dropLast(ConnectionFile.end.count))
        let digest = Secret(Randomness.sha256(covered))
        let seal = try vault.seal(digest, for: .connectionFile, of: ConnectionFile.name)
        let bytes = covered + ConnectionFile.sealStart + Array("\"\(seal)\"".utf8) + ConnectionFile.end
        try PrivateFile.replace(path, with: bytes)
    }

    private static let sealStart = Array(",\n  \"seal\": ".utf8)
    private static let end = Array("\n}\n".utf8)
    private static let restoringHint = "restore the file from a backup, or remove it and add the connections anew"

    /// - Throws: `sealed_value_damaged`, `sealed_with_another_key`.
    private func checkSeal(_ seal: String?, of bytes: [UInt8]) throws(MeterError) {
        let digest: Secret
        do throws(MeterError) {
            digest = try vault.open(seal ?? "", for: .connectionFile, of: ConnectionFile.name)
        } catch {
            let isOtherKey = error.code == .sealedWithAnotherKey
            throw MeterError(
                error.code,
                isOtherKey ? "The file was written under another master key" : "The file's seal does not open",
                at: path,
                hint: isOtherKey ? "give the master key that was in use then" : ConnectionFile.restoringHint
            )
        }
        let start = ConnectionFile.sealStart
        let position = bytes.indices.last { bytes[$0...].starts(with: start) }
        guard let position, Secret(Randomness.sha256(Array(bytes[..<position]))) == digest else {
            throw MeterError(
                .sealedValueDamaged,
                "The file is not as it was written",
                at: path,
                hint: ConnectionFile.restoringHint
            )
        }
    }

    private static func write(
        _ connection: Connection,
        _ secrets: [String],
        _ apiKey: String?,
        to writer: inout JSONWriter
    ) {
        writer.member("id", connection.id)
        writer.member("organization", connection.organization)
        writer.member("added_at", connection.addedAt.description)
        writer.name("projects")
        writer.array { projects in
            for project in connection.projects { projects.string(project) }
        }
        writer.name("webhook_secrets")
        writer.array { list in
            for (secret, sealed) in zip(connection.webhookSecrets, secrets) {
                list.object { writer in
                    writer.member("sealed", sealed)
                    writer.member("valid_from", secret.validFrom?.description)
                    writer.member("valid_until", secret.validUntil?.description)
                }
            }
        }
        writer.member("api_key", apiKey)
        writer.member("key_expires", connection.keyExpires?.description)
        writer.member(
            "hooks",
            array: { hooks in
                for hook in connection.hooks { hook.write(to: &hooks) }
            }
        )
    }

    private func open(_ stored: Stored) throws(MeterError) -> Connection {
        guard let id = stored.id, let organization = stored.organization, let addedAt = stored.addedAt else {
            throw MeterError(
                .unreadableFile,
                "A connection lacks its id, its organization or when it was added",
                at: path
            )
        }
        guard Connection.isValidId(id) else {
            throw MeterError(.unreadableFile, "A connection's id is not valid", at: path)
        }
        var secrets: [Connection.WebhookSecret] = []
        for secret in stored.secrets {
            let opened = try vault.open(secret.sealed ?? "", for: .webhookSecret, of: id)
            secrets.append(.init(opened, validFrom: secret.validFrom, validUntil: secret.validUntil))
        }
        var apiKey: Secret?
        if let sealed = stored.apiKey { apiKey = try vault.open(sealed, for: .apiKey, of: id) }
        return try Connection(
            id: id,
            organization: organization,
            webhookSecrets: secrets,
            projects: stored.projects,
            addedAt: addedAt,
            apiKey: apiKey,
            keyExpires: stored.keyExpires,
            hooks: try stored.hooks.map { stored throws(MeterError) in
                guard let hook = ProjectHook(stored) else {
                    throw MeterError(.unreadableFile, "A webhook of the connection \(id) lacks a member", at: path)
                }
                return hook
            }
        )
    }
}
