import CircleCI
import EventLog
import Usage
import Wire

/// What one advance over the log brings to the store.
struct Advance {
    struct RecordKind: Hashable {
        var source: RecordSource
        var type: String
        var outcome: Reducer.Outcome
    }

    var changes = UsageChanges()
    var records: [RecordKind: Int] = [:]
    var damages: [LogDamage] = []
    var position: LogPosition?
}

/// Folds the log into a store: records after the store's position go through the reducer, and what changed is
/// published with the new position.
///
/// Blocking, and for one thread at a time. After an error it is of no more use: open it anew, and it takes up at the
/// last published position.
struct Projection {
    let store: UsageStore
    private let reader: LogReader
    private var reducer: Reducer
    /// What ``PersonPolicy/fingerprint`` it counts by.
    let personFingerprint: String
    private(set) var position: LogPosition?
    private var records: [Advance.RecordKind: Int] = [:]
    private var damages: [LogDamage] = []
    /// Those published already: damage that no record follows is met again by every advance.
    private var knownDamages: Set<LogDamage> = []

    /// Published whenever this many rows of counters have changed, so that memory stays bounded in a long fold.
    private static let maximumPendingRows = 100_000
    /// And at the latest after so many records, so that a long fold can be taken up again.
    private static let maximumPendingRecords = 500_000

    /// - Parameter people: as the store has it from its first record on.
    init(store: UsageStore, reader: LogReader, people: PersonPolicy = .plain) throws {
        self.store = store
        self.reader = reader
        personFingerprint = people.fingerprint
        reducer = try Reducer(storage: store, personName: people.name)
        position = try store.position()
    }

    /// Checks that the position, where there is one, is still on the log.
    /// - Throws: `LogError` with code `positionNotFound` where it is not.
    func checkPosition() throws {
        #if SABOTAGE
            if Sabotage.plants("position-not-checked") { return }
        #endif
        guard let position else { return }
        _ = try reader.read(after: position) { _ in false }
    }

    /// Folds and publishes all records.
    /// - Parameter sequence: the last one to fold; nil: all that there are.
    /// - Parameter progress: called now and then with the position reached; false stops after what is published.
    /// - Returns: how many records were folded.
    @discardableResult
    mutating func advance(to sequence: Int?, progress: (LogPosition) -> Bool = { _ in true }) throws -> Int {
        var folded = 0
        var isStopped = false
        repeat {
            var count = 0
            var reached = position
            _ = try reader.read(after: position) { item in
                switch item {
                case .record(let record):
                    guard record.sequence <= sequence ?? .max else { return false }
                    try fold(record)
                    reached = record.position
                    count += 1
                case .damage(let damage):
                    if knownDamages.insert(damage).inserted { damages.append(damage) }
                case .tornTail:
                    // Of a batch that was never acknowledged; the log's own recovery deals with it.
                    break
                }
                return count < Projection.maximumPendingRecords
                    && (count % 1000 != 0 || reducer.pendingRowCount < Projection.maximumPendingRows)
            }
            guard count > 0 || !damages.isEmpty else { break }
            try publish(at: reached)
            folded += count
            if let position { isStopped = !progress(position) }
        } while !isStopped
        return folded
    }

    private mutating func fold(_ record: LogRecord) throws {
        let (kind, outcome) = try record.withBody { body in
            // A body that is no object was accepted by mistake or by an older version: it stays and is counted.
            guard let event = try? EventScanner.event(in: body) else {
                return ("", Reducer.Outcome.unreadable)
            }
            let outcome = try reducer.fold(
                event,
                in: body,
                connection: record.connectionText.raw(in: record.line),
                source: record.source,
                storage: store
            )
            return (Projection.typeName(event, body), outcome)
        }
        records[Advance.RecordKind(source: record.source, type: kind, outcome: outcome), default: 0] += 1
    }

    /// The type for the table of record counts, short and of few values whatever is sent.
    private static func typeName(_ event: Event, _ body: UnsafeRawBufferPointer) -> String {
        switch event.kind {
        case .jobCompleted: "job-completed"
        case .workflowCompleted: "workflow-completed"
        case .ping: "ping"
        case .connectionChanged: "connection-changed"
        case .projectReconciled: "project-reconciled"
        case .personErased: "person-erased"
        case .jobSettled: "job-settled"
        case .usageConfirmed: "usage-confirmed"
        case .usageSettled: "usage-settled"
        case .jobDescribed: "job-described"
        case .rateCardChanged: "rate-card-changed"
        case .unknown: String((event.type?.string(in: body) ?? "").unicodeScalars.prefix(64))
        }
    }

    private mutating func publish(at reached: LogPosition?) throws {
        let advance = Advance(
            changes: reducer.takeChanges(),
            records: records,
            damages: damages,
            position: reached
        )
        try store.publish(advance)
        position = reached
        records.removeAll(keepingCapacity: true)
        damages.removeAll()
        reducer.releaseMemory()
    }
}
