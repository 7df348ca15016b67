import Usage
import Wire

/// The counters worked out the slow way, from the whole set of events at once, sharing no code with the reducer.
struct NaiveRecount {
    /// Per table, rows by their key's texts joined with a tab; values as in the table's columns.
    var rows: [UsageTable: [String: [Int]]] = [:]
    /// Durations of every counted job and workflow row.
    var durations: [UsageTable: [String: [Int]]] = [:]

    private static let rank: [RecordSource: Int] = [.webhook: 3, .api: 2, .export: 1, .meter: 0]

    /// The card that counts.
    private(set) var rateCard = RateCard.published

    init(_ all: Set<TestEvent>) {
        let events = all.filter { $0.notice == nil }
        let cards = all.compactMap { event -> (Int64, String, Int)? in
            guard case .rateCard(let number)? = event.notice, let at = event.happenedAt else { return nil }
            return (at, event.eventID, number)
        }
        if let latest = cards.max(by: <) { rateCard = TestEvent.Notice.card(latest.2) }
        let slugs = NaiveRecount.slugs(events.filter { $0.settled?.isConfirmation != true })
        for told in Dictionary(grouping: events, by: { "\($0.connection)/\($0.kind)/\($0.run)" }).values {
            let versions = told.filter { $0.settled?.isConfirmation != true }.sorted(by: NaiveRecount.wins)
            guard !versions.isEmpty else { continue }
            count(versions, told.compactMap(\.settled), slugs)
        }
    }

    private mutating func count(
        _ versions: [TestEvent],
        _ told: [TestEvent.Settled],
        _ slugs: (TestEvent) -> String
    ) {
        let latest = versions[0]
        let contents = Set(told.filter { !$0.isConfirmation }.map(\.content))
        let settled = contents.map { content in
            (at: told.filter { $0.content == content }.map(\.exportedAt).max()!, content: content)
        }.max { $0 < $1 }.map { TestEvent.Settled(content: $0.content, exportedAt: $0.at) }
        guard latest.status != "not_run" || settled.map({ $0.total != 0 }) ?? false else { return }
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
        let author = first(\.email)?.lowercased()
        let actor = first(\.actor).map { "login:\($0)" }
        let user = settled?.user.map { "user:\($0)" }
        let kinds = latest.kind == .job ? [1, 0] : [0, 1]
        let flags = [settled?.isUnregistered == false ? 1 : 0, settled?.isUnregistered == true ? 1 : 0]
        if let person = author ?? actor ?? user { add(.people, [connection, day.month, person], kinds + flags) }
        if let author { add(.activity, [connection, "\(day)", author, "author"], kinds + [0, 0]) }
        if let actor { add(.activity, [connection, "\(day)", actor, "trigger"], kinds + [0, 0]) }
        if let user { add(.activity, [connection, "\(day)", user, "trigger"], kinds + flags) }
        if let user {
            for identity in [author, actor].compactMap(\.self) {
                add(.identityPairs, [connection, day.month, identity, user], [1])
            }
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
        let total = Int(settled?.total ?? 0)
        add(.jobs, [connection, "\(day)", project, workflow, job], counts + sources + [total], duration: Int(duration))
        add(.branches, [connection, "\(day)", project, first(\.branch) ?? ""], [1, Int(duration)])
        let apiOnly = sources[0] == 0 && sources[1] == 1 ? 1 : 0
        add(
            .coverage,
            [connection, "\(day)", project],
            [
                1, sources[0], apiOnly, 1 - sources[0] - apiOnly, settled == nil ? 0 : 1, 0,
                max(0, contents.count - 1),
            ]
        )
        guard let settled else { return }
        let place = [connection, "\(day)", project]
        let machine = [settled.resourceClass ?? "", settled.executor, settled.operatingSystem]
        let parts = [
            "compute": settled.compute, "dlc": settled.dlc,
            "unattributed": settled.total - settled.compute - settled.dlc,
        ]
        for (feature, credits) in parts where feature == "compute" || credits != 0 {
            add(
                .features,
                place + [feature] + (feature == "compute" ? machine : ["", "", ""]),
                [1, Int(duration), Int(credits)]
            )
            if let person = user ?? author {
                add(.featurePeople, [connection, "\(day)", feature, person], [1, Int(credits)])
            }
        }
        add(
            .resources,
            place + [workflow, job] + machine,
            [1, Int(duration), Int(duration * (settled.parallelism ?? 1)), Int(settled.compute), total]
        )
        if let maximum = settled.maximumCPU {
            add(
                .utilization,
                [connection, day.month, project, workflow, job, machine[0], machine[1], "cpu_max"],
                [1, maximum < 5000 ? 1 : 0],
                duration: Int(maximum)
            )
        }
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
        if first.eventID != second.eventID { return Identity.of(first.eventID) > Identity.of(second.eventID) }
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
            return Sighting(
                connection: event.connection,
                id: id,
                slug: slug,
                at: event.source == .export ? 0 : event.happenedAt ?? 0
            )
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
