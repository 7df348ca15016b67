import HTTPTypes
import Hummingbird
import Logging
import Wire

/// `GET` and `POST /connections/{id}/reconnect`: gives a connection its first API key, or another.
struct ConnectionKeyPage: Sendable {
    let parts: MeterParts
    let pages: Pages

    private struct Page {
        let navigation: Navigation
        /// Connect or Reconnect, as the button that led here.
        let action: String
        /// Whether CircleCI rejects the key that is there.
        let isKeyDead: Bool
        let hasKey: Bool
        let connectionID: String
        let organization: String
        let stateWord: String
        let tone: String
        let message: String
        let since: ShownTime
        let failure: FormProblem?
        let keyFields: KeyFields
    }

    /// - Throws: `unknown_connection`.
    func form(_ context: DashboardContext) async throws -> Response {
        try await form(try parts.connection(context), nil, nil, context)
    }

    /// Proves the key and keeps it; then the connection is compared with CircleCI at once.
    ///
    /// - Throws: `unknown_connection`, and what no other input could mend.
    func reconnect(_ request: Request, _ context: DashboardContext) async throws -> Response {
        let connection = try parts.connection(context)
        let fields = FormFields(try await request.body.collect(upTo: AccessMiddleware.maximumFormBytes))
        do {
            let new = try KeyFields.readKey(fields, today: parts.today)
            _ = try await parts.circleci.administration.reconnect(connection.id, newKey: new.key, expires: new.expires)
        } catch {
            guard let failure = FormProblem(error) else { throw error }
            return try await form(connection, fields, failure, context)
        }
        parts.logger.notice("a connection has a new key", metadata: ["connection": "\(connection.id)"])
        await parts.circleci.wake(connection.id)
        return .redirect(to: ConnectionsPage.path(to: connection.id, done: "reconnected"))
    }

    private func form(
        _ connection: Connection,
        _ fields: FormFields?,
        _ failure: FormProblem?,
        _ context: DashboardContext
    ) async throws -> Response {
        let condition =
            await parts.circleci.monitor.condition(of: connection.id)
            ?? ConnectionHealth(
                hasKey: connection.apiKey != nil,
                keyExpires: connection.keyExpires,
                at: parts.access.now()
            ).condition
        let page = Page(
            navigation: Navigation(.connections, context),
            action: connection.apiKey == nil ? "Connect" : "Reconnect",
            isKeyDead: condition.state == .reconnectRequired,
            hasKey: connection.apiKey != nil,
            connectionID: connection.id,
            organization: connection.organization,
            stateWord: condition.word,
            tone: condition.tone,
            message: sentence(condition.message),
            since: ShownTime(condition.since, now: parts.access.now()),
            failure: failure?.onKey,
            keyFields: KeyFields(fields, failure?.onKey, today: parts.today)
        )
        return try pages.render("connection-key", page, status: failure == nil ? .ok : .unprocessableContent)
    }
}
