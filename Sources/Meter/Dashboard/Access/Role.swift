/// What somebody may do. Each role may do what those before it may.
enum Role: String, Comparable, Sendable, CaseIterable {
    /// Reads everything but keys and secrets.
    case viewer
    /// Changes connections as well.
    case admin

    static func < (first: Role, second: Role) -> Bool {
        first == .viewer && second == .admin
    }
}
