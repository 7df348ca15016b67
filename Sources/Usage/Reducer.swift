public import Wire

/// Derives counters from events. Pure: events go in, changes of counters come out, and what was stored before is asked
/// of a ``UsageStorage``.
///
/// The law it keeps: the sum of all changes depends on the set of events alone. Any order, any repetition, any place at
/// which the work was cut and taken up again gives the same counters.
public struct Reducer: Sendable {
    /// Counts up whenever the same events would give other counters or other stored state.
    public static let version = 2

    private var symbols = SymbolTable()
    private var partitions: [Partition] = []
    private var partitionIndices: [Partition.Key: Int] = [:]
    /// When each partition was last touched, in folds.
    private var touched: [Int] = []
    private var foldCount = 0
    private var changes = CounterChanges()
    private var projects = ProjectDirectory()
    private var ledger = ReconciliationLedger()
    private var connections: [Symbol: ConnectionState] = [:]
    private var changedConnections: Set<Symbol> = []
    private let compute: Symbol
    /// Runs held in memory beyond which partitions that were not touched lately are let go.
    private let maximumHeldRuns: Int

    /// Takes up where `storage` was left.
    public init(storage: some UsageStorage, maximumHeldRuns: Int = 400_000) throws {
        self.maximumHeldRuns = maximumHeldRuns
        compute = symbols.intern("compute")
        for project in try storage.projects() { projects.restore(project, symbols: &symbols) }
        for stored in try storage.reconciliations() { ledger.restore(stored, symbols: &symbols) }
        for stored in try storage.jobNumbers() { ledger.restore(stored, symbols: &symbols) }
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
        switch event.kind {
        case .ping: return .notice
        case .unknown: return .unknown
        case .connectionChanged: return foldConnection(event, in: body, connection: connection)
        case .projectReconciled: return foldReconciliation(event, in: body, connection: connection)
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
        for table in UsageTable.allCases {
            let keyCount = table.keyColumns.count
            taken.rows[table] = changes.tables[table.position].compactMap { key, change in
                guard !change.isZero else { return nil }
                let texts = [key.first, key.second, key.third, key.fourth].prefix(keyCount).map(symbols.string)
                return (RowKey(connection: symbols.string(key.connection), day: key.day, texts: texts), change)
            }
        }
        changes.removeAll()
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
            symbols: symbols
        )
        guard let change else { return }
        if let before = change.before { changes.count(before, connection: connection, compute: compute, sign: -1) }
        if let after = change.after { changes.count(after, connection: connection, compute: compute, sign: 1) }
    }

