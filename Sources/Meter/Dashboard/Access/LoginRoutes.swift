import HTTPTypes
import Hummingbird

/// Signing in and out, for people: `GET /login`, `GET /login/{code}`, `POST /login`, `POST /logout`.
///
/// A link shows a page with a button, and the button signs in: what only looks at links (a chat's preview, a browser
/// that loads ahead) does not use them up, and the cookie, which browsers send within the site only, counts from the
/// first page.
struct LoginRoutes: Sendable {
    private static let nonceCookieName = "circlemeter_login"
    private static let nonceLifetimeSeconds = 3600

    let access: Access
    let pages: Pages

    func add(to router: Router<DashboardContext>) {
        router.get("/login") { request, context in try form(request, context, code: nil) }
        router.get("/login/:code") { request, context in
            let code = try context.parameters.require("code")
            guard access.isLinkValid(code) else {
                return try form(request, context, code: nil, error: "This link was used or has expired.", status: .gone)
            }
            return try form(request, context, code: code)
        }
        router.post("/login") { request, context in try await signIn(request, context) }
        router.post("/logout") { request, context in
            if let cookie = request.cookies[Session.cookieName] { access.endSession(cookie.value) }
            var response = Response.redirect(to: "/login")
            response.setCookie(cookie(context, Session.cookieName, "", maxAge: 0))
            return response
        }
    }

    private struct FormPage {
        let csrfField = Access.csrfField
        let csrfToken: String
        let code: String?
        let error: String?
    }

    private func form(
        _ request: Request,
        _ context: DashboardContext,
        code: String?,
        error: String? = nil,
        status: HTTPResponse.Status = .ok
    ) throws -> Response {
        let known = request.cookies[Self.nonceCookieName]?.value
        let nonce = known.flatMap { $0.utf8.count == 64 ? $0 : nil } ?? Randomness.text()
        let page = FormPage(csrfToken: access.formToken(nonce: nonce), code: code, error: error)
        var response = try pages.render("login", page, status: status)
        response.setCookie(cookie(context, Self.nonceCookieName, nonce, maxAge: Self.nonceLifetimeSeconds))
        return response
    }

    private func signIn(_ request: Request, _ context: DashboardContext) async throws -> Response {
        let place = "login \(context.clientPlace)"
        if let seconds = access.failedAttempts.secondsToWait(place, at: access.now()) {
            let error = "Too many failed attempts. Please try again in \(seconds) seconds."
            var response = try form(request, context, code: nil, error: error, status: .tooManyRequests)
            response.headers[.retryAfter] = String(seconds)
            return response
        }
        let fields = FormFields(try await request.body.collect(upTo: AccessMiddleware.maximumFormBytes))
        guard let nonce = request.cookies[Self.nonceCookieName]?.value, let csrfToken = fields[Access.csrfField],
            Access.areEqual(csrfToken, access.formToken(nonce: nonce))
        else {
            return try form(
                request,
                context,
                code: nil,
                error: "The form was open for too long, or cookies are off. Please try again.",
                status: .forbidden
            )
        }
        let code = fields["code"]
        guard let role = code.map({ access.redeemLink($0) }) ?? fields["token"].flatMap({ access.role(ofToken: $0) })
        else {
            access.failedAttempts.failed(place, at: access.now())
            let error = code == nil ? "This token opens nothing." : "This link was used or has expired."
            return try form(request, context, code: nil, error: error, status: .unauthorized)
        }
        access.failedAttempts.succeeded(place)
        var response = Response.redirect(to: "/")
        response.setCookie(
            cookie(context, Session.cookieName, access.startSession(role), maxAge: Int(Session.lifetimeSeconds))
        )
        response.setCookie(cookie(context, Self.nonceCookieName, "", maxAge: 0))
        return response
    }

    private func cookie(_ context: DashboardContext, _ name: String, _ value: String, maxAge: Int) -> Cookie {
        Cookie(
            name: name,
            value: value,
            maxAge: maxAge,
            path: "/",
            secure: access.hasSecureCookies || context.isSecure,
            httpOnly: true,
            sameSite: .strict
        )
    }
}
