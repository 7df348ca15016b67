package import Foundation
package import Wire

/// A connection that is to be added, as a command tells a running service: the body of `POST /api/v1/connections`.
///
///     {"id","organization","webhook_secret","projects":[],"api_key","key_expires","create_hooks"}
///
/// `webhook_secret` and `api_key` are base64, so that any bytes can be one. Without an `api_key` only webhooks are
/// taken. With one, `webhook_secret` may be left out: one is generated, and hooks that are made get it. `create_hooks`
/// is true with a key unless it says otherwise.
package struct NewConnection: Sendable {
    package let connection: Connection
    /// Whether nobody but the service knows the webhook secret.
    package let isSecretGenerated: Bool
    package let createsHooks: Bool

    package init(_ connection: Connection, isSecretGenerated: Bool = false, createsHooks: Bool? = nil) {
        self.connection = connection
        self.isSecretGenerated = isSecretGenerated
        self.createsHooks = createsHooks ?? (connection.apiKey != nil)
    }

    /// - Parameter webhookSecret: Nil: one is generated where there is a key.
    /// - Throws: What ``Connection`` refuses; `empty_secret` where there is neither secret nor key;
    ///   `invalid_connection` where hooks are to get a secret that is no text.
    package init(
        id: String,
        organization: String,
        webhookSecret: Secret?,
        projects: [String] = [],
        apiKey: Secret? = nil,
        keyExpires: Day? = nil,
        createsHooks: Bool? = nil,
        now: Timestamp
    ) throws(MeterError) {
        let secret: Secret? = webhookSecret ?? (apiKey == nil ? nil : .generated())
        let connection = try Connection(
            id: id,
            organization: organization,
            webhookSecrets: secret.map { [Connection.WebhookSecret($0)] } ?? [],
            projects: projects,
            addedAt: now,
            apiKey: apiKey,
            keyExpires: keyExpires
        )
        self.init(connection, isSecretGenerated: webhookSecret == nil, createsHooks: createsHooks)
        if self.createsHooks, let secret, String(validating: secret.bytes, as: UTF8.self) == nil {
            throw MeterError(
                .invalidConnection,
                "CircleCI takes texts as secrets, and this one is none",
                at: id,
                hint: "leave the webhook secret out, and one is generated"
            )
        }
    }

    /// - Throws: `invalid_connection` where a member is missing or is not what it should be, and what ``Connection``
    ///   refuses.
    package init(json: [UInt8], now: Timestamp) throws(MeterError) {
        struct Body: Decodable {
            var id: String
            var organization: String
            var webhook_secret: String?
            var projects: [String]?
            var api_key: String?
            var key_expires: String?
            var create_hooks: Bool?
        }
        let body: Body
        do {
            body = try JSONDecoder().decode(Body.self, from: Data(json))
        } catch {
            throw MeterError(
                .invalidConnection,
                "The body must be "
                    + "{\"id\",\"organization\",\"webhook_secret\",\"projects\",\"api_key\",\"key_expires\",\"create_hooks\"}",
                hint: "webhook_secret and api_key are base64; with an api_key the webhook_secret may be left out"
            )
        }
        let secret = try NewConnection.secret(body.webhook_secret, "webhook_secret")
        let key = try NewConnection.secret(body.api_key, "api_key")
        let expires = body.key_expires.flatMap { Day($0) }
        guard (expires == nil) == (body.key_expires == nil) else {
            throw MeterError(.invalidConnection, "key_expires is no date", hint: "as in 2027-11-22")
        }
        try self.init(
            id: body.id,
            organization: body.organization,
            webhookSecret: secret,
            projects: body.projects ?? [],
            apiKey: key,
            keyExpires: expires,
            createsHooks: body.create_hooks,
            now: now
        )
    }

    package var json: Data {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("id", connection.id)
            writer.member("organization", connection.organization)
            // A generated secret stays with who generates it: the service makes its own.
            if !isSecretGenerated, let secret = connection.webhookSecrets.first?.secret {
                writer.member("webhook_secret", Base64.encode(secret.bytes))
            }
            writer.member(
                "projects",
                array: { writer in
                    for project in connection.projects { writer.string(project) }
                }
            )
            if let key = connection.apiKey { writer.member("api_key", Base64.encode(key.bytes)) }
            if let expires = connection.keyExpires { writer.member("key_expires", expires.description) }
            writer.member("create_hooks", createsHooks)
        }
        return Data(writer.bytes)
    }

    private static func secret(_ text: String?, _ name: String) throws(MeterError) -> Secret? {
        guard let text else { return nil }
        guard let bytes = Base64.decode(text) else {
            throw MeterError(.invalidConnection, "\(name) is not base64")
        }
        return Secret(bytes)
    }
}

extension Connection {
    /// What may be shown of it.
    package func write(to json: inout JSONWriter) {
        json.object { writeMembers(to: &$0) }
    }

    /// As ``write(to:)``, for an object that has more.
    package func writeMembers(to json: inout JSONWriter) {
        json.member("id", id)
        json.member("organization", organization)
        json.member("added_at", addedAt.description)
        json.member("webhook_secrets", webhookSecrets.count)
        json.member("has_api_key", apiKey != nil)
        json.member("key_expires", keyExpires?.description)
        json.member(
            "projects",
            array: { json in
                for project in projects { json.string(project) }
            }
        )
        json.member(
            "hooks",
            array: { json in
                for hook in hooks { hook.write(to: &json) }
            }
        )
    }
}

/// A new API key, as a command tells a running service: the body of `POST /api/v1/connections/{id}/reconnect`.
///
///     {"api_key","key_expires"}
///
/// `api_key` is base64.
package struct NewKey: Sendable {
    package let key: Secret
    package let expires: Day?

    package init(_ key: Secret, expires: Day?) {
        self.key = key
        self.expires = expires
    }

    /// - Throws: `invalid_connection` where it is not what it should be.
    package init(json: [UInt8]) throws(MeterError) {
        struct Body: Decodable {
            var api_key: String
            var key_expires: String?
        }
        guard let body = try? JSONDecoder().decode(Body.self, from: Data(json)),
            let bytes = Base64.decode(body.api_key)
        else {
            throw MeterError(
                .invalidConnection,
                "The body must be {\"api_key\",\"key_expires\"}",
                hint: "api_key is base64"
            )
        }
        expires = body.key_expires.flatMap { Day($0) }
        guard (expires == nil) == (body.key_expires == nil) else {
            throw MeterError(.invalidConnection, "key_expires is no date", hint: "as in 2027-11-22")
        }
        key = Secret(bytes)
    }

    package var json: Data {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("api_key", Base64.encode(key.bytes))
            if let expires { writer.member("key_expires", expires.description) }
        }
        return Data(writer.bytes)
    }
}
