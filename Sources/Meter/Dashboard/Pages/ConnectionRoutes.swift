import HTTPTypes
import Hummingbird
import Wire

/// `/connections` and what is below it: the card of each connection for everybody, and for admins what can be done.
///
/// Everything works without script: forms that lead back to the card, or to a page that says what was done.
struct ConnectionRoutes: Sendable {
    let parts: MeterParts
    let pages: Pages

    func add(to router: Router<DashboardContext>) {
        let passes = ConnectionPasses(parts: parts)
        let list = ConnectionsPage(parts: parts, pages: pages, passes: passes)
        let readers = router.group("/connections")
            .add(middleware: PageErrors(pages: pages, place: .connections))
        readers.get { request, context in try await list.respond(to: request, context) }

        let admins = router.group("/connections")
            .add(middleware: PageErrors(pages: pages, place: .connections))
            .add(middleware: RoleMiddleware(role: .admin))
        let new = ConnectionNewPage(parts: parts, pages: pages)
        admins.get("new") { _, context in try new.form(context) }
        admins.post("new") { request, context in try await new.connect(request, context) }
        let keys = ConnectionKeyPage(parts: parts, pages: pages)
        admins.get(":id/reconnect") { _, context in try await keys.form(context) }
        admins.post(":id/reconnect") { request, context in try await keys.reconnect(request, context) }

        let actions = ConnectionActions(parts: parts, pages: pages, passes: passes)
        // For a connection that is not there yet; one of the id `invite` has its own path below.
        admins.post("invite") { request, context in
            let fields = FormFields(try await request.body.collect(upTo: AccessMiddleware.maximumFormBytes))
            return try await actions.invite(KeyFields.trimmed(fields["id"]), context)
        }
        admins.post(":id/invite") { _, context in
            try await actions.invite(try context.parameters.require("id"), context)
        }
        admins.post(":id/reconcile") { _, context in try await actions.reconcile(context) }
        admins.get(":id/hooks") { _, context in try await actions.drift(context) }
        admins.post(":id/repair-hooks") { _, context in try await actions.repairHooks(context) }
        admins.post(":id/rotate-secret") { _, context in try await actions.rotateSecret(context) }
        admins.get(":id/remove") { _, context in try actions.askToRemove(context) }
        admins.post(":id/remove") { request, context in try await actions.remove(request, context) }
    }
}

extension MeterParts {
    /// The connection that the path names.
    ///
    /// - Throws: `unknown_connection`; 404 where the path names none.
    func connection(_ context: DashboardContext) throws -> Connection {
        let id = try context.parameters.require("id")
        guard let connection = connections.get(id) else { throw MeterError.noConnection(id) }
        return connection
    }

    /// The UTC day.
    var today: Day { access.now().day }
}
