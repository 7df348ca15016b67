import Wire

/// What stands on the log, in order.
public enum LogItem {
    case record(LogRecord)
    /// In the place of what cannot be read. Reading goes on behind it.
    case damage(LogDamage)
    /// At the end of the log: a batch that is being written, or that was never written completely.
    case tornTail(LogDamage)
}

/// Reads the log. It needs no lock and works while a service is writing.
///
/// Every call blocks on the disk: not for the cooperative pool.
public struct LogReader: Sendable {
    let directory: LogDirectory

    public init(directory: String, fileSystem: any FileSystem = PosixFileSystem()) {
        self.init(LogDirectory(path: directory, fileSystem: fileSystem))
    }

    init(_ directory: LogDirectory) {
        self.directory = directory
    }

    /// Calls `body` for each record after `position` and for each damage in its place.
    ///
    /// Without `end`, a service that is writing meanwhile can show records that are not durable yet and may still turn
    /// void; whoever acts on records reads through ``EventLog/durableEnd``.
    ///
    /// - Parameters:
    ///   - position: Nil, or sequence 0: from the first record of the log.
    ///   - end: The last record to read, as the log gave it out; nil: all that is there.
    ///   - body: Returns false to stop. A record is valid only during the call.
    /// - Returns: The end of the last record delivered; `position` where there was none. Damage behind that record is
    ///   delivered again when reading goes on from there.
    /// - Throws: ``LogError`` with code `positionNotFound` where no record with that sequence and checksum ends at
    ///   `position`, `unusable` where a file cannot be read, and what `body` throws.
    @discardableResult
    public func read(
        after position: LogPosition?,
        through end: LogPosition? = nil,
        _ body: (LogItem) throws -> Bool
    ) throws -> LogPosition? {
        let start = position.flatMap { $0.sequence > 0 ? $0 : nil }
        if let end, end.sequence <= (start?.sequence ?? 0) { return position }
        var range = SegmentWalk.Range(start: start, startReceivedAt: nil, end: nil)
        if let start { range.startReceivedAt = try receivedAt(recordEndingAt: start) }
        // Following a writer stays in one segment nearly always, and needs no listing then.
        let isWithinOne = start != nil && start?.segment == end?.segment
        let segments = try isWithinOne ? [end?.segment ?? 1] : self.segments(from: start)
        var reached = position
        var next = try segments.first.map { segment throws(LogError) in try directory.information(onSegment: segment) }
        if start == nil, let next, next.segment != 1, try !body(.damage(LogReader.missing(before: next))) {
            return reached
        }
        for index in segments.indices {
            guard let information = next, information.segment <= end?.segment ?? .max else { break }
            let isLast = index + 1 == segments.count
            next = isLast ? nil : try directory.information(onSegment: segments[index + 1])
            range.end = end?.segment == information.segment ? end : nil
            if index == 0, let start, let durable = try directory.durableEnd(of: information, successor: next),
                start.offset > durable
            {
                throw notFound(start)
            }
            var walk = try SegmentWalk(information, successor: next, in: directory, range: range)
            while let item = try walk.next() {
                if case .record(let record) = item { reached = record.position }
                guard try body(item) else { return reached }
            }
            if let tail = walk.tail {
                let damage = try walk.damage(of: tail, kind: tail.isOneTornBatch ? .tornTail : nil)
                guard try body(tail.isOneTornBatch ? .tornTail(damage) : .damage(damage)) else { return reached }
            }
            range = SegmentWalk.Range()
        }
        return reached
    }

    private func segments(from start: LogPosition?) throws(LogError) -> [Int] {
        let segments = try directory.segments()
        guard let start else { return segments }
        return segments.filter { $0 >= start.segment }
    }

    /// Proves that the record is on the log; when it was received. Nil for the end of a header.
    private func receivedAt(recordEndingAt position: LogPosition) throws(LogError) -> Timestamp? {
        guard let line = try directory.lineEnd(inSegment: position.segment, at: position.offset),
            line.crc == position.crc,
            line.start == 0 ? position.sequence == position.segment - 1 : line.sequence == position.sequence
        else { throw notFound(position) }
        return line.receivedAt
    }

    private func notFound(_ position: LogPosition) -> LogError {
        LogError(
            code: .positionNotFound,
            message: "Record \(position.sequence) with checksum \(Hex.string(position.crc)) is not where it was",
            path: directory.path(ofSegment: position.segment),
            offset: position.offset,
            hint: "This is another log, or it was restored or changed; start again from its first record"
        )
    }

    /// The report of segments that are missing before the first one there is.
    static func missing(before first: SegmentInformation) -> LogDamage {
        LogDamage(
            kind: .segmentMissing,
            segment: first.segment,
            line: 1,
            offset: 0,
            byteCount: 0,
            sequences: 1...(first.segment - 1),
            until: first.header?.createdAt
        )
    }
}
