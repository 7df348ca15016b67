import COpenSSL
import Wire

/// Who may come in: tokens, sessions, links to sign in, and the count of those who may not.
final class Access: Sendable {
    static let csrfField = "csrf_token"
    static let linkLifetimeSeconds: Int64 = 15 * 60

    let now: @Sendable () -> Timestamp
    /// Whether cookies are for https only: where the public URL is, or the listener.
    let hasSecureCookies: Bool
    let failedAttempts: FailedAttempts

    private let tokens: AccessTokens
    private let sessions = Tickets<Session>(lifetimeSeconds: Session.lifetimeSeconds, maximumCount: 1000)
    private let links = Tickets<Role>(lifetimeSeconds: Access.linkLifetimeSeconds, maximumCount: 100)
    /// Ties a login form to the browser that it was shown to, for as long as the process runs.
    private let formKey = Randomness.bytes(32)

    init(
        tokens: AccessTokens,
        hasSecureCookies: Bool,
        failedAttempts: FailedAttempts = FailedAttempts(),
        now: @escaping @Sendable () -> Timestamp
    ) {
        self.tokens = tokens
        self.hasSecureCookies = hasSecureCookies
        self.failedAttempts = failedAttempts
        self.now = now
    }

    /// The code of a link to sign in, `/login/<code>`: for one use within 15 minutes.
    func makeLinkCode(_ role: Role) -> String {
        links.issue(role, at: now())
    }

    /// Whether a link would open; it can still be used.
    func isLinkValid(_ code: String) -> Bool {
        links.value(of: code, at: now()) != nil
    }

    func redeemLink(_ code: String) -> Role? {
        links.redeem(code, at: now())
    }

    func role(ofToken token: some StringProtocol) -> Role? {
        tokens.role(of: token)
    }

    /// A new session's id, for the cookie.
    func startSession(_ role: Role) -> String {
        sessions.issue(Session(role: role, csrfToken: Randomness.text()), at: now())
    }

    func session(_ id: String) -> Session? {
        sessions.value(of: id, at: now())
    }

    func endSession(_ id: String) {
        _ = sessions.redeem(id, at: now())
    }

    /// The CSRF token of the login form for the browser that holds `nonce` in a cookie.
    func formToken(nonce: String) -> String {
        Hex.encode(Randomness.hmacSHA256(Array(nonce.utf8), key: formKey))
    }

    /// Compares in a time that depends on the lengths only.
    static func areEqual(_ first: String, _ second: String) -> Bool {
        #if SABOTAGE
            if Sabotage.plants("csrf-compared-to-the-shorter") {
                return second.hasPrefix(first) || first.hasPrefix(second)
            }
        #endif
        return Secret(Array(first.utf8)) == Secret(Array(second.utf8))
    }
}
