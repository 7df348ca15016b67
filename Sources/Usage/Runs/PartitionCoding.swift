import Wire

/// Runs as bytes: a table of the texts in use, then the runs, numbers as LEB128. It is derived state, read by the
/// reducer's version that wrote it; a newer one rebuilds from the log instead. ``PartitionEncoder`` writes them.
enum PartitionCoding {
    /// Of one version, without its texts.
    private static let usualRunBytes = 96
    private static let times: [any (WritableKeyPath<Version, Int64> & Sendable)] = [
        \.stoppedAt, \.happenedAt, \.startedAt, \.workflowCreatedAt,
    ]
    private static let texts: [any (WritableKeyPath<Version, Symbol> & Sendable)] = [
        \.project, \.workflow, \.job, \.branch, \.person, \.actor, \.statusWord,
    ]

    static func encode(_ runs: some Collection<Run>, day: Day, symbols: SymbolTable) -> [UInt8] {
        var encoder = PartitionEncoder(origin: origin(of: day), capacity: runs.count * PartitionCoding.usualRunBytes)
        encoder.body.integer(UInt64(runs.count))
        for run in runs { encoder.write(run, symbols) }
        return encoder.bytes
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
    private static func unzigzag(_ value: UInt64) -> Int64 {
        Int64(bitPattern: value &>> 1) ^ -Int64(bitPattern: value & 1)
    }
}
