import HTTPTypes
import Hummingbird
import Logging
import Wire

/// What the buttons of a card do. Each is for admins, and answers with a page or leads back to the card.
struct ConnectionActions: Sendable {
    let parts: MeterParts
    let pages: Pages
    let passes: ConnectionPasses

    private var administration: ConnectionAdministration { parts.circleci.administration }

    /// Begins a pass, and leads back to the card, which shows how far it is.
    ///
    /// - Throws: `unknown_connection`, `no_api_key`, `reconnect_required`.
    func reconcile(_ context: DashboardContext) async throws -> Response {
        let connection = try parts.connection(context)
        guard connection.apiKey != nil else {
            throw MeterError(
                .noAPIKey,
                "The connection has no API key, so CircleCI cannot be asked",
                at: connection.id,
                hint: "connect it first"
            )
        }
        guard await parts.circleci.monitor.health(of: connection.id)?.allowsCalls != false else {
            throw MeterError(
                .reconnectRequired,
                "CircleCI rejects the connection's API key",
                at: connection.id,
                hint: "reconnect it first"
            )
        }
        passes.begin(connection.id)
        return .redirect(to: ConnectionsPage.path(to: connection.id, done: "reconciling"))
    }

    /// - Throws: As ``ConnectionAdministration/drift(of:)``.
    func drift(_ context: DashboardContext) async throws -> Response {
        let id = try parts.connection(context).id
        let drift = try await administration.drift(of: id)
        return try report(ConnectionReport(drift: drift, of: id, navigation: Navigation(.connections, context)))
    }

    /// - Throws: As ``ConnectionAdministration/repairHooks(of:sendingSecret:)``.
    func repairHooks(_ context: DashboardContext) async throws -> Response {
        let result = try await administration.repairHooks(of: try parts.connection(context).id)
        return try report(ConnectionReport(repair: result, navigation: Navigation(.connections, context)))
    }

    /// - Throws: As ``ConnectionAdministration/rotateSecret(of:overlapSeconds:)``.
    func rotateSecret(_ context: DashboardContext) async throws -> Response {
        let result = try await administration.rotateSecret(of: try parts.connection(context).id)
        let navigation = Navigation(.connections, context)
        return try report(ConnectionReport(rotation: result, now: parts.access.now(), navigation: navigation))
    }

    private struct InvitedPage {
        let navigation: Navigation
        let connectionID: String
        let action: String
        let link: String
        let isWholeURL: Bool
        let expiresAt: ShownTime
        let cardPath: String?
    }

    /// Makes an invitation, whose link is on the page that answers and nowhere else.
    ///
    /// - Throws: `invalid_connection_id`, `unwritable_file`.
    func invite(_ id: String, _ context: DashboardContext) async throws -> Response {
        let connection = parts.connections.get(id)
        let purpose: Invitation.Purpose = connection == nil ? .connect : .reconnect
        let (code, invitation) = try await parts.circleci.invitations.make(id, purpose)
        let path = "/connect/\(code)"
        let page = InvitedPage(
            navigation: Navigation(.connections, context),
            connectionID: id,
            action: connection?.apiKey == nil ? "connects" : "reconnects",
            link: parts.settings.publicURL.map { $0 + path } ?? path,
            isWholeURL: parts.settings.publicURL != nil,
            expiresAt: ShownTime(invitation.expiresAt, now: parts.access.now()),
            cardPath: connection == nil ? nil : ConnectionsPage.path(to: id)
        )
        return try pages.render("connection-invited", page)
    }

    private struct RemovePage {
        let navigation: Navigation
        let connectionID: String
        let organization: String
        let hookCount: Int
        /// Whether the hooks can be deleted along.
        let canDeleteHooks: Bool
        let cardPath: String
    }

    /// - Throws: `unknown_connection`.
    func askToRemove(_ context: DashboardContext) throws -> Response {
        let connection = try parts.connection(context)
        let page = RemovePage(
            navigation: Navigation(.connections, context),
            connectionID: connection.id,
            organization: connection.organization,
            hookCount: connection.hooks.count,
            canDeleteHooks: connection.apiKey != nil && !connection.hooks.isEmpty,
            cardPath: ConnectionsPage.path(to: connection.id)
        )
        return try pages.render("connection-remove", page)
    }

    /// - Throws: `unknown_connection`, `unwritable_file`, and what the log throws.
    func remove(_ request: Request, _ context: DashboardContext) async throws -> Response {
        let id = try parts.connection(context).id
        let fields = FormFields(try await request.body.collect(upTo: AccessMiddleware.maximumFormBytes))
        let result = try await administration.remove(id, deletesHooks: fields["delete_hooks"] == "yes")
        try await parts.circleci.invitations.revokeAll(of: id)
        parts.logger.notice("a connection was removed", metadata: ["connection": "\(id)"])
        return try report(ConnectionReport(removal: result, navigation: Navigation(.connections, context)))
    }

    private func report(_ report: ConnectionReport) throws -> Response {
        try pages.render("connection-report", report)
    }
}
