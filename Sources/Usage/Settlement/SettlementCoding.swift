import Wire

/// Settlements as part of a stored partition.
extension Settlements {
    func write(to body: inout ByteWriter, text: (Symbol, inout ByteWriter) -> Void) {
        func signed(_ value: Int64) -> UInt64 { UInt64(bitPattern: (value &<< 1) ^ (value &>> 63)) }
        body.integer(UInt64(wordings.count))
        for wording in wordings {
            body.identity(wording.contentID)
            body.integer(signed(wording.exportedAt))
            body.integer(wording.content == nil ? 0 : 1)
            guard let content = wording.content else { continue }
            body.integer(UInt64(content.credits.count))
            for part in content.credits {
                text(part.feature, &body)
                body.integer(signed(part.thousandths))
            }
            body.integer(signed(content.totalCredits))
            text(content.resourceClass, &body)
            text(content.executor, &body)
            text(content.operatingSystem, &body)
            body.integer(signed(content.parallelism))
            body.integer(signed(Int64(content.medianCPU)))
            body.integer(signed(Int64(content.maximumCPU)))
            body.integer(signed(Int64(content.medianMemory)))
            body.integer(signed(Int64(content.maximumMemory)))
            text(content.user, &body)
            body.integer(content.isUnregistered.map { $0 ? 2 : 1 } ?? 0)
        }
    }

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
