import EventLog
import HTTPTypes
import Hummingbird
import Usage
import Wire

/// `GET /`: what was counted in the last 30 days, and whether all is well.
struct OverviewPage: Sendable {
    let parts: MeterParts
    let pages: Pages

    func add(to router: Router<DashboardContext>) {
        router.get("/") { request, context in try await respond(to: request, context) }
    }

    private func respond(to request: Request, _ context: DashboardContext) async throws -> Response {
        let today = Timestamp.now.day
        let published = parts.projector.published
        // What the page shows besides the counters is in the tag, so that it is fresh, too.
        let failing = parts.log.statistics.activity?.failing
        let quarantined = parts.quarantine.count
        let state = "\(today.daysSinceEpoch)-\(quarantined)-\(failing == nil ? "ok" : "failing")"
        if EntityTag.matches(request.headers[.ifNoneMatch], "\(published.tag)-\(state)") {
            return Response(status: .notModified)
        }
        let from = Day(daysSinceEpoch: today.daysSinceEpoch - 29)
        let filter = SnapshotFilter(from: min(from, today.firstOfMonth))
        let empty = (Snapshot(position: nil, rows: [:], projects: [], connections: []), [RecordCount](), [String]())
        let (snapshot, records, damages) = try await published.read(or: empty) { store in
            (try store.snapshot(filter), try store.recordCounts(), try store.damageMessages())
        }
        let page = Overview(
            snapshot: snapshot,
            from: from,
            today: today,
            records: records,
            connections: parts.connections.list(),
            attention: attention(damages, isFailing: failing?.message),
            durableSequence: parts.log.durableEnd.sequence,
            quarantined: quarantined,
            tag: "\(snapshot.tag)-\(state)",
            csrfToken: context.access?.session?.csrfToken
        )
        var response = try pages.render("overview", page)
        response.headers[.eTag] = EntityTag.header(page.tag)
        return response
    }

    private func attention(_ damages: [String], isFailing failure: String?) -> [String] {
        var messages = damages.map { "The log is damaged: \($0). Run circlemeter log verify." }
        if let failure { messages.append("No delivery can be kept now: \(failure). CircleCI will send them again.") }
        if parts.projector.lag.seconds > HealthAPI.maximumLagSeconds {
            messages.append("The counters are \(Int(parts.projector.lag.seconds)) seconds behind the log.")
        }
        return messages
    }
}
