import Hummingbird

/// Sees through the proxies that are trusted who asks, and whether by https.
struct ProxyMiddleware: RouterMiddleware {
    typealias Context = DashboardContext

    let proxies: TrustedProxies

    func handle(
        _ request: Request,
        context: DashboardContext,
        next: (Request, DashboardContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        let client = proxies.client(peer: context.clientAddress, request.headers)
        context.clientAddress = client.address
        context.isSecure = client.isSecure
        return try await next(request, context)
    }
}
