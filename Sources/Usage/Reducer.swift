public import Wire

/// Derives counters from events. Pure: events go in, changes of counters come out, and what was stored before is asked
/// of a ``UsageStorage``.
///
/// The law it keeps: the sum of all changes depends on the set of events alone. Any order, any repetition, any place at
/// which the work was cut and taken up again gives the same counters.
public struct Reducer: Sendable {
    /// Counts up whenever the same events would give other counters or other stored state.
    public static let version = 4

    var symbols = SymbolTable()
    var partitions: [Partition] = []
    var partitionIndices: [Partition.Key: Int] = [:]
    /// When each partition was last touched, in folds.
    var touched: [Int] = []
    var foldCount = 0
    var changes = CounterChanges()
    var projects = ProjectDirectory()
    var ledger = ReconciliationLedger()
    var connections: [Symbol: ConnectionState] = [:]
    var changedConnections: Set<Symbol> = []
    var settlementLedger = SettlementLedger()
    let words: CounterWords
    /// What is stored of a person, by what events call it.
    let personName: @Sendable (String) -> String?
    var personNames = SymbolMap<Symbol, Symbol>()
    /// What is stored of who triggered a pipeline, by login and by id as events have them.
    var loginNames = SymbolMap<Symbol, Symbol>()
    var userNames = SymbolMap<Symbol, Symbol>()
    /// Runs held in memory beyond which partitions that were not touched lately are let go.
    private let maximumHeldRuns: Int

    /// Takes up where `storage` was left.
    /// - Parameter personName: what is to be stored of a person instead of an e-mail address, `login:NAME` or `user:ID`;
    ///   nil: nothing. Asked once for each.
    public init(
        storage: some UsageStorage,
        maximumHeldRuns: Int = 150_000,
        personName: @escaping @Sendable (String) -> String? = { $0 }
    ) throws {
        self.maximumHeldRuns = maximumHeldRuns
        self.personName = personName
        words = CounterWords(&symbols)
        for project in try storage.projects() { projects.restore(project, symbols: &symbols) }
        for stored in try storage.reconciliations() { ledger.restore(stored, symbols: &symbols) }
        for stored in try storage.jobNumbers() { ledger.restore(stored, symbols: &symbols) }
        for day in try storage.settledDays() { settlementLedger.restore(day) }
        for description in try storage.jobDescriptions() { settlementLedger.restore(description) }
        if let state = try storage.rateCard() { settlementLedger.restore(state) }
        for state in try storage.connections() { connections[symbols.intern(state.connection)] = state }
    }

    /// What became of an event.
    public enum Outcome: String, Sendable, CaseIterable {
        /// It is about a run.
        case run
        /// A ping, or the service's own word.
        case notice
        /// A type that is not known here. It stays on the log.
        case unknown
        /// A known type without what its counting needs, such as a job's id.
        case unreadable
    }

    /// Takes in one event. `body` is the text that the event's offsets point into; `connection` the id of the connection
    /// that the record names.
    @discardableResult
    public mutating func fold(
        _ event: Event,
        in body: UnsafeRawBufferPointer,
        connection: UnsafeRawBufferPointer,
        source: RecordSource,
        storage: some UsageStorage
    ) throws -> Outcome {
        foldCount += 1
        let connection = symbols.intern(connection)
        // What the service says itself is not to be said by a delivery, however well signed.
        guard event.kind.source.map({ $0 == source }) ?? true else { return .unknown }
        switch event.kind {
        case .ping, .personErased: return .notice
        case .unknown: return .unknown
        case .connectionChanged: return foldConnection(event, in: body, connection: connection)
        case .projectReconciled: return foldReconciliation(event, in: body, connection: connection)
        case .usageSettled: return foldSettledDays(event, connection: connection)
        case .jobDescribed: return foldDescription(event, in: body, connection: connection)
        case .rateCardChanged: return foldRateCard(event, in: body)
        case .usageConfirmed: return try foldConfirmations(event, in: body, connection: connection, storage: storage)
        case .jobSettled:
            guard let id = event.job.id, id.count > 0, let wording = wording(of: event, in: body) else {
                return .unreadable
            }
            try fold(
                event,
                in: body,
                run: id,
                kind: .job,
                settlement: wording,
                connection: connection,
                source: source,
                storage: storage
            )
            return .run
        case .jobCompleted:
            guard let id = event.job.id, id.count > 0 else { return .unreadable }
            try fold(event, in: body, run: id, kind: .job, connection: connection, source: source, storage: storage)
            return .run
        case .workflowCompleted:
            guard let id = event.workflow.id, id.count > 0 else { return .unreadable }
            try fold(
                event,
                in: body,
                run: id,
                kind: .workflow,
                connection: connection,
                source: source,
                storage: storage
            )
            return .run
        }
    }

