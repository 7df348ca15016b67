import Wire

/// How far the chain of checksums has been followed in a segment.
struct LogChain {
    /// The last record's number; before the first record of a segment, one less than its name.
    var sequence: Int
    /// The last record's batch; 0 where it is not known.
    var batch: Int
    /// What the next line's checksum is seeded with.
    var crc: UInt32
    /// The end of the last good line.
    var offset: Int
    /// The lines up to there; nil where reading did not start at the segment's start.
    var line: Int?
    /// When the last record was received.
    var receivedAt: Timestamp?
    /// Where the last record's batch starts.
    var batchOffset: Int
    /// The end of the last record; nil before the first.
    var position: LogPosition?
}

/// Follows the chain through a segment's lines, and finds it again behind lines that fail.
struct SegmentScanner: ~Copyable {
    enum Item {
        case record(LogRecord)
        /// Without `nextSequence` where it reaches the end.
        case bad(BadRegion)
    }

    private let segment: Int
    private var lines: LineReader
    private(set) var chain: LogChain
    private var region: BadRegion?
    private var proven: LogRecord?

    /// - Parameter headerIsBad: The lines start with a header that cannot be used.
    init(segment: Int, lines: consuming LineReader, chain: LogChain, headerIsBad: Bool) {
        self.segment = segment
        self.lines = lines
        self.chain = chain
        if headerIsBad { region = BadRegion(chain: chain, includesHeader: true) }
    }

    /// The next item; nil at the end. A record is valid until the next call.
    mutating func next() throws(LogError) -> Item? {
        if let record = proven {
            proven = nil
            return .record(accept(record))
        }
        while let line = try lines.next() {
            let record = line.isComplete ? LogRecord(line: line.bytes, segment: segment, offset: line.offset) : nil
            if region == nil {
                if let record, record.sequence == chain.sequence &+ 1, record.batch >= chain.batch,
                    LineTrailer.computed(line.bytes, seed: chain.crc) == record.crc
                {
                    return .record(accept(record))
                }
                region = BadRegion(chain: chain, includesHeader: false)
            } else if let record, var done = region, done.lineCount > 0, done.proves(record) {
                done.nextSequence = record.sequence
                // A refused delivery that was admitted later has its own, early time and says nothing of when.
                if done.since.map({ record.receivedAt >= $0 }) ?? true { done.until = record.receivedAt }
                chain.line = chain.line.map { $0 + done.lineCount }
                region = nil
                proven = record
                return .bad(done)
            }
            region?.add(line)
        }
        if let rest = region {
            region = nil
            return .bad(rest)
        }
        return nil
    }

    @inline(__always)
    private mutating func accept(_ record: LogRecord) -> LogRecord {
        if record.batch != chain.batch { chain.batchOffset = record.offset }
        chain.sequence = record.sequence
        chain.batch = record.batch
        chain.crc = record.crc
        chain.offset = record.position.offset
        chain.line = chain.line.map { $0 &+ 1 }
        chain.receivedAt = record.receivedAt
        chain.position = record.position
        return record
    }
}
