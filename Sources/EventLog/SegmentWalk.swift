import Wire

/// Reads one segment in its place between its neighbours: where it starts, where it durably ends, and whether it joins
/// the next one.
struct SegmentWalk: ~Copyable {
    /// What the reader wants of the segment.
    struct Range {
        /// Nil: from the header on. It has been checked to be on the log.
        var start: LogPosition?
        /// When the record at `start` was received.
        var startReceivedAt: Timestamp?
        /// Nil: all.
        var end: LogPosition?
    }

    private let directory: LogDirectory
    private let information: SegmentInformation
    private let successor: SegmentInformation?
    private let end: LogPosition?
    private var scanner: SegmentScanner
    private var isFinished = false
    /// The chain up to the last record delivered.
    private(set) var chain: LogChain
    /// Bad lines at the end of the last segment, about which nothing has been decided.
    private(set) var tail: BadRegion?

    init(
        _ information: SegmentInformation,
        successor: SegmentInformation?,
        in directory: LogDirectory,
        range: Range = Range()
    ) throws(LogError) {
        let segment = information.segment
        var limit = min(information.size, range.end?.offset ?? .max)
        if range.end == nil, let offset = try directory.durableEnd(of: information, successor: successor) {
            limit = offset
        }
        let chain = SegmentWalk.chain(at: range, of: information)
        let lines = try LineReader(
            segment,
            in: directory,
            from: chain.offset,
            to: max(limit, chain.offset)
        )
        self.directory = directory
        self.information = information
        // Where the reader stops inside, the segment's own end is none of its business.
        self.successor = range.end == nil ? successor : nil
        self.chain = chain
        end = range.end
        scanner = SegmentScanner(
            segment: segment,
            lines: lines,
            chain: chain,
            headerIsBad: information.header == nil && range.start == nil
        )
    }

    private static func chain(at range: Range, of information: SegmentInformation) -> LogChain {
        if let start = range.start {
            return LogChain(
                sequence: start.sequence,
                batch: start.batch,
                crc: start.crc,
                offset: start.offset,
                line: nil,
                receivedAt: range.startReceivedAt,
                batchOffset: start.offset,
                position: start
            )
        }
        let header = information.header
        let headerBytes = header == nil ? 0 : information.reading.byteCount
        return LogChain(
            sequence: information.segment - 1,
            batch: 0,
            crc: header == nil ? information.reading.seed : information.reading.crc,
            offset: headerBytes,
            line: header == nil ? 0 : 1,
            receivedAt: header?.createdAt,
            batchOffset: headerBytes,
            position: nil
        )
    }

    /// The next record or damage; nil at the end. A record is valid until the next call.
    mutating func next() throws(LogError) -> LogItem? {
        guard !isFinished else { return nil }
        switch try scanner.next() {
        case .record(let record):
            // Behind a damaged end the records of a failed batch may stand; the successor has taken over from them.
            if let successor, record.sequence >= successor.segment { return try finish() }
            chain = scanner.chain
            return .record(record)
        case .bad(var region):
            if region.nextSequence == nil {
                isFinished = true
                if successor == nil, end == nil {
                    tail = region
                    return nil
                }
                region.nextSequence = successor?.segment ?? end.map { $0.sequence + 1 }
                region.until = successor?.header?.createdAt
            } else if let successor {
                region.nextSequence = region.nextSequence.map { min($0, successor.segment) }
            }
            return .damage(try damage(of: region))
        case nil:
            return try finish()
        }
    }

    /// The report of a bad region in this segment.
    func damage(of region: BadRegion, kind: LogDamage.Kind? = nil) throws(LogError) -> LogDamage {
        region.damage(segment: information.segment, line: try line(region.line, at: region.offset), kind: kind)
    }

    /// At the end of a segment without bad lines there: whether it is all that its neighbour knows of it.
    private mutating func finish() throws(LogError) -> LogItem? {
        isFinished = true
        #if SABOTAGE
            if Sabotage.plants("previous-not-checked") { return nil }
        #endif
        let previous = successor?.header?.previous
        let expected = successor.map { $0.segment - 1 } ?? end?.sequence ?? chain.sequence
        let statedEnd = previous?.offset ?? end?.offset ?? chain.offset
        let kind: LogDamage.Kind
        if chain.sequence < expected {
            kind = statedEnd > information.size ? .segmentShort : .segmentMissing
        } else if let previous, previous.crc != chain.crc || previous.offset != chain.offset {
            kind = .chainBroken
        } else {
            return nil
        }
        return .damage(
            LogDamage(
                kind: kind,
                segment: information.segment,
                line: try line(chain.line.map { $0 + 1 }, at: chain.offset),
                offset: chain.offset,
                byteCount: 0,
                sequences: chain.sequence < expected ? (chain.sequence + 1)...expected : nil,
                since: chain.receivedAt,
                until: successor?.header?.createdAt
            )
        )
    }

    private func line(_ line: Int?, at offset: Int) throws(LogError) -> Int {
        if let line { return line }
        return try directory.lineCount(inSegment: information.segment, upTo: offset) + 1
    }
}

extension LogDirectory {
    /// Where the successor's header says that a segment ends, if this is about the same segment: bytes beyond are
    /// void. Nil where the segment counts to its last byte.
    func durableEnd(of information: SegmentInformation, successor: SegmentInformation?) throws(LogError) -> Int? {
        #if SABOTAGE
            if Sabotage.plants("void-bytes-read") { return nil }
        #endif
        guard let previous = successor?.header?.previous, previous.offset < information.size else { return nil }
        // After a segment in between went missing, the statement is about that one and must not hide records here.
        let line = try lineEnd(inSegment: information.segment, at: previous.offset)
        guard let line, line.crc == previous.crc || line.sequence == previous.sequence else { return nil }
        return previous.offset
    }

    /// Whether a sealed segment is by its header, its size and its last line what its successor states.
    func looksWhole(_ information: SegmentInformation, successor: SegmentInformation) throws(LogError) -> Bool {
        guard information.header != nil, let previous = successor.header?.previous,
            previous.offset <= information.size
        else { return false }
        let line = try lineEnd(inSegment: information.segment, at: previous.offset)
        return line?.crc == previous.crc && line?.sequence == previous.sequence
    }
}
