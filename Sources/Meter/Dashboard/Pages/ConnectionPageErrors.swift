import HTTPTypes
import Hummingbird
import Logging

/// Answers people's browsers with a page where programs get `{"error"}`.
struct PageErrors: RouterMiddleware {
    typealias Context = DashboardContext

    let pages: Pages
    let place: Navigation.Place

    private struct Page {
        let navigation: Navigation
        let heading: String
        let problem: String
    }

    func handle(
        _ request: Request,
        context: DashboardContext,
        next: (Request, DashboardContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            let problem = HTTPProblem(error)
            let isForPeople = request.headers[.accept]?.contains("text/html") == true
            guard isForPeople, problem.code != HTTPProblem.internalError.code else { throw error }
            let page = Page(
                navigation: Navigation(place, context),
                heading: problem.status.kind == .serverError ? "That did not work now" : "That cannot be done",
                problem: sentence(problem.message)
            )
            var response = try pages.render("problem", page, status: problem.status)
            for field in problem.headers { response.headers.append(field) }
            return response
        }
    }
}
