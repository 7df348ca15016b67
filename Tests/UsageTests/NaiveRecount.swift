import Usage
import Wire

/// The counters worked out the slow way, from the whole set of events at once, sharing no code with the reducer.
struct NaiveRecount {
    /// Per table, rows by their key's texts joined with a tab; values as in the table's columns.
    var rows: [UsageTable: [String: [Int]]] = [:]
    /// Durations of every counted job and workflow row.
    var durations: [UsageTable: [String: [Int]]] = [:]

    private static let rank: [RecordSource: Int] = [.webhook: 3, .api: 2, .export: 1, .meter: 0]

    init(_ events: Set<TestEvent>) {
        let slugs = NaiveRecount.slugs(events)
        for versions in Dictionary(grouping: events, by: { "\($0.connection)/\($0.kind)/\($0.run)" }).values {
            count(versions.sorted(by: NaiveRecount.wins), slugs)
        }
    }

    private mutating func count(_ versions: [TestEvent], _ slugs: (TestEvent) -> String) {
        let latest = versions[0]
        guard latest.status != "not_run" else { return }
        func first<Value>(_ value: (TestEvent) -> Value?) -> Value? { versions.lazy.compactMap(value).first }
        let day = Timestamp(
            microseconds: latest.startedAt ?? (latest.kind == .job ? first(\.workflowCreatedAt) : nil)
                ?? latest.pipelineCreatedAt
        ).day
        let duration = latest.startedAt.flatMap { start in latest.stoppedAt.map { max(0, ($0 - start) / 1000) } } ?? 0
        let project = first { $0.projectID != nil || $0.slug != nil ? slugs($0) : nil } ?? ""
        let workflow = first(\.workflow) ?? ""
        let named = Set(versions.map(\.source))
        let connection = latest.connection
        if let person = first(\.email)?.lowercased() {
            let isJob = latest.kind == .job
            add(.people, [connection, day.month, person], [isJob ? 1 : 0, isJob ? 0 : 1, 0, 0])
        }
        let words =
            latest.kind == .job
            ? ["success", "failed", "canceled", "unauthorized"]
            : ["success", "failed", "error", "canceled", "unauthorized"]
        let word = ["timedout", "infrastructure_fail"].contains(latest.status) ? "failed" : latest.status ?? ""
        var counts = words.map { $0 == word ? 1 : 0 }
        counts.append(1 - counts.reduce(0, +))
        counts.append(Int(duration))
        guard latest.kind == .job else {
            add(.workflows, [connection, "\(day)", project, workflow], counts, duration: Int(duration))
            return
        }
        let sources = [RecordSource.webhook, .api, .export].map { named.contains($0) ? 1 : 0 }
        let job = first(\.job) ?? ""
        add(.jobs, [connection, "\(day)", project, workflow, job], counts + sources + [0, 0], duration: Int(duration))
        add(.branches, [connection, "\(day)", project, first(\.branch) ?? ""], [1, Int(duration)])
        add(.features, [connection, "\(day)", project, "compute", "", ""], [1, Int(duration), 0])
        let apiOnly = sources[0] == 0 && sources[1] == 1 ? 1 : 0
        add(
            .coverage,
            [connection, "\(day)", project],
            [1, sources[0], apiOnly, 1 - sources[0] - apiOnly, sources[2], 0]
        )
    }

    private mutating func add(_ table: UsageTable, _ key: [String], _ values: [Int], duration: Int? = nil) {
        // Swift's strings are equal by canonical equivalence, so keys are kept as their bytes.
        let key = key.map { Hex.encode($0.utf8) }.joined(separator: "\t")
        rows[table, default: [:]][key] = zip(rows[table]?[key] ?? values.map { _ in 0 }, values).map(+)
        if let duration { durations[table, default: [:]][key, default: []].append(duration) }
    }

    /// Whether `first` outranks `second`.
    private static func wins(_ first: TestEvent, _ second: TestEvent) -> Bool {
        func times(_ event: TestEvent) -> [Int64] { [event.stoppedAt ?? .min, event.happenedAt ?? .min] }
        if times(first) != times(second) { return times(second).lexicographicallyPrecedes(times(first)) }
        if first.source != second.source { return rank[first.source]! > rank[second.source]! }
        if first.id != second.id { return Identity.of(first.id) > Identity.of(second.id) }
        func rest(_ event: TestEvent) -> [Int64] {
            [event.startedAt ?? .min, event.kind == .job ? event.workflowCreatedAt ?? .min : .min]
        }
        if rest(first) != rest(second) { return rest(second).lexicographicallyPrecedes(rest(first)) }
        func texts(_ event: TestEvent) -> [String] {
            [
                event.status ?? "", event.projectID ?? longForm(event.slug) ?? "", event.workflow ?? "",
                event.job ?? "", event.branch ?? "", event.email?.lowercased() ?? "",
            ]
        }
        for (mine, theirs) in zip(texts(first), texts(second)) where Array(mine.utf8) != Array(theirs.utf8) {
            return theirs.utf8.lexicographicallyPrecedes(mine.utf8)
        }
        return false
    }

    private static func longForm(_ slug: String?) -> String? {
        slug.map { $0.hasPrefix("gh/") ? "github/\($0.dropFirst(3))" : $0 }
    }

    /// The slug to show for an event's project: the latest slug of its id, or of the id last seen with its slug.
    private static func slugs(_ events: Set<TestEvent>) -> (TestEvent) -> String {
        struct Sighting {
            var connection, id, slug: String
            var at: Int64
        }
        let sightings = events.compactMap { event -> Sighting? in
            guard let id = event.projectID, let slug = longForm(event.slug) else { return nil }
            return Sighting(connection: event.connection, id: id, slug: slug, at: event.happenedAt ?? 0)
        }
        func latest(_ candidates: [Sighting]) -> Sighting? {
            candidates.max { ($0.at, $0.slug, $0.id) < ($1.at, $1.slug, $1.id) }
        }
        return { event in
            let mine = sightings.filter { $0.connection == event.connection }
            if let id = event.projectID { return latest(mine.filter { $0.id == id })?.slug ?? id }
            let slug = longForm(event.slug) ?? ""
            guard let last = latest(mine.filter { $0.slug == slug }) else { return slug }
            return latest(mine.filter { $0.id == last.id })?.slug ?? slug
        }
    }
}
