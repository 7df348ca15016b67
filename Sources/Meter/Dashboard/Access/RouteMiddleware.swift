import HTTPTypes
import Hummingbird

/// A method on a path, as a router has it: `{id}` stands for what is captured.
struct Route: Hashable, Sendable {
    let method: HTTPRequest.Method
    let path: String

    init(_ description: Router<some RequestContext>.RouteDescription) {
        (method, path) = (description.method, description.path.description)
    }
}

/// Tells a path with another method (405, and which methods it has) from a path with nothing at it (404). It stands
/// before that 404 only: added to the router when all routes are there, it is passed by none of them.
struct MethodMiddleware<Context: RequestContext>: RouterMiddleware {
    private let routes: [(segments: [Substring], method: HTTPRequest.Method)]

    /// - Parameter routes: HEAD need not be among them where GET is.
    init(_ routes: [Route]) {
        self.routes = routes.map { (Self.segments($0.path), $0.method) }
    }

    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let segments = Self.segments(request.uri.path)
        var methods = Set(routes.filter { Self.matches($0.segments, segments) }.map(\.method))
        if methods.contains(.get) { methods.insert(.head) }
        guard methods.isEmpty else {
            throw HTTPProblem.methodNotAllowed(methods.sorted { $0.rawValue < $1.rawValue })
        }
        return try await next(request, context)
    }

    private static func segments(_ path: String) -> [Substring] {
        path.split(separator: "/", omittingEmptySubsequences: true)
    }

    /// A segment of a route in braces stands for any.
    private static func matches(_ route: [Substring], _ path: [Substring]) -> Bool {
        route.count == path.count && zip(route, path).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
    }
}

/// Stands before routes that know no query parameters: whoever gives one means something by it and would get another
/// answer than was asked for.
struct NoQueryMiddleware<Context: RequestContext>: RouterMiddleware {
    func handle(
        _ request: Request,
        context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if let name = request.uri.queryParameters.first?.key {
            throw ReportParameters.invalid(String(name), "There is no such parameter here", hint: "there are none")
        }
        return try await next(request, context)
    }
}
