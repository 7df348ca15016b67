public import Wire

/// One segment of the log.
public struct SegmentStatistics: Hashable, Sendable {
    /// Its first sequence, which is its name.
    public var segment: Int
    /// The size that it has where it is plain; void bytes at its end included.
    public var byteCount: Int
    /// The size of the compressed file; nil: it is plain.
    public var compressedByteCount: Int?
    /// Nil where the header is damaged.
    public var createdAt: Timestamp?
    /// The records that its place among the segments gives it, damaged ones included.
    public var recordCount: Int
    var header: SegmentHeader?

    /// What it takes on the disk.
    public var storedByteCount: Int { compressedByteCount ?? byteCount }

    init(_ information: SegmentInformation, recordCount: Int) {
        segment = information.segment
        byteCount = information.size
        compressedByteCount = information.compressedSize
        createdAt = information.header?.createdAt
        self.recordCount = recordCount
        header = information.header
    }

    init(_ segment: OpenSegment) {
        self.segment = segment.segment
        byteCount = segment.size
        createdAt = segment.header?.createdAt
        recordCount = segment.recordCount
        header = segment.header
    }
}

/// What a log that is open has done since then.
public struct LogActivity: Hashable, Sendable {
    /// Entries that wait for their batch or are being written.
    public var queuedCount = 0
    public var queuedBytes = 0
    /// Callers that wait for the entry that theirs repeats.
    public var duplicateWaiterCount = 0
    public var appendedCount = 0
    public var appendedBytes = 0
    public var duplicateCount = 0
    /// Entries refused because of the queue's bound or because nothing could be written.
    public var refusedCount = 0
    public var batchCount = 0
    public var syncCount = 0
    /// Why nothing can be written at present; nil while all is well.
    public var failing: LogError?
}

/// The log in numbers.
public struct LogStatistics: Hashable, Sendable {
    /// In order.
    public var segments: [SegmentStatistics]
    /// Nil where the numbers were read from the directory.
    public var activity: LogActivity?

    /// The size of all segments.
    public var byteCount: Int { segments.reduce(0) { $0 + $1.byteCount } }
    /// What they take on the disk.
    public var storedByteCount: Int { segments.reduce(0) { $0 + $1.storedByteCount } }
    public var recordCount: Int { segments.reduce(0) { $0 + $1.recordCount } }

    /// Reads the numbers without the lock and without reading the records: the first lines of all segments, and the
    /// last one whole. Blocking.
    public static func read(
        directory: String,
        fileSystem: any FileSystem = PosixFileSystem()
    ) throws(LogError) -> LogStatistics {
        let directory = LogDirectory(path: directory, fileSystem: fileSystem)
        let segments = try directory.segments()
        var statistics: [SegmentStatistics] = []
        for (index, segment) in segments.enumerated() {
            let information = try directory.information(onSegment: segment)
            var recordCount = 0
            if index + 1 < segments.count {
                recordCount = segments[index + 1] - segment
            } else {
                var walk = try SegmentWalk(information, successor: nil, in: directory)
                while try walk.next() != nil {}
                recordCount = walk.chain.sequence - segment + 1
            }
            statistics.append(SegmentStatistics(information, recordCount: recordCount))
        }
        return LogStatistics(segments: statistics, activity: nil)
    }
}

extension LogDirectory {
    /// The segments in order, with their sizes in bytes.
    func sizes() throws(LogError) -> [(segment: Int, size: Int)] {
        var sizes: [(segment: Int, size: Int)] = []
        for segment in try segments() { sizes.append((segment, try information(onSegment: segment).size)) }
        return sizes
    }
}
