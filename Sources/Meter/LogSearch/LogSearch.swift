import EventLog
import Wire

/// Looks records up for the dashboard, from the log's durable end backwards. Every search is bounded and says how far it
/// came, so that it can be gone on with.
final class LogSearch: Sendable {
    /// What one search may take, whichever comes first. A single record may take it beyond.
    struct Bounds: Sendable {
        var bytes = 256 << 20
        var duration = Duration.seconds(2)
    }

    struct Found: Sendable {
        /// Newest first.
        var records: [RecordSummary] = []
        var damages: [LogDamage] = []
        /// Every record from this one on has been looked at, as far as it can be read.
        var searchedTo: Int
        /// The `before` of what has not been looked at; nil where nothing is left.
        var next: Int?
        /// The log's end when it was searched.
        var end: LogPosition
    }

    private let log: EventLog
    private let connections: ConnectionStore
    private let reader: LogReader
    private let bounds: Bounds
    private let line = WaitingLine(label: "circlemeter.log-search", width: 3, maximumWaiting: 64)

    init(log: EventLog, connections: ConnectionStore, directory: String, bounds: Bounds = Bounds()) {
        self.log = log
        self.connections = connections
        reader = LogReader(directory: directory)
        self.bounds = bounds
    }

    var end: LogPosition { log.durableEnd }

    /// - Throws: `busy`; `LogError` where a file of the log cannot be read.
    func search(_ query: LogQuery) async throws -> Found {
        try await line.run { [self] in try found(query) }
    }

    /// A record and what can be told of it.
    ///
    /// - Parameter personName: What may be said of a person, as for the reducer.
    /// - Returns: Nil where the log has no such record, or it cannot be read.
    /// - Throws: As ``search(_:)``.
    func record(_ sequence: Int, personName: @escaping @Sendable (String) -> String?) async throws -> RecordStory? {
        try await line.run { [self] in
            let end = log.durableEnd
            guard var story = try story(sequence, end) else { return nil }
            try story.tell(reader, bounds: bounds, personName: personName)
            return story
        }
    }

    private func found(_ query: LogQuery) throws -> Found {
        var found = Found(searchedTo: 0, end: log.durableEnd)
        let watch = SearchWatch(bounds)
        let reading = try reader.readBackward(
            before: query.before,
            through: found.end,
            after: query.after,
            mayGoOn: watch.mayGoOn
        ) { item in
            switch item {
            case .record(let record):
                if let summary = query.summary(of: record) { found.records.append(summary) }
            case .damage(let damage), .tornTail(let damage): found.damages.append(damage)
            }
            return found.records.count < query.limit
        }
        found.searchedTo = reading.searchedTo
        found.next = reading.searchedTo > query.after + 1 ? reading.searchedTo : nil
        return found
    }

    private func story(_ sequence: Int, _ end: LogPosition) throws -> RecordStory? {
        guard sequence >= 1, sequence <= end.sequence else { return nil }
        var story: RecordStory?
        _ = try reader.readBackward(before: sequence + 1, through: end, after: sequence - 1) { item in
            if case .record(let record) = item {
                let signature = SignatureState(of: record) { connections.webhookSecrets(of: $0) }
                story = RecordStory(record, signature: signature, end: end)
            }
            return true
        }
        return story
    }
}

/// Tells when a search has taken what it may.
struct SearchWatch: Sendable {
    private let bytes: Int
    private let deadline: ContinuousClock.Instant

    init(_ bounds: LogSearch.Bounds) {
        bytes = bounds.bytes
        deadline = ContinuousClock.now + bounds.duration
    }

    func mayGoOn(_ bytesRead: Int) -> Bool { bytesRead < bytes && ContinuousClock.now < deadline }
}
