import Wire

/// What the usage export says, in symbols.
extension Reducer {
    /// Begins the id of every settlement event; the content id follows in hex.
    private static let settlementPrefix = "export-"

    /// The content id in a settlement event's id.
    private static func contentID(_ id: UnsafeRawBufferPointer) -> UInt128? {
        let prefix = settlementPrefix.utf8
        guard id.prefix(prefix.count).elementsEqual(prefix) else { return nil }
        return Hex.value128(UnsafeRawBufferPointer(rebasing: id.dropFirst(prefix.count)))
    }

    /// Nil where the event does not say which row of which export it is, or what it cost.
    mutating func wording(of event: Event, in body: UnsafeRawBufferPointer) -> Settlements.Wording? {
        guard let usage = event.usage, let exportedAt = event.exportedAt, let total = usage.totalCredits,
            let id = event.id, let contentID = id.withCharacters(in: body, Reducer.contentID)
        else { return nil }
        var content = SettlementContent()
        content.credits.reserveCapacity(usage.credits.count)
        for part in usage.credits where part.thousandths != 0 {
            content.credits.append(
                SettlementContent.FeatureCredits(
                    feature: symbols.intern(part.feature, in: body),
                    thousandths: part.thousandths
                )
            )
        }
        content.totalCredits = total
        content.resourceClass = symbols.intern(usage.resourceClass, in: body)
        content.executor = symbols.intern(usage.executor, in: body)
        content.operatingSystem = symbols.intern(usage.operatingSystem, in: body)
        content.parallelism = min(max(1, usage.parallelism ?? 1), 10_000)
        func hundredths(_ value: Int64?) -> Int32 {
            value.map { Int32(clamping: max(0, $0)) } ?? SettlementContent.notMeasured
        }
        content.medianCPU = hundredths(usage.cpu.median)
        content.maximumCPU = hundredths(usage.cpu.maximum)
        content.medianMemory = hundredths(usage.memory.median)
        content.maximumMemory = hundredths(usage.memory.maximum)
        content.user = user(usage.userID, in: body)
        content.isUnregistered = usage.isUnregistered
        return Settlements.Wording(contentID: contentID, exportedAt: exportedAt.microseconds, content: content)
    }

    mutating func foldConfirmations(
        _ event: Event,
        in body: UnsafeRawBufferPointer,
        connection: Symbol,
        storage: some UsageStorage
    ) throws -> Outcome {
        guard let created = event.pipeline.createdAt, let exportedAt = event.exportedAt else { return .unreadable }
        let index = try partitionIndex(Partition.Key(connection: connection, day: created.day), storage: storage)
        touched[index] = foldCount
        for confirmation in event.confirmations {
            let change = partitions[index].confirm(
                confirmation.job.identity(in: body),
                Settlements.Wording(
                    contentID: confirmation.content,
                    exportedAt: exportedAt.microseconds,
                    content: nil
                )
            )
            if let change { count(change, connection: connection) }
        }
        return .notice
    }
}
