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
        let now = parts.access.now()
        let today = now.day
        let published = parts.projector.published
        // What the page shows besides the counters is in the tag, so that it is fresh, too.
        let failing = parts.log.statistics.activity?.failing
        let quarantined = parts.quarantine.count
        let refused = parts.refused.count
        let connections = parts.connections.list()
        let health = await parts.circleci.monitor.all
        let noticed = connections.flatMap { connection in
            (health[connection.id]?.all ?? []).map { (id: connection.id, condition: $0) }
        }
        let rates = await parts.rateCard.problem
        let clock = parts.circleci.clock.problem
        let people = await parts.people.read()
        let isBehind = parts.log.durableEnd.sequence > published.position?.sequence ?? 0
        // The minute, because the page says how long ago something was.
        let state =
            "\(now.microseconds / 60_000_000)-\(quarantined)-\(refused)-\(failing == nil ? "ok" : "failing")-\(digest(noticed))"
            + "-\(digest(connections))-\(isBehind)-\(people.tag)"
            + [rates, clock].compactMap { $0.map { "-\(digest("\($0)"))" } }.joined()
        if EntityTag.matches(request.headers[.ifNoneMatch], "\(published.tag)-\(state)") {
            return Response(status: .notModified)
        }
        let range = ReportRange(today.adding(days: -29)...today)
        let answer = try await published.overview(range, rules: people.rules)
        let surroundings = Overview.Surroundings(
            records: answer.records,
            connections: connections,
            conditions: health.mapValues(\.condition),
            lastEvents: answer.lastEvents,
            attention: needing(noticed).map { line($0.id, $0.condition, context) }
                + attention(answer.damages, isFailing: failing?.message, rates, clock).map {
                    Overview.AttentionLine(text: $0)
                },
            durableSequence: parts.log.durableEnd.sequence,
            lagSeconds: parts.projector.lag.seconds,
            quarantined: quarantined,
            refused: refused,
            isAdmin: context.access?.role == .admin,
            hasCharts: parts.chartScript != nil,
            now: now
        )
        let page = Overview(
            snapshot: answer.snapshot,
            counts: answer.counts,
            activeUsers: answer.activeUsers,
            surroundings: surroundings,
            tag: "\(answer.snapshot.tag)-\(state)",
            navigation: Navigation(.overview, context)
        )
        var response = try pages.render("overview", page)
        response.headers[.eTag] = EntityTag.header(page.tag)
        return response
    }

    /// What of connections stays until somebody does something, the most severe first.
    private func needing(
        _ noticed: [(id: String, condition: ConnectionCondition)]
    ) -> [(id: String, condition: ConnectionCondition)] {
        noticed.filter { $0.condition.needsSomebody }.sorted { $0.condition.state > $1.condition.state }
    }

    private func line(
        _ id: String,
        _ condition: ConnectionCondition,
        _ context: DashboardContext
    ) -> Overview.AttentionLine {
        let since = ShownTime(condition.since, now: parts.access.now()).minute
        var line = Overview.AttentionLine(text: "\(sentence(condition.message)) Since \(since).")
        line.connectionID = id
        line.cardPath = ConnectionsPage.path(to: id)
        if condition.state == .reconnectRequired || condition.state == .expiring, context.access?.role == .admin {
            line.formPath = "/connections/\(id)/reconnect"
            line.formWord = condition.state == .expiring ? "Replace key" : "Reconnect"
        }
        return line
    }

    private func digest(_ conditions: [(id: String, condition: ConnectionCondition)]) -> String {
        digest(conditions.map { "\($0.id) \($0.condition)" }.joined(separator: "\n"))
    }

    private func digest(_ connections: [Connection]) -> String {
        digest(connections.map { "\($0.id) \($0.organization) \($0.apiKey != nil)" }.joined(separator: "\n"))
    }

    private func digest(_ text: String) -> String { Hex.encode(Randomness.sha256(Array(text.utf8)).prefix(4)) }

    private func attention(_ damages: [String], isFailing failure: String?, _ rates: MeterError?, _ clock: MeterError?)
        -> [String]
    {
        var messages = damages.map { "The log is damaged: \($0). Run circlemeter log verify." }
        if let rates {
            let reason = rates.cause.map { "\($0)" } ?? rates.message
            messages.append("The rate card's file does not count, the last good card does: \(reason).")
        }
        if let clock { messages.append("\(clock.message): \(clock.hint ?? "").") }
        if let failure { messages.append("No delivery can be kept now: \(failure). CircleCI will send them again.") }
        if parts.projector.lag.seconds > HealthAPI.maximumLagSeconds {
            messages.append("The counters are \(Int(parts.projector.lag.seconds)) seconds behind the log.")
        }
        return messages
    }
}
