import Wire

/// Settlements as part of a stored partition.
extension PartitionEncoder {
    mutating func write(_ settlements: Settlements, _ symbols: SymbolTable) {
        body.integer(UInt64(settlements.wordings.count))
        for wording in settlements.wordings {
            body.identity(wording.contentID)
            signed(wording.exportedAt)
            body.integer(wording.content == nil ? 0 : 1)
            guard let content = wording.content else { continue }
            body.integer(UInt64(content.credits.count))
            for part in content.credits {
                text(part.feature, symbols)
                signed(part.thousandths)
            }
            signed(content.totalCredits)
            text(content.resourceClass, symbols)
            text(content.executor, symbols)
            text(content.operatingSystem, symbols)
            signed(content.parallelism)
            signed(Int64(content.medianCPU))
            signed(Int64(content.maximumCPU))
            signed(Int64(content.medianMemory))
            signed(Int64(content.maximumMemory))
            text(content.user, symbols)
            body.integer(content.isUnregistered.map { $0 ? 2 : 1 } ?? 0)
        }
    }
}

extension Settlements {
    init(
        from reader: inout ByteReader,
        text: (inout ByteReader) throws(UsageError) -> Symbol
    ) throws(UsageError) {
        func signed(_ reader: inout ByteReader) throws(UsageError) -> Int64 {
            let value = try reader.integer()
            return Int64(bitPattern: value &>> 1) ^ -Int64(bitPattern: value & 1)
        }
        var wordings: [Wording] = []
        for _ in 0..<(try reader.count()) {
            var wording = Wording(contentID: try reader.identity(), exportedAt: try signed(&reader), content: nil)
            if try reader.integer() == 1 {
                var content = SettlementContent()
                for _ in 0..<(try reader.count()) {
                    let feature = try text(&reader)
                    content.credits.append(
                        SettlementContent.FeatureCredits(feature: feature, thousandths: try signed(&reader))
                    )
                }
                content.totalCredits = try signed(&reader)
                content.resourceClass = try text(&reader)
                content.executor = try text(&reader)
                content.operatingSystem = try text(&reader)
                content.parallelism = try signed(&reader)
                content.medianCPU = Int32(truncatingIfNeeded: try signed(&reader))
                content.maximumCPU = Int32(truncatingIfNeeded: try signed(&reader))
                content.medianMemory = Int32(truncatingIfNeeded: try signed(&reader))
                content.maximumMemory = Int32(truncatingIfNeeded: try signed(&reader))
                content.user = try text(&reader)
                let flag = try reader.integer()
                content.isUnregistered = flag == 0 ? nil : flag == 2
                wording.content = content
            }
            wordings.append(wording)
        }
        self.init(wordings: wordings)
    }
}
