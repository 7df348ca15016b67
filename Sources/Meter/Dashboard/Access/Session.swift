/// Somebody who signed in, until the session ends.
struct Session: Sendable {
    static let cookieName = "circlemeter_session"
    static let lifetimeSeconds: Int64 = 12 * 3600

    let role: Role
    /// Goes into each form of the session's pages, as the field ``Access/csrfField``; no other site can know it.
    let csrfToken: String
}