    private mutating func partitionIndex(_ key: Partition.Key, storage: some UsageStorage) throws -> Int {
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

    private mutating func version(
        of event: Event,
        in body: UnsafeRawBufferPointer,
        kind: Run.Kind,
        connection: Symbol,
        source: RecordSource
    ) -> Version {
        var version = Version(eventID: event.id?.identity(in: body) ?? 0, source: source)
        version.happenedAt = event.happenedAt?.microseconds ?? Version.noTime
        version.workflow = symbols.intern(event.workflow.name, in: body)
        version.branch = symbols.intern(event.commit.branch, in: body)
        version.person = person(of: event, in: body)
        let word: JSONText?
        switch kind {
        case .job:
            version.stoppedAt = event.job.stoppedAt?.microseconds ?? Version.noTime
            version.startedAt = event.job.startedAt?.microseconds ?? Version.noTime
            version.workflowCreatedAt = event.workflow.createdAt?.microseconds ?? Version.noTime
            version.job = symbols.intern(event.job.name, in: body)
            word = event.job.status
        case .workflow:
            version.stoppedAt = event.workflow.stoppedAt?.microseconds ?? Version.noTime
            version.startedAt = event.workflow.createdAt?.microseconds ?? Version.noTime
            word = event.workflow.status
        }
        if let word {
            version.status = word.withCharacters(in: body) { Status($0) }
            version.statusWord = symbols.intern(word, in: body)
        }
        version.project = project(of: event, in: body, connection: connection)
        return version
    }

    /// The project's id, or its slug where no id is to be had.
    private mutating func project(of event: Event, in body: UnsafeRawBufferPointer, connection: Symbol) -> Symbol {
        var id = symbols.intern(event.project.id, in: body)
        var slug = symbols.intern(event.project.slug, in: body)
        if let text = event.project.slug, text.count > 3, text.raw(in: body)[2] == UInt8(ascii: "/") {
            slug = symbols.intern(ProjectSlug.longForm(text.string(in: body)))
        }
        if id.isNone, !slug.isNone, let spelled = ProjectSlug.projectID(symbols.string(slug)) {
            id = symbols.intern(spelled)
        }
        guard !id.isNone else { return slug }
        guard !slug.isNone else { return id }
        let name = symbols.intern(event.project.name, in: body)
        projects.see(
            connection: connection,
            id: id,
            slug: slug,
            name: name,
            at: event.happenedAt?.microseconds ?? 0,
            symbols: symbols
        )
        return id
    }

    /// The commit's author, by e-mail address without regard to case, else by name.
    private mutating func person(of event: Event, in body: UnsafeRawBufferPointer) -> Symbol {
        guard let email = event.commit.authorEmail, email.count > 0 else {
            return symbols.intern(event.commit.authorName, in: body)
        }
        let raw = email.raw(in: body)
        guard
            email.isEscaped
                || raw.contains(where: { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) || $0 >= 0x80 })
        else { return symbols.intern(raw) }
        return symbols.intern(email.string(in: body).lowercased())
    }

    private mutating func foldConnection(
        _ event: Event,
        in body: UnsafeRawBufferPointer,
        connection: Symbol
    ) -> Outcome {
        guard let state = event.connection.state, let happenedAt = event.happenedAt else { return .unreadable }
        let candidate = ConnectionState(
            connection: symbols.string(connection),
            state: state.string(in: body),
            reason: event.connection.reason?.string(in: body) ?? "",
            since: event.connection.since ?? happenedAt,
            happenedAt: happenedAt,
            eventID: event.id?.string(in: body) ?? ""
        )
        if let known = connections[connection], !known.precedes(candidate) { return .notice }
        connections[connection] = candidate
        changedConnections.insert(connection)
        return .notice
    }

    private mutating func foldReconciliation(
        _ event: Event,
        in body: UnsafeRawBufferPointer,
        connection: Symbol
    ) -> Outcome {
        guard let reconciliation = event.reconciliation, let happenedAt = event.happenedAt,
            let project = event.project.id, project.count > 0
        else { return .unreadable }
        let key = ReconciliationLedger.Key(connection: connection, project: symbols.intern(project, in: body))
        let candidate = ProjectReconciliation(
            connection: symbols.string(connection),
            project: symbols.string(key.project),
            happenedAt: happenedAt,
            eventID: event.id?.string(in: body) ?? "",
            reconciliation: reconciliation
        )
        if let change = ledger.see(candidate, key: key) {
            for item in change.before {
                changes.countMissing(connection: connection, project: key.project, day: item.day, sign: -1)
            }
            for item in change.after {
                changes.countMissing(connection: connection, project: key.project, day: item.day, sign: 1)
            }
        }
        return .notice
    }
}

extension ConnectionState {
    /// By time, then id, then what is said, so that any set of events has one latest state.
    func precedes(_ other: ConnectionState) -> Bool {
        if happenedAt != other.happenedAt { return happenedAt < other.happenedAt }
        if eventID != other.eventID { return eventID.precedesInBytes(other.eventID) }
        if state != other.state { return state.precedesInBytes(other.state) }
        if reason != other.reason { return reason.precedesInBytes(other.reason) }
        return since < other.since
    }
}
