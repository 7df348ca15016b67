import Dispatch
import Synchronization
import Wire

/// What a pass over the sealed segments did.
public struct CompressionReport: Hashable, Sendable {
    /// Segments that are in the other form now.
    public var segments: [Int] = []
    /// Their size where they are plain.
    public var byteCount = 0
    /// What their compressed files take.
    public var compressedByteCount = 0
    /// Segments that stay as they are, because they are damaged.
    public var leftSegments: [Int] = []
    /// False where it was cancelled; the next pass goes on.
    public var isComplete = true
}

/// Passes over a log's sealed segments. Whoever runs one holds the log's lock.
struct LogCompression {
    let directory: LogDirectory
    /// The directory, open.
    let descriptor: Int32
    /// Told how far the pass is; returns false to cancel it.
    let progress: (LogProgress) -> Bool
    var frameBytes = SegmentCompression.frameBytes
    /// Each segment is rewritten inside.
    var exclusively: (() throws(LogError) -> Void) throws(LogError) -> Void = { body throws(LogError) in try body() }
    /// Told of each segment that has been compressed, with the file's size.
    var observe: (_ segment: Int, _ byteCount: Int) -> Void = { _, _ in }

    /// Compresses what is plain of these segments but the last, which is being written.
    ///
    /// - Parameter leaving: Segments that an earlier pass found damaged.
    func compress(_ segments: [Int], leaving: Set<Int>) throws(LogError) -> CompressionReport {
        let names = Set(try directory.names())
        let work = zip(segments, segments.dropFirst()).filter { segment, _ in
            names.contains(LogDirectory.name(ofSegment: segment)) && !leaving.contains(segment)
        }
        return try run(work) { segment, successor, mayGoOn, report throws(LogError) in
            let compression = SegmentCompression(directory: directory, descriptor: descriptor, frameBytes: frameBytes)
            switch try compression.compress(segment, successor: successor, mayGoOn: mayGoOn) {
            case .compressed(let byteCount):
                report.segments.append(segment)
                report.compressedByteCount += byteCount
                observe(segment, byteCount)
                return true
            case .left: report.leftSegments.append(segment)
            case .cancelled: report.isComplete = false
            }
            return false
        }
    }

    /// Makes every compressed segment plain again.
    func expand(_ segments: [Int]) throws(LogError) -> CompressionReport {
        let names = Set(try directory.names())
        let work = segments.filter { names.contains(LogDirectory.name(ofCompressedSegment: $0)) }.map { ($0, $0) }
        return try run(work) { segment, _, mayGoOn, report throws(LogError) in
            var isCancelled = false
            do throws(SystemError) {
                let byteCount = try SegmentFile(segment, in: directory).storedSize()
                let isPlain = try directory.expand(segment, synchronizing: descriptor, evenIfDamaged: false) { done in
                    isCancelled = !mayGoOn(done)
                    return !isCancelled
                }
                if isPlain {
                    report.segments.append(segment)
                    report.compressedByteCount += byteCount
                    return true
                }
            } catch {
                let path = directory.path(ofCompressedSegment: segment)
                throw .unusable("A segment cannot be expanded", path: path, cause: error)
            }
            if isCancelled { report.isComplete = false } else { report.leftSegments.append(segment) }
            return false
        }
    }

    /// - Parameter rewrite: Whether a segment is in the other form now.
    private func run(
        _ work: [(segment: Int, successor: Int)],
        _ rewrite: (Int, Int, (Int) -> Bool, inout CompressionReport) throws(LogError) -> Bool
    ) throws(LogError) -> CompressionReport {
        var report = CompressionReport()
        var sizes: [Int] = []
        for (segment, _) in work { sizes.append(try directory.information(onSegment: segment).size) }
        let totalBytes = sizes.reduce(0, +)
        var doneBytes = 0
        for ((segment, successor), size) in zip(work, sizes) where report.isComplete {
            guard progress(LogProgress(doneBytes: doneBytes, totalBytes: totalBytes)) else {
                report.isComplete = false
                break
            }
            try exclusively { () throws(LogError) in
                let isDone = try rewrite(
                    segment,
                    successor,
                    { progress(LogProgress(doneBytes: doneBytes + $0, totalBytes: totalBytes)) },
                    &report
                )
                if isDone { report.byteCount += size }
            }
            doneBytes += size
        }
        if report.isComplete { _ = progress(LogProgress(doneBytes: totalBytes, totalBytes: totalBytes)) }
        return report
    }
}

extension EventLog {
    /// Compresses the sealed segments that are plain, one after another; appending goes on meanwhile. Where it was cancelled
    /// or the process died, the next pass goes on. Blocking, for about a second for each segment.
    ///
    /// - Parameters:
    ///   - leaving: Segments that an earlier pass left as they are.
    ///   - progress: Returns false to cancel.
    /// - Throws: ``LogError`` with code `unusable`, and every segment is readable all the same; `closed`.
    public func compressSealed(
        leaving: Set<Int> = [],
        progress: @escaping (LogProgress) -> Bool = { _ in true }
    ) throws(LogError) -> CompressionReport {
        let queue = committer.queue
        let (segments, isClosed) = queue.state.withLock { ($0.segments.map(\.segment), $0.isClosed) }
        guard !isClosed else { throw .closed }
        var compression = LogCompression(
            directory: committer.directory,
            descriptor: committer.lock.descriptor,
            // Whoever closes the log waits for the segment that is being rewritten.
            progress: { step in !queue.state.withLock(\.isClosed) && progress(step) }
        )
        compression.frameBytes = committer.options.frameBytes
        compression.exclusively = { [committer] body throws(LogError) in
            try committer.rewriting.withLock { isReleased throws(LogError) in
                guard !isReleased else { throw .closed }
                try body()
            }
        }
        compression.observe = { segment, byteCount in
            queue.state.withLock { state in
                guard let index = state.segments.firstIndex(where: { $0.segment == segment }) else { return }
                state.segments[index].compressedByteCount = byteCount
            }
        }
        return try compression.compress(segments, leaving: leaving)
    }
}

extension LogLock {
    /// Compresses the sealed segments that are plain, one after another. Blocking.
    ///
    /// - Parameter progress: Returns false to cancel; the next pass goes on.
    /// - Throws: ``LogError`` with code `unusable`; every segment is readable all the same.
    public func compressSealed(progress: @escaping (LogProgress) -> Bool = { _ in true }) throws(LogError)
        -> CompressionReport
    {
        let compression = LogCompression(directory: directory, descriptor: descriptor, progress: progress)
        return try compression.compress(try directory.segments(), leaving: [])
    }

    /// Makes compressed segments plain again, one after another. A damaged one stays as it is. Blocking.
    ///
    /// - Parameter progress: Returns false to cancel; the next pass goes on.
    /// - Throws: ``LogError`` with code `unusable`; every segment is readable all the same.
    public func expand(progress: @escaping (LogProgress) -> Bool = { _ in true }) throws(LogError) -> CompressionReport
    {
        let compression = LogCompression(directory: directory, descriptor: descriptor, progress: progress)
        return try compression.expand(try directory.segments())
    }
}
