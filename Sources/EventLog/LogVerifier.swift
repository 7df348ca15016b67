public import Wire

/// What reading the whole log found.
public struct LogVerification: Sendable {
    public var segmentCount = 0
    public var recordCount = 0
    public var batchCount = 0
    /// The size of all segments.
    public var byteCount = 0
    public var firstReceivedAt: Timestamp?
    public var lastReceivedAt: Timestamp?
    /// The end of the last record.
    public var end: LogPosition?
    public var damages: [LogDamage] = []
    /// While a service is writing, this is a batch on its way as a rule.
    public var tornTail: LogDamage?
    /// False where it was cancelled.
    public var isComplete = true

    public init() {}

    /// Nothing acknowledged is missing as far as the log itself can tell.
    public var isIntact: Bool { isComplete && damages.isEmpty }
}

/// How far a verification is, in bytes of all segments.
public struct LogProgress: Hashable, Sendable {
    public var doneBytes: Int
    public var totalBytes: Int
}

/// Checks every line of the log, and that the segments join. It needs no lock.
public struct LogVerifier: Sendable {
    /// Progress is told about once in so many bytes.
    private static let progressBytes = 4 << 20

    private let directory: LogDirectory

    public init(directory: String, fileSystem: any FileSystem = PosixFileSystem()) {
        self.init(LogDirectory(path: directory, fileSystem: fileSystem))
    }

    init(_ directory: LogDirectory) {
        self.directory = directory
    }

    /// Reads the log from its first record through what is there when it starts. Blocking.
    ///
    /// - Parameters:
    ///   - progress: Returns false to cancel.
    ///   - inspect: Called for each item, for checks of the caller's own.
    /// - Throws: ``LogError`` where a file cannot be read, and what `inspect` throws.
    public func verify(
        progress: (LogProgress) -> Bool = { _ in true },
        inspect: (LogItem) throws -> Void = { _ in }
    ) throws -> LogVerification {
        let segments = try directory.sizes()
        var verification = LogVerification()
        verification.segmentCount = segments.count
        var starts: [Int: Int] = [:]
        for (segment, size) in segments {
            starts[segment] = verification.byteCount
            verification.byteCount += size
        }
        var batch: Int?
        var toldBytes = 0
        _ = try LogReader(directory).read(after: nil) { item in
            switch item {
            case .record(let record):
                verification.recordCount += 1
                if record.batch != batch { verification.batchCount += 1 }
                batch = record.batch
                if verification.firstReceivedAt == nil { verification.firstReceivedAt = record.receivedAt }
                verification.lastReceivedAt = record.receivedAt
                verification.end = record.position
                let doneBytes = (starts[record.position.segment] ?? toldBytes) + record.position.offset
                if doneBytes - toldBytes >= LogVerifier.progressBytes {
                    toldBytes = doneBytes
                    verification.isComplete = progress(
                        LogProgress(doneBytes: doneBytes, totalBytes: verification.byteCount)
                    )
                }
            case .damage(let damage):
                verification.damages.append(damage)
            case .tornTail(let damage):
                verification.tornTail = damage
            }
            try inspect(item)
            return verification.isComplete
        }
        if verification.isComplete {
            _ = progress(LogProgress(doneBytes: verification.byteCount, totalBytes: verification.byteCount))
        }
        return verification
    }
}
