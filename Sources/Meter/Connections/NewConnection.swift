package import Foundation
package import Wire

/// A connection that is to be added, as a command tells a running service: the body of `POST /api/v1/connections`.
///
///     {"id","organization","webhook_secret","projects":[]}
///
/// `webhook_secret` is base64, so that any bytes can be one.
package struct NewConnection {
    package let connection: Connection

    package init(_ connection: Connection) {
        self.connection = connection
    }

    /// - Throws: `invalid_connection` where a member is missing, and what ``Connection`` refuses.
    package init(json: [UInt8], now: Timestamp) throws(MeterError) {
        struct Body: Decodable {
            var id: String
            var organization: String
            var webhook_secret: String
            var projects: [String]?
        }
        let body: Body
        do {
            body = try JSONDecoder().decode(Body.self, from: Data(json))
        } catch {
            throw MeterError(
                .invalidConnection,
                "The body must be {\"id\",\"organization\",\"webhook_secret\",\"projects\"}",
                hint: "webhook_secret is base64"
            )
        }
        guard let secret = Base64.decode(body.webhook_secret) else {
            throw MeterError(.invalidConnection, "webhook_secret is not base64")
        }
        connection = try Connection(
            id: body.id,
            organization: body.organization,
            webhookSecrets: [Connection.WebhookSecret(Secret(secret))],
            projects: body.projects ?? [],
            addedAt: now
        )
    }

    package var json: Data {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("id", connection.id)
            writer.member("organization", connection.organization)
            writer.member("webhook_secret", Base64.encode(connection.webhookSecrets.first?.secret.bytes ?? []))
            writer.member(
                "projects",
                array: { writer in
                    for project in connection.projects { writer.string(project) }
                }
            )
        }
        return Data(writer.bytes)
    }
}

extension Connection {
    /// What may be shown of it.
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("id", id)
            json.member("organization", organization)
            json.member("added_at", addedAt.description)
            json.member("webhook_secrets", webhookSecrets.count)
            json.member("has_api_key", apiKey != nil)
            json.member(
                "projects",
                array: { json in
                    for project in projects { json.string(project) }
                }
            )
        }
    }
}