    /// Counter rows with changes that were not taken yet.
    public var pendingRowCount: Int { changes.rowCount }
    /// Runs in memory.
    public var heldRunCount: Int { partitions.reduce(0) { $0 + $1.runs.count } }

    /// Takes what changed since the last call; once it is stored, memory may be let go with ``releaseMemory()``.
    public mutating func takeChanges() -> UsageChanges {
        var taken = UsageChanges()
        for table in UsageTable.stored {
            let keyCount = table.keyColumns.count
            var rows: [(key: RowKey, change: Tally)] = []
            changes.take(table) { key, change in
                let texts = [key.first, key.second, key.third, key.fourth, key.fifth, key.sixth].prefix(keyCount).map(
                    symbols.string
                )
                rows.append((RowKey(connection: symbols.string(key.connection), day: key.day, texts: texts), change))
            }
            taken.rows[table] = rows
        }
        for index in partitions.indices {
            let key = partitions[index].key
            guard let piece = partitions[index].takePiece(symbols: symbols) else { continue }
            taken.partitions.append(
                PartitionPiece(
                    connection: symbols.string(key.connection),
                    day: key.day,
                    replacesEarlier: piece.replacesEarlier,
                    bytes: piece.bytes
                )
            )
        }
        taken.projects = projects.takeChanges(symbols: symbols)
        taken.connections = changedConnections.compactMap { connections[$0] }
        changedConnections.removeAll()
        taken.reconciliations = ledger.takeChanges()
        taken.jobNumbers = ledger.takeNumbers(symbols: symbols)
        settlementLedger.takeChanges(into: &taken)
        return taken
    }

    /// Lets go of the partitions touched longest ago, until no more than the allowed number of runs is held. Call it
    /// only when all changes are stored.
    public mutating func releaseMemory() {
        var held = heldRunCount
        guard held > maximumHeldRuns else { return }
        precondition(partitions.allSatisfy { !$0.hasChanges }, "changes must be stored before memory is let go")
        var kept = Set(partitions.indices)
        for index in partitions.indices.sorted(by: { touched[$0] < touched[$1] }) where held > maximumHeldRuns {
            held -= partitions[index].runs.count
            kept.remove(index)
        }
        let order = kept.sorted()
        touched = order.map { touched[$0] }
        partitions = order.map { partitions[$0] }
        partitionIndices = Dictionary(uniqueKeysWithValues: partitions.enumerated().map { ($1.key, $0) })
    }

    private mutating func fold(
        _ event: Event,
        in body: UnsafeRawBufferPointer,
        run: JSONText,
        kind: Run.Kind,
        settlement: Settlements.Wording? = nil,
        connection: Symbol,
        source: RecordSource,
        storage: some UsageStorage
    ) throws {
        let version = version(of: event, in: body, kind: kind, connection: connection, source: source)
        // CircleCI's pipelines always say when they were created; the rest of the list keeps an event that does not
        // from being lost.
        let created =
            event.pipeline.createdAt ?? event.workflow.createdAt ?? event.job.startedAt ?? event.happenedAt
            ?? Timestamp(microseconds: 0)
        let index = try partitionIndex(Partition.Key(connection: connection, day: created.day), storage: storage)
        touched[index] = foldCount
        var links = RunLinks(pipelineNumber: UInt32(clamping: event.pipeline.number ?? 0))
        if kind == .job {
            links.number = UInt32(clamping: event.job.number ?? 0)
            links.workflow = event.workflow.id?.identity(in: body) ?? 0
            ledger.see(
                number: event.job.number,
                key: ReconciliationLedger.Key(connection: connection, project: version.project)
            )
        }
        let change = partitions[index].merge(
            version,
            into: run.identity(in: body),
            kind: kind,
            links: links,
            settlement: settlement,
            symbols: symbols
        )
        if let change { count(change, connection: connection) }
    }

    mutating func count(_ change: (before: RunSummary?, after: RunSummary?), connection: Symbol) {
        #if SABOTAGE
            let change = Sabotage.plants("earlier-count-kept") ? (before: nil, after: change.after) : change
        #endif
        if let before = change.before { changes.count(before, connection: connection, words: words, sign: -1) }
        if let after = change.after { changes.count(after, connection: connection, words: words, sign: 1) }
    }

    mutating func partitionIndex(_ key: Partition.Key, storage: some UsageStorage) throws -> Int {
        if let index = partitionIndices[key] { return index }
        var partition = Partition(key: key)
        for piece in try storage.partition(connection: symbols.string(key.connection), day: key.day) {
            try partition.restore(piece, symbols: &symbols)
        }
        partitions.append(partition)
        touched.append(foldCount)
        partitionIndices[key] = partitions.count - 1
        return partitions.count - 1
    }
}
