import Hummingbird

/// Answers under known host names only. A page of another site could otherwise have its own name point at this machine
/// and read the answers as its own (DNS rebinding).
struct HostMiddleware<Context: RequestContext>: RouterMiddleware {
    private let hosts: Set<String>

    /// - Parameters:
    ///   - listenHost: The host of the listen address; a wildcard allows no name.
    ///   - publicURL: What `--public-url` names; its host is allowed.
    init(listenHost: String?, publicURL: String?) {
        var hosts: Set<String> = ["localhost", "127.0.0.1", "[::1]"]
        if let listenHost, listenHost != "0.0.0.0", listenHost != "::" {
            hosts.insert(listenHost.contains(":") ? "[\(listenHost.lowercased())]" : listenHost.lowercased())
        }
        if let publicURL, let host = HostMiddleware.hostOfURL(publicURL) { hosts.insert(host) }
        self.hosts = hosts
    }

    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        // A health check may come under any name and is told nothing.
        guard request.uri.path != "/healthz" else { return try await next(request, context) }
        guard let authority = request.head.authority, hosts.contains(HostMiddleware.host(of: authority)) else {
            throw HTTPProblem.misdirected
        }
        return try await next(request, context)
    }

    /// The host of `host:port`, lower case, without a port and a dot at its end.
    static func host(of authority: some StringProtocol) -> String {
        var host = authority.lowercased()
        if let bracket = host.lastIndex(of: "]") {
            host = String(host[...bracket])
        } else if let colon = host.lastIndex(of: ":") {
            host = String(host[..<colon])
        }
        if host.hasSuffix(".") { host.removeLast() }
        return host
    }

    private static func hostOfURL(_ url: String) -> String? {
        guard let scheme = url.firstRange(of: "://") else { return nil }
        let authority = url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        return authority.isEmpty ? nil : host(of: authority)
    }
}
