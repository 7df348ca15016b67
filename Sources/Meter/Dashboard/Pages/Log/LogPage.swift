import EventLog
import HTTPTypes
import Hummingbird
import Usage
import Wire

/// `GET /log`: the newest records, and those that a form asks for. Without a script it is a page like any other; with it
/// new records appear on top.
struct LogPage: Sendable {
    let parts: MeterParts
    let pages: Pages
    let search: LogSearch

    private static let recordCount = 50

    struct Row {
        let instant: String
        /// `2026-11-22 08:16:08`.
        let time: String
        let source: String
        let connection: String
        let type: String
        let project: String?
        /// Said below: the slug where that is not what people call the project.
        let slug: String?
        /// The job, or the workflow where it is about that; nil where it is about neither.
        let subject: String?
        /// A job's workflow, said below.
        let within: String?
        let status: String?
        let tone: String
        let duration: String?
        let sequence: String
        let path: String
    }

    private struct Page {
        let navigation: Navigation
        let tag: String
        let form: LogForm
        let problem: String?
        /// Whether new records appear by themselves.
        let isFollowing: Bool
        /// Where following is turned on or off; nil where there is nothing to follow.
        let followPath: String?
        let rows: [Row]
        let hasRows: Bool
        /// How far the search came, and what that means.
        let notes: [String]
        let olderPath: String?
        let olderWord: String
        let newestPath: String?
        let csvPath: String
        /// Says so where the file cannot have all.
        let csvWord: String
    }

    func add(to router: Router<DashboardContext>) {
        router.get("/log") { request, context in try await respond(to: request, context) }
        RecordPage(parts: parts, pages: pages, search: search).add(to: router)
    }

    private func respond(to request: Request, _ context: DashboardContext) async throws -> Response {
        var values = try ReportsAPI.values(of: request).filter { !$0.value.isEmpty }
        let shown = values
        let connections = parts.connections.list().map(\.id)
        let aside = keptAside
        let present = tag(search.end, shown, connections, aside)
        if EntityTag.matches(request.headers[.ifNoneMatch], present) { return Response(status: .notModified) }
        let follow = values.removeValue(forKey: "follow")
        var problem: String?
        var found: LogSearch.Found?
        do {
            guard follow == nil || follow == "off" else {
                throw ReportParameters.invalid("follow", "'\(follow ?? "")' cannot be used", hint: "off")
            }
            var query = try LogQuery(values)
            if values["limit"] == nil { query.limit = LogPage.recordCount }
            found = try await search.search(query)
        } catch let error as MeterError where error.code == .invalidParameter {
            problem = "\(error.location.map { "\($0): " } ?? "")\(sentence(error.message)) \(error.hint ?? "")"
        }
        let isTail = values["before"] == nil && problem == nil
        var asked = values
        asked["before"] = nil
        let page = Page(
            navigation: Navigation(.log, context),
            tag: tag(found?.end ?? search.end, shown, connections, aside),
            form: LogForm(asked, connections: connections, follow: follow),
            problem: problem,
            isFollowing: isTail && follow == nil,
            followPath: isTail ? path(asked, under: "/log", adding: follow == nil ? ["follow": "off"] : [:]) : nil,
            rows: (found?.records ?? []).map(LogPage.row),
            hasRows: found?.records.isEmpty == false,
            notes: (found.map(notes) ?? []) + (isTail ? aside : []),
            olderPath: found?.next.map { path(asked, under: "/log", adding: ["before": String($0)]) },
            olderWord: found?.records.isEmpty == false ? "Older" : "Search on",
            newestPath: isTail ? nil : path(asked, under: "/log", adding: [:]),
            csvPath: path(
                values,
                under: "/api/v1/log",
                adding: ["format": "csv", "limit": values["limit"] ?? String(LogQuery.maximumLimit)]
            ),
            csvWord: found?.next == nil ? "CSV" : "CSV of the newest \(grouped(LogQuery.maximumLimit))"
        )
        var response = try pages.render("log", page, status: problem == nil ? .ok : .badRequest)
        if problem == nil { response.headers[.eTag] = EntityTag.header(page.tag) }
        return response
    }

    /// What the page shows besides records is in it, so that it is fresh, too.
    private func tag(
        _ end: LogPosition,
        _ values: [String: String],
        _ connections: [String],
        _ aside: [String]
    ) -> String {
        var values = values
        values["connections"] = connections.joined(separator: ",")
        values["aside"] = aside.joined(separator: ",")
        return LogAPI.tag(end, values)
    }

    /// What came and is not on the log.
    private var keptAside: [String] {
        let (refused, unreadable) = (parts.refused.count, parts.quarantine.count)
        var notes: [String] = []
        let aside = "Deliveries kept aside, not on the log, since"
        if refused > 0 {
            notes.append(
                "\(aside) their signature fits no secret: \(grouped(refused)). Once the secret is mended, circlemeter "
                    + "quarantine retry puts them here."
            )
        }
        if unreadable > 0 { notes.append("\(aside) they are no JSON object: \(grouped(unreadable)).") }
        return notes
    }

    private func notes(_ found: LogSearch.Found) -> [String] {
        var notes: [String] = []
        if found.end.sequence == 0 {
            notes.append("The log is empty. What webhooks bring, and what the service itself decides, will be here.")
        } else if found.records.isEmpty {
            notes.append(
                found.next == nil
                    ? "Nothing on the log fits: it was searched to its beginning."
                    : "Nothing found yet: the log was searched back to record \(found.searchedTo). Search on for what is older."
            )
        } else if found.next == nil {
            notes.append("That is all: the log was searched to its beginning.")
        } else if found.records.last.map({ $0.sequence != found.searchedTo }) ?? false {
            notes.append("Searched back to record \(found.searchedTo); what is older has not been looked at.")
        }
        notes += found.damages.map { "Cannot be read, and is left out: \($0). Run circlemeter log verify." }
        return notes
    }

    static func row(_ record: RecordSummary) -> Row {
        let instant = record.receivedAt.description
        let name = record.projectName ?? ""
        let isNamed = record.project.map { !name.isEmpty && !$0.hasSuffix("/" + name) } ?? false
        let isWorkflow = record.kind == .workflowCompleted
        return Row(
            instant: instant,
            time: "\(instant.prefix(10)) \(instant.dropFirst(11).prefix(8))",
            source: record.source.rawValue,
            connection: record.connection,
            type: shortened(record.type ?? "no JSON object"),
            project: (isNamed ? name : record.project).map(shortened),
            slug: isNamed ? record.project.map(shortened) : nil,
            subject: (isWorkflow ? record.workflow : record.job).map(shortened),
            within: isWorkflow ? nil : record.workflow.map(shortened),
            status: record.status.map(shortened),
            tone: tone(ofStatus: record.status),
            duration: record.durationMilliseconds.map(duration),
            sequence: String(record.sequence),
            path: "/log/\(record.sequence)"
        )
    }

    private static func tone(ofStatus status: String?) -> String {
        switch status {
        case "success": "good"
        case "failed", "error", "unauthorized", "timedout", "infrastructure_fail": "warning"
        default: "plain"
        }
    }

    /// Texts come from outside and may be of any length.
    private static func shortened(_ text: String) -> String {
        let start = text.unicodeScalars.prefix(121)
        return start.count > 120 ? String(String.UnicodeScalarView(start.prefix(120))) + "…" : text
    }
}
