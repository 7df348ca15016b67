import CircleCI
import EventLog
import Usage
import Wire

/// What one advance over the log brings to the store.
struct Advance {
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
struct Projection: ~Copyable {
    let store: UsageStore
    private let reader: LogReader
    private var reducer: Reducer
    /// What ``PersonPolicy/fingerprint`` it counts by.
    let personFingerprint: String
    private(set) var position: LogPosition?
    private var records = RecordCounts()
    private var damages: [LogDamage] = []
    /// Those published already: damage that no record follows is met again by every advance.
    private var knownDamages: Set<LogDamage> = []

    /// Published whenever this many rows of counters have changed, so that memory stays bounded in a long fold.
    private static let maximumPendingRows = 100_000
    /// And at the latest after so many records, so that a long fold holds few runs and can be taken up again.
    private static let maximumPendingRecords = 50_000
    /// How often that is looked at, in records.
    private static let checkedRecords = 1000

    /// - Parameter people: as the store has it from its first record on.
    init(store: UsageStore, reader: LogReader, people: PersonPolicy = .plain) throws {
        // Whatever throws comes first: what cannot be copied cannot be given up half made.
        let reducer = try Reducer(storage: store, personName: people.name)
        let position = try store.position()
        self.store = store
        self.reader = reader
        self.reducer = reducer
        self.position = position
        personFingerprint = people.fingerprint
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
                    try record.withBody { body in
                        let event = try? EventScanner.event(in: body)
                        try fold(
                            event ?? Event(),
                            isObject: event != nil,
                            in: body,
                            connection: record.connectionText.raw(in: record.line),
                            source: record.source
                        )
                    }
                    reached = record.position
                    count += 1
                case .damage(let damage): note(damage)
                case .tornTail:
                    // Of a batch that was never acknowledged; the log's own recovery deals with it.
                    break
                }
                return count % Projection.checkedRecords != 0 || !isDue(after: count)
            }
            guard count > 0 || !damages.isEmpty else { break }
            try publish(at: reached)
            folded += count
            if let position { isStopped = !progress(position) }
        } while !isStopped
        return folded
    }

    /// As ``advance(to:progress:)``, with a thread that reads and scans ahead: for a fold that is long.
    mutating func advanceScanningAhead(to sequence: Int?, progress: (LogPosition) -> Bool) throws {
        guard ScanAhead.isOfUse else {
            try advance(to: sequence, progress: progress)
            return
        }
        let ahead = ScanAhead(reader, after: position, to: sequence)
        defer { ahead.stop() }
        var count = 0
        var reached = position
        var batch: ScannedBatch?
        var isWanted = true
        while isWanted {
            try ahead.next(&batch)
            let isAllWanted = try batch?.forEach { record, bytes in
                try fold(
                    record.pointee.event,
                    isObject: record.pointee.isObject,
                    in: UnsafeRawBufferPointer(rebasing: bytes[record.pointee.body]),
                    connection: UnsafeRawBufferPointer(rebasing: bytes[record.pointee.connection]),
                    source: record.pointee.source
                )
                reached = record.pointee.position
                count += 1
                guard count % Projection.checkedRecords == 0, isDue(after: count) else { return true }
                try publish(at: reached)
                count = 0
                return position.map(progress) ?? true
            } damage: {
                note($0)
            }
            guard let isAllWanted else { break }
            isWanted = isAllWanted
        }
        guard isWanted, count > 0 || !damages.isEmpty else { return }
        try publish(at: reached)
        if let position { _ = progress(position) }
    }

    /// Whether what was counted should be published before more is.
    private func isDue(after count: Int) -> Bool {
        count >= Projection.maximumPendingRecords
            || count > 0 && reducer.pendingRowCount >= Projection.maximumPendingRows
    }

    private mutating func note(_ damage: LogDamage) {
        if knownDamages.insert(damage).inserted { damages.append(damage) }
    }

    /// - Parameter isObject: a body that is none was accepted by mistake or by an older version: it stays and is counted.
    private mutating func fold(
        _ event: Event,
        isObject: Bool,
        in body: UnsafeRawBufferPointer,
        connection: UnsafeRawBufferPointer,
        source: RecordSource
    ) throws {
        guard isObject else { return records.count(source, type: "", .unreadable) }
        let outcome = try reducer.fold(event, in: body, connection: connection, source: source, storage: store)
        records.count(source, event, in: body, outcome)
    }

    private mutating func publish(at reached: LogPosition?) throws {
        let advance = Advance(
            changes: reducer.takeChanges(),
            records: records.byKind,
            damages: damages,
            position: reached
        )
        try store.publish(advance)
        position = reached
        records.removeAll()
        damages.removeAll()
        reducer.releaseMemory()
    }
}
