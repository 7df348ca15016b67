import Wire

/// Runs as bytes: a table of the texts in use, then the runs, numbers as LEB128. It is derived state, read by the
/// reducer's version that wrote it; a newer one rebuilds from the log instead.
enum PartitionCoding {
    /// Of one version, without its texts.
    private static let usualRunBytes = 96
    private static let times: [any (WritableKeyPath<Version, Int64> & Sendable)] = [
        \.stoppedAt, \.happenedAt, \.startedAt, \.workflowCreatedAt,
    ]
    private static let texts: [any (WritableKeyPath<Version, Symbol> & Sendable)] = [
        \.project, \.workflow, \.job, \.branch, \.person, \.actor, \.statusWord,
    ]

    static func encode(_ runs: [Run], day: Day, symbols: SymbolTable) -> [UInt8] {
        var local = SymbolMap<Symbol, UInt64>()
        var table = ByteWriter()
        var body = ByteWriter()
        let origin = origin(of: day)
        func time(_ value: Int64) {
            // Zero says absent; every other time is moved up by one.
            body.integer(value == Version.noTime ? 0 : zigzag(value &- origin) &+ 1)
        }
        func number(of symbol: Symbol) -> UInt64 {
            guard !symbol.isNone else { return 0 }
            let next = UInt64(local.count + 1)
            let number = local.change(symbol, initially: next) { $0 }
            if number == next, local.count == Int(next) { table.text(symbols.utf8(symbol)) }
            return number
        }
        func text(_ symbol: Symbol) { body.integer(number(of: symbol)) }
        func write(_ version: Version) {
            body.identity(version.eventID)
            // In the order of `times` and of `texts`.
            time(version.stoppedAt)
            time(version.happenedAt)
            time(version.startedAt)
            time(version.workflowCreatedAt)
            text(version.project)
            text(version.workflow)
            text(version.job)
            text(version.branch)
            text(version.person)
            text(version.actor)
            text(version.statusWord)
            body.integer(UInt64(version.status.rawValue))
            body.integer(UInt64(version.source.rank))
        }
        body.reserve(runs.count * PartitionCoding.usualRunBytes)
        body.integer(UInt64(runs.count))
        for run in runs {
            body.identity(run.id)
            body.integer(UInt64(run.kind.rawValue))
            body.integer(UInt64(run.sources))
            body.integer(UInt64(run.links.pipelineNumber))
            if run.kind == .job {
                body.integer(UInt64(run.links.number))
                body.identity(run.links.workflow)
                run.settlements.write(to: &body) { $1.integer(number(of: $0)) }
            }
            body.integer(UInt64(1 + run.earlier.count))
            write(run.latest)
            for version in run.earlier { write(version) }
        }
        var bytes = ByteWriter()
        bytes.reserve(table.bytes.count + body.bytes.count + 10)
        bytes.integer(UInt64(local.count))
        bytes.append(table.bytes)
        bytes.append(body.bytes)
        return bytes.bytes
    }

    static func decode(_ bytes: [UInt8], day: Day, symbols: inout SymbolTable) throws(UsageError) -> [Run] {
        var reader = ByteReader(bytes: bytes)
        let origin = origin(of: day)
        var local = [Symbol.none]
        for _ in 0..<(try reader.count()) { local.append(symbols.intern(try reader.text())) }
        var runs: [Run] = []
        for _ in 0..<(try reader.count()) {
            let id = try reader.identity()
            guard let kind = Run.Kind(rawValue: UInt8(truncatingIfNeeded: try reader.integer())) else {
                throw UsageError.damagedPartition
            }
            let sources = UInt8(truncatingIfNeeded: try reader.integer())
            var settlements = Settlements()
            var links = RunLinks(pipelineNumber: UInt32(truncatingIfNeeded: try reader.integer()))
            if kind == .job {
                links.number = UInt32(truncatingIfNeeded: try reader.integer())
                links.workflow = try reader.identity()
                settlements = try Settlements(from: &reader) { reader throws(UsageError) in
                    try symbol(&reader, local)
                }
            }
            var versions: [Version] = []
            for _ in 0..<(try reader.count()) {
                var version = Version(eventID: try reader.identity(), source: .webhook)
                for time in times {
                    let value = try reader.integer()
                    if value != 0 { version[keyPath: time] = unzigzag(value &- 1) &+ origin }
                }
                for text in texts {
                    version[keyPath: text] = try symbol(&reader, local)
                }
                guard let status = Status(rawValue: UInt8(truncatingIfNeeded: try reader.integer())) else {
                    throw UsageError.damagedPartition
                }
                version.status = status
                let rank = try reader.integer()
                guard let source = RecordSource.allCases.first(where: { UInt64($0.rank) == rank }) else {
                    throw UsageError.damagedPartition
                }
                version.source = source
                versions.append(version)
            }
            guard let latest = versions.first else { throw UsageError.damagedPartition }
            runs.append(
                Run(
                    id: id,
                    kind: kind,
                    sources: sources,
                    latest: latest,
                    earlier: Array(versions.dropFirst()),
                    links: links,
                    settlements: settlements
                )
            )
        }
        return runs
    }

    private static func symbol(_ reader: inout ByteReader, _ local: [Symbol]) throws(UsageError) -> Symbol {
        let number = try reader.integer()
        guard number < UInt64(local.count) else { throw UsageError.damagedPartition }
        return local[Int(number)]
    }

    private static func origin(of day: Day) -> Int64 { Int64(day.daysSinceEpoch) * 86_400_000_000 }
    private static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value &<< 1) ^ (value &>> 63)) }
    private static func unzigzag(_ value: UInt64) -> Int64 {
        Int64(bitPattern: value &>> 1) ^ -Int64(bitPattern: value & 1)
    }
}
