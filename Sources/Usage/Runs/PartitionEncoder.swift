import Wire

/// Writes what ``PartitionCoding`` reads.
struct PartitionEncoder: ~Copyable {
    /// The start of the partition's day, in microseconds since 1970.
    private let origin: Int64
    /// Numbers from 1 on, in the order of the table.
    private var numbers = SymbolMap<Symbol, UInt64>()
    private var table = ByteWriter()
    var body: ByteWriter

    init(origin: Int64, capacity: Int) {
        self.origin = origin
        body = ByteWriter(capacity: capacity)
    }

    /// The table, then the runs.
    var bytes: [UInt8] {
        var all = ByteWriter(capacity: table.count + body.count + 10)
        all.integer(UInt64(numbers.count))
        all.append(table)
        all.append(body)
        return all.bytes
    }

    mutating func write(_ run: Run, _ symbols: SymbolTable) {
        body.identity(run.id)
        body.integer(UInt64(run.kind.rawValue))
        body.integer(UInt64(run.sources))
        body.integer(UInt64(run.links.pipelineNumber))
        if run.kind == .job {
            body.integer(UInt64(run.links.number))
            body.identity(run.links.workflow)
            write(run.settlements, symbols)
        }
        body.integer(UInt64(1 + run.earlier.count))
        write(run.latest, symbols)
        for version in run.earlier { write(version, symbols) }
    }

    private mutating func write(_ version: Version, _ symbols: SymbolTable) {
        body.identity(version.eventID)
        // In the order of `PartitionCoding.times` and `.texts`.
        time(version.stoppedAt)
        time(version.happenedAt)
        time(version.startedAt)
        time(version.workflowCreatedAt)
        text(version.project, symbols)
        text(version.workflow, symbols)
        text(version.job, symbols)
        text(version.branch, symbols)
        text(version.person, symbols)
        text(version.actor, symbols)
        text(version.statusWord, symbols)
        body.integer(UInt64(version.status.rawValue))
        body.integer(UInt64(version.source.rank))
    }

    /// Zero says absent; every other time is moved up by one.
    private mutating func time(_ value: Int64) {
        body.integer(value == Version.noTime ? 0 : PartitionEncoder.zigzag(value &- origin) &+ 1)
    }

    mutating func text(_ symbol: Symbol, _ symbols: SymbolTable) {
        guard !symbol.isNone else { return body.integer(0) }
        if let known = numbers.value(symbol) { return body.integer(known) }
        let number = UInt64(numbers.count + 1)
        numbers.set(number, for: symbol)
        table.text(symbols.utf8(symbol))
        body.integer(number)
    }

    mutating func signed(_ value: Int64) { body.integer(PartitionEncoder.zigzag(value)) }

    private static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value &<< 1) ^ (value &>> 63)) }
}
