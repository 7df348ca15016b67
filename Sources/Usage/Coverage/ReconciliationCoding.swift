import Wire

/// The stored form; `explained` is not part of it, since the numbers are kept for themselves.
extension Reconciliation {
    public var encoded: [UInt8] {
        var writer = ByteWriter()
        func pipeline(_ pipeline: OpenPipeline) {
            writer.text(Array(pipeline.id.utf8)[...])
            writer.integer(UInt64(max(0, pipeline.number)))
            writer.integer(UInt64(bitPattern: pipeline.createdAt.microseconds))
        }
        writer.integer(UInt64(bitPattern: through.microseconds))
        writer.integer(UInt64(open.count))
        for open in open { pipeline(open) }
        writer.integer(UInt64(missing.count))
        for item in missing {
            writer.text(Array(item.kind.utf8)[...])
            writer.text(Array(item.id.utf8)[...])
            pipeline(item.pipeline)
            writer.integer(UInt64(UInt32(bitPattern: item.day.daysSinceEpoch)))
            writer.text(Array(item.reason.utf8)[...])
        }
        writer.integer(UInt64(refilled.count))
        for place in refilled { writer.text(Array(place.utf8)[...]) }
        return writer.bytes
    }

    public init(encoded bytes: [UInt8]) throws(UsageError) {
        var reader = ByteReader(bytes: bytes)
        func instant() throws(UsageError) -> Timestamp {
            Timestamp(microseconds: Int64(bitPattern: try reader.integer()))
        }
        func pipeline() throws(UsageError) -> OpenPipeline {
            let id = try reader.text()
            let number = Int(truncatingIfNeeded: try reader.integer())
            return OpenPipeline(id: id, number: number, createdAt: try instant())
        }
        self.init(through: try instant())
        for _ in 0..<(try reader.count()) { open.append(try pipeline()) }
        for _ in 0..<(try reader.count()) {
            let kind = try reader.text()
            let id = try reader.text()
            let pipeline = try pipeline()
            let day = Day(daysSinceEpoch: Int32(bitPattern: UInt32(truncatingIfNeeded: try reader.integer())))
            missing.append(
                MissingItem(kind: kind, id: id, pipeline: pipeline, day: day, reason: try reader.text())
            )
        }
        for _ in 0..<(try reader.count()) { refilled.append(try reader.text()) }
    }
}
