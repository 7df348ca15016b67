import EventLog
import HTTPTypes
import Hummingbird
import Usage
import Wire

/// `GET /log/{sequence}`: what a record is, whether its signature fits, and what it changed.
struct RecordPage: Sendable {
    let parts: MeterParts
    let pages: Pages
    let search: LogSearch

    /// Of the event; a page is no place for more.
    private static let maximumBodyBytes = 200 << 10
    private static let maximumChanges = 200

    struct Change {
        let counter: String
        let day: String
        let key: String
        let difference: String
    }

    struct Other {
        let row: LogPage.Row
        let isThis: Bool
    }

    private struct Page {
        let navigation: Navigation
        let sequence: String
        let headline: String
        let facts: [Fact]
        let receivedAt: ShownTime
        let badge: String
        let tone: String
        let signatureMessage: String
        let changes: [Change]
        let hasChanges: Bool
        let moreChanges: String?
        /// Stands in the place of no changes, or below them.
        let changeNotes: [String]
        let others: [Other]
        let hasOthers: Bool
        let othersNote: String?
        let runPath: String?
        /// Nil where it is hidden.
        let event: String?
        let isEventHidden: Bool
        let eventNote: String?
        let previousPath: String?
        let nextPath: String?
        let jsonPath: String
    }

    struct Fact {
        let title: String
        let value: String
    }

    func add(to router: Router<DashboardContext>) {
        router.get("/log/:sequence") { request, context in try await respond(to: request, context) }
    }

    private func respond(to request: Request, _ context: DashboardContext) async throws -> Response {
        let policy = await parts.people.read()
        guard let sequence = context.parameters.get("sequence", as: Int.self),
            let story = try await search.record(sequence, personName: policy.name)
        else { return try missing(context) }
        let words = RecordWords(story)
        let isHidden = LogAPI.hidesEvents(policy, from: context)
        let (event, eventNote) = isHidden ? (nil, nil) : RecordPage.event(story.body)
        let changes = story.effect.changes.flatMap(RecordPage.changes)
        let others = story.runRecords
        let page = Page(
            navigation: Navigation(.log, context),
            sequence: grouped(sequence),
            headline: words.headline,
            facts: words.facts.map { Fact(title: $0.title, value: $0.value) },
            receivedAt: ShownTime(story.summary.receivedAt, now: parts.access.now()),
            badge: story.signature.word,
            tone: story.signature.tone,
            signatureMessage: story.signature.message,
            changes: Array(changes.prefix(RecordPage.maximumChanges)),
            hasChanges: !changes.isEmpty,
            moreChanges: changes.count > RecordPage.maximumChanges
                ? grouped(changes.count - RecordPage.maximumChanges) : nil,
            changeNotes: words.changeNotes,
            others: others.map { Other(row: LogPage.row($0), isThis: $0.sequence == sequence) },
            hasOthers: others.count > 1,
            othersNote: story.isAboutRun ? words.othersNote : nil,
            runPath: story.isAboutRun
                ? story.summary.run.map { path(["run": $0], under: "/log", adding: [:]) } : nil,
            event: event,
            isEventHidden: isHidden,
            eventNote: eventNote,
            previousPath: sequence > 1 ? "/log/\(sequence - 1)" : nil,
            nextPath: sequence < story.end.sequence ? "/log/\(sequence + 1)" : nil,
            jsonPath: "/api/v1/log/\(sequence)"
        )
        var response = try pages.render("log-record", page)
        response.headers[.cacheControl] = "private, no-cache"
        return response
    }

    private struct Missing {
        let navigation: Navigation
        let message: String
    }

    private func missing(_ context: DashboardContext) throws -> Response {
        let message = "\(LogAPI.noRecord(search.end).message)."
        return try pages.render(
            "log-missing",
            Missing(navigation: Navigation(.log, context), message: message),
            status: .notFound
        )
    }

    private static func changes(_ row: UsageChanges.ShownRow) -> [Change] {
        let key = row.key.texts.map { $0.isEmpty ? "–" : nameInSentence($0) }.joined(separator: " › ")
        let day = row.table.isMonthly ? row.key.day.month : row.key.day.description
        return row.values.map { column, change in
            Change(
                counter: RecordWords.counter(row.table, column),
                day: day,
                key: key,
                difference: RecordWords.difference(change, column)
            )
        }
    }

    /// The event for people, and what is to be known of how it is shown.
    private static func event(_ body: [UInt8]) -> (text: String, note: String?) {
        // JSON with white space of its own would be broken into lines twice.
        let isJSON = body.withUnsafeBytes { JSONScanner.isObject($0) } && !body.contains { $0 == 0x0a || $0 == 0x0d }
        let text = isJSON ? JSONIndentation.indented(body, upTo: maximumBodyBytes) : body
        guard text.count > maximumBodyBytes else {
            return (String(decoding: text, as: UTF8.self), isJSON ? nil : "Shown as it came.")
        }
        return (
            String(decoding: text.prefix(maximumBodyBytes), as: UTF8.self),
            "The beginning of \(grouped(body.count)) bytes. The API has all of it."
        )
    }
}
