/// The values of the pages' header: where one is, and the form to sign out.
struct Navigation {
    enum Place {
        case overview
        case connections
    }

    let csrfField = Access.csrfField
    /// Nil for who shows a token instead of a session.
    let csrfToken: String?
    let isOverview: Bool
    let isConnections: Bool

    init(_ place: Place, _ context: DashboardContext) {
        csrfToken = context.access?.session?.csrfToken
        isOverview = place == .overview
        isConnections = place == .connections
    }
}
