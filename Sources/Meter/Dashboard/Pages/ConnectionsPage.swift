import HTTPTypes
import Hummingbird
import Wire

/// `GET /connections`: a card for each connection, with what can be done about it.
struct ConnectionsPage: Sendable {
    /// Until a page asks again whether something has changed: while something is under way, and otherwise.
    private static let secondsUnderWay = 2
    private static let secondsAtRest = 5
    /// What a form was answered with, by the word in the address that it leads back to.
    private static let notices = [
        "reconnected": "The new key works. What was missed meanwhile is filled in now.",
        "reconciling": "The comparison with CircleCI has begun.",
    ]

    let parts: MeterParts
    let pages: Pages
    let passes: ConnectionPasses

    private struct Page {
        let navigation: Navigation
        var tag: String
        let seconds: Int
        let isAdmin: Bool
        let cards: [ConnectionCard]
        let hasCards: Bool
    }

    /// The address of a connection's card.
    ///
    /// - Parameter done: A word for what was just done; nil: nothing that has to be said.
    static func path(to id: String, done: String? = nil) -> String {
        "/connections" + (done.map { "?done=\($0)&id=\(id)" } ?? "") + "#connection-\(id)"
    }

    func respond(to request: Request, _ context: DashboardContext) async throws -> Response {
        let now = parts.access.now()
        let done = request.uri.queryParameters.get("done").flatMap { ConnectionsPage.notices[$0] }
        let doneID = request.uri.queryParameters.get("id")
        let isAdmin = context.access?.role == .admin
        let cards = try await ConnectionStatus.all(parts).map { status in
            ConnectionCard(
                status,
                isAdmin: isAdmin,
                isStarting: passes.isUnderWay(status.connection.id),
                refusedCount: parts.refused.count(of: status.connection.id),
                notice: status.connection.id == doneID ? done : nil,
                now: now
            )
        }
        // A pass that was just asked for begins in a moment.
        let isUnderWay = done != nil || cards.contains(where: \.isUnderWay)
        var page = Page(
            navigation: Navigation(.connections, context),
            tag: "",
            seconds: isUnderWay ? ConnectionsPage.secondsUnderWay : ConnectionsPage.secondsAtRest,
            isAdmin: isAdmin,
            cards: cards,
            hasCards: !cards.isEmpty
        )
        // Named by what it shows, whatever that depends on.
        page.tag = Hex.encode(Randomness.sha256(Array(try pages.html("connections", page).utf8)).prefix(16))
        if EntityTag.matches(request.headers[.ifNoneMatch], page.tag) { return Response(status: .notModified) }
        var response = try pages.render("connections", page)
        response.headers[.eTag] = EntityTag.header(page.tag)
        return response
    }
}
