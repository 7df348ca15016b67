/// The values of the pages' header: where one is, where one can go, and the form to sign out.
struct Navigation {
    enum Place: String, CaseIterable {
        case overview
        case usage
        case features
        case people
        case coverage
        case log
        case connections

        var path: String { self == .overview ? "/" : "/" + rawValue }
        var title: String { rawValue.prefix(1).uppercased() + rawValue.dropFirst() }
    }

    struct Link {
        let path: String
        let title: String
        let isCurrent: Bool
    }

    let csrfField = Access.csrfField
    /// Nil for who shows a token instead of a session.
    let csrfToken: String?
    let links: [Link]

    init(_ place: Place, _ context: DashboardContext) {
        csrfToken = context.access?.session?.csrfToken
        links = Place.allCases.map { Link(path: $0.path, title: $0.title, isCurrent: $0 == place) }
    }
}
