import HTTPTypes
import Hummingbird

#if SABOTAGE
    import Wire
#endif

/// Lets in who shows a token or a session; asks everybody else to sign in. A request that changes something and shows a
/// session must show the session's CSRF token as well.
struct AccessMiddleware: RouterMiddleware {
    typealias Context = DashboardContext

    static let csrfHeader = HTTPField.Name("x-csrf-token")!
    /// Forms are short.
    static let maximumFormBytes = 64 << 10

    let access: Access

    func handle(
        _ request: Request,
        context: DashboardContext,
        next: (Request, DashboardContext) async throws -> Response
    ) async throws -> Response {
        guard !AccessMiddleware.isOpen(request.uri.path) else { return try await next(request, context) }
        var context = context
        var request = request
        if let header = request.headers[.authorization] {
            context.access = .init(role: try role(ofHeader: header, context), session: nil)
        } else if let cookie = request.cookies[Session.cookieName], let session = access.session(cookie.value) {
            if !AccessMiddleware.isSafe(request.method) { try await checkCSRF(&request, session) }
            context.access = .init(role: session.role, session: session)
        } else if AccessMiddleware.isForPrograms(request) {
            throw HTTPProblem.unauthorized
        } else {
            return .redirect(to: "/login")
        }
        return try await next(request, context)
    }

    /// Paths that need no token: signing in, being alive, and what the login page is made of.
    static func isOpen(_ path: String) -> Bool {
        path == "/healthz" || path == "/login" || path.hasPrefix("/login/") || path.hasPrefix("/assets/")
    }

    private func role(ofHeader header: String, _ context: DashboardContext) throws(HTTPProblem) -> Role {
        let place = "token \(context.clientPlace)"
        if let seconds = access.failedAttempts.secondsToWait(place, at: access.now()) {
            throw .tooManyAttempts(retryAfterSeconds: seconds)
        }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer", let role = access.role(ofToken: parts[1]) else {
            access.failedAttempts.failed(place, at: access.now())
            throw .unauthorized
        }
        return role
    }

    private func checkCSRF(_ request: inout Request, _ session: Session) async throws {
        #if SABOTAGE
            if Sabotage.plants("csrf-not-checked") { return }
        #endif
        var shown = request.headers[AccessMiddleware.csrfHeader]
        let isForm = request.headers[.contentType]?.hasPrefix("application/x-www-form-urlencoded") ?? false
        if shown == nil, isForm {
            let body = try await request.collectBody(upTo: AccessMiddleware.maximumFormBytes)
            shown = FormFields(body)[Access.csrfField]
        }
        guard let shown, Access.areEqual(shown, session.csrfToken) else { throw HTTPProblem.crossSite }
    }

    private static func isSafe(_ method: HTTPRequest.Method) -> Bool {
        method == .get || method == .head || method == .options
    }

    /// Programs get a 401; a browser that asks for a page gets the login page.
    private static func isForPrograms(_ request: Request) -> Bool {
        !isSafe(request.method) || request.uri.path.hasPrefix("/api/")
            || !(request.headers[.accept]?.contains("text/html") ?? false)
    }
}

/// Lets in those only who have at least this role.
struct RoleMiddleware: RouterMiddleware {
    typealias Context = DashboardContext

    let role: Role

    func handle(
        _ request: Request,
        context: DashboardContext,
        next: (Request, DashboardContext) async throws -> Response
    ) async throws -> Response {
        try context.require(role)
        return try await next(request, context)
    }
}
