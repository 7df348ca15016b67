import HTTPTypes
import Hummingbird
import Logging
import Wire

/// Answers the public listener's requests that are no deliveries: those are served before they get here, by the
/// ``DeliveryHandler``.
struct ReceiverResponder: HTTPResponder {
    let metrics: ReceiverMetrics
    /// Answers what is no health check; nil: 404.
    let fallback: (any HTTPResponder<ReceiverContext>)?

    func respond(to request: Request, context: ReceiverContext) async throws -> Response {
        var response = try await answer(to: request, context)
        // The length stays: it is what GET would send.
        if request.method == .head { response.body = ResponseBody() }
        return response
    }

    private func answer(to request: Request, _ context: ReceiverContext) async throws -> Response {
        do {
            if request.uri.path.split(separator: "/", omittingEmptySubsequences: true) == ["healthz"] {
                guard [.get, .head].contains(request.method) else {
                    throw HTTPProblem.methodNotAllowed([.get, .head])
                }
                var writer = JSONWriter()
                writer.object { $0.member("status", "ok") }
                return .json(.ok, writer.bytes)
            }
            guard let fallback else { throw HTTPProblem.notFound }
            return try await fallback.respond(to: request, context: context)
        } catch let error as RequestRefused {
            throw error
        } catch {
            let problem = HTTPProblem(error)
            if problem.status.kind == .serverError {
                context.logger.error("A request failed", metadata: ["code": "\(problem.code)", "error": "\(error)"])
            }
            metrics.rejected(problem.code)
            return problem.response
        }
    }
}
