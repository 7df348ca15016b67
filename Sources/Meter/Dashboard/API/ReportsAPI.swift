import HTTPTypes
import Hummingbird
import NIOCore
import Usage
import Wire

/// `GET /api/v1/{usage,features,coverage,...}`: reports as JSON or CSV.
struct ReportsAPI: Sendable {
    enum Format: String, CaseIterable {
        case json
        case csv
    }

    let published: PublishedSnapshot
    /// How persons are called and merged, as the people file has it now.
    let people: PeopleSource
    let now: @Sendable () -> Timestamp

    func add(to router: RouterGroup<some RequestContext>) {
        for name in Report.Name.allCases {
            router.get(RouterPath(name.rawValue)) { request, _ in try await respond(to: request, name) }
        }
    }

    /// The `ETag` names the log position and the days, so that a report of the last days is another one tomorrow; where
    /// people are counted also the file that says who is one. So nothing is read for who has the report already.
    private func respond(to request: Request, _ name: Report.Name) async throws -> Response {
        let asked = try ReportsAPI.givenValues(of: request)
        var values = asked
        let format = values.removeValue(forKey: "format") ?? Format.json.rawValue
        guard let format = Format(rawValue: format) else {
            throw ReportParameters.invalid("format", "'\(format)' cannot be used", hint: "json or csv")
        }
        let report = try Report(name, values, today: now().day)
        let policy = name.dependsOnPeople ? await people.read() : nil
        let present = report.tag(published.tag, policy)
        if EntityTag.matches(request.headers[.ifNoneMatch], present) { return ReportsAPI.notModified(present) }
        let (snapshot, groups) = try await published.answer(report)
        try policy?.check(snapshot)
        let rules = policy?.rules ?? PeopleRules()
        let table = try report.table(of: snapshot, groups, rules: rules)
        let bytes: [UInt8]
        switch format {
        case .json: bytes = report.json(table, of: snapshot, rules: rules)
        case .csv: bytes = table.csv()
        }
        let tag = report.tag(snapshot.tag, policy)
        var response: Response
        switch format {
        case .json: response = Response.json(.ok, bytes)
        case .csv:
            let file =
                "circlemeter-\(name.rawValue)-\(report.range.days.lowerBound)-\(report.range.days.upperBound).csv"
            response = Response(
                status: .ok,
                headers: [
                    .contentType: "text/csv; charset=utf-8; header=present",
                    .contentDisposition: "attachment; filename=\"\(file)\"",
                ],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes))
            )
        }
        response.headers[.eTag] = EntityTag.header(tag)
        response.headers[.cacheControl] = "private, no-cache"
        if let next = table.nextOffset {
            // RFC 8288.
            let address = path(asked, under: "/api/v1/\(name.rawValue)", adding: ["offset": String(next)])
            response.headers[HTTPField.Name("link")!] = "<\(address)>; rel=\"next\""
        }
        return response
    }

    private static func notModified(_ tag: String) -> Response {
        Response(
            status: .notModified,
            headers: [.eTag: EntityTag.header(tag), .cacheControl: "private, no-cache"]
        )
    }

    /// The query's parameters; a name that comes twice is refused, and one without a value: a program means something by
    /// it, other than a form that sends what was left empty.
    static func givenValues(of request: Request) throws(MeterError) -> [String: String] {
        let values = try values(of: request)
        if let empty = values.filter({ $0.value.isEmpty }).keys.min() {
            throw ReportParameters.invalid(empty, "It has no value")
        }
        return values
    }

    /// The query's parameters; a name that comes twice is refused.
    static func values(of request: Request) throws(MeterError) -> [String: String] {
        var values: [String: String] = [:]
        for (name, value) in request.uri.queryParameters {
            guard values.updateValue(String(value), forKey: String(name)) == nil else {
                throw ReportParameters.invalid(String(name), "It is there twice")
            }
        }
        return values
    }
}

extension Report {
    /// Counts up whenever the same snapshot would give another report.
    private static let format = 2

    /// Names what the report shows, given what names the snapshot; of people also today, whose month goes on.
    /// - Parameter policy: where it depends on people.
    func tag(_ snapshot: String, _ policy: PersonPolicy?) -> String {
        var tag = "\(snapshot)-f\(Report.format)-\(range.days.lowerBound)-\(range.days.upperBound)"
        if limit != nil || offset != 0 { tag += "-\(offset)-\(limit.map(String.init) ?? "all")" }
        if let policy { tag += "-\(policy.tag)" }
        if let today = summaryDay { tag += "-\(today)" }
        return tag
    }
}
