import EventLog
import HTTPTypes
import Hummingbird
import NIOCore
import Usage
import Wire

/// `GET /api/v1/log`: records of the log, the newest first; `GET /api/v1/log/{sequence}`: one of them, and what it changed.
struct LogAPI: Sendable {
    let search: LogSearch
    let people: PeopleSource

    func add(to router: RouterGroup<DashboardContext>) {
        router.get("log") { request, _ in try await list(request) }
        router.get("log/:sequence") { request, context in try await record(request, context) }
    }

    /// The `ETag` names the log's end and the query, so that following the tail costs nothing while nothing comes.
    private func list(_ request: Request) async throws -> Response {
        var values = try ReportsAPI.givenValues(of: request)
        let asked = values
        let format = values.removeValue(forKey: "format") ?? ReportsAPI.Format.json.rawValue
        guard let format = ReportsAPI.Format(rawValue: format) else {
            throw ReportParameters.invalid("format", "'\(format)' cannot be used", hint: "json or csv")
        }
        let query = try LogQuery(values)
        let present = LogAPI.tag(search.end, asked)
        if EntityTag.matches(request.headers[.ifNoneMatch], present) {
            return Response(
                status: .notModified,
                headers: [.eTag: EntityTag.header(present), .cacheControl: LogAPI.caching]
            )
        }
        let found = try await search.search(query)
        var response: Response
        switch format {
        case .json: response = Response.json(.ok, LogAPI.json(found))
        case .csv:
            response = Response(
                status: .ok,
                headers: [
                    .contentType: "text/csv; charset=utf-8; header=present",
                    .contentDisposition: "attachment; filename=\"circlemeter-log.csv\"",
                ],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: LogAPI.table(found.records).csv()))
            )
        }
        response.headers[.eTag] = EntityTag.header(LogAPI.tag(found.end, asked))
        response.headers[.cacheControl] = LogAPI.caching
        if let next = found.next {
            // For programs that read CSV, which has no other place for it.
            let address = path(asked, under: "/api/v1/log", adding: ["before": String(next)])
            response.headers[LogAPI.link] = "<\(address)>; rel=\"next\""
        }
        return response
    }

    private func record(_ request: Request, _ context: DashboardContext) async throws -> Response {
        if let name = request.uri.queryParameters.first?.key {
            throw ReportParameters.invalid(String(name), "There is no such parameter here")
        }
        let policy = await people.read()
        guard let sequence = context.parameters.get("sequence", as: Int.self),
            let story = try await search.record(sequence, personName: policy.name)
        else { throw LogAPI.noRecord(search.end) }
        let isHidden = LogAPI.hidesEvents(policy, from: context)
        var response = Response.json(.ok, story.json(hidesEvent: isHidden))
        response.headers[.cacheControl] = LogAPI.caching
        return response
    }

    private static let caching = "private, no-cache"
    private static let link = HTTPField.Name("link")!

    /// Whether persons are not to be seen by who asks: where counters do not name them as the log does, only an admin
    /// sees the events, which do.
    static func hidesEvents(_ policy: PersonPolicy, from context: DashboardContext) -> Bool {
        policy.mode != .plain && context.access?.role != .admin
    }

    static func noRecord(_ end: LogPosition) -> HTTPProblem {
        HTTPProblem(
            status: .notFound,
            code: "not_found",
            message: "The log has no such record that can be read; its last one is \(end.sequence)"
        )
    }

    static func tag(_ end: LogPosition, _ values: [String: String]) -> String {
        let query = values.sorted { $0.key < $1.key }.map { "\($0.key)=\(queryValue($0.value))" }
        let digest = Hex.encode(Randomness.sha256(Array(query.joined(separator: "&").utf8)).prefix(8))
        return "log-\(end.sequence)-\(Hex.string(end.crc))-\(digest)"
    }
}
