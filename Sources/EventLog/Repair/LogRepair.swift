/// What a repair found, and what the log will be like.
public struct RepairPlan: Sendable {
    /// The log as it is.
    public internal(set) var before: LogVerification
    /// The log with everything put in that a copy has of it.
    public internal(set) var after: LogVerification
    /// Segments of the copy that cannot be read, with the reason. They count as missing.
    public internal(set) var unreadable: [LogError] = []
    var pieces: [SegmentPieces] = []

    /// Segments that are written anew or put back, by name.
    public var segments: [Int] { pieces.map(\.segment) }

    /// Records that can be read again.
    public var recordCount: Int { pieces.reduce(0) { $0 + $1.gainedCount } }

    public var byteCount: Int { pieces.reduce(0) { $0 + $1.byteCount } }
}

/// Looks for what a damaged log has lost in a copy of it, such as a backup.
///
/// A record is taken from the copy only where the chain of checksums leads from the log's own line before the damage through it
/// to the log's own line behind, so that it is what stood there: a copy that is damaged, older, or of a log that went on otherwise
/// gives what it can prove and nothing else. Without a copy only what needs none is mended: a line that stands there twice.
public struct LogRepair: Sendable {
    private let log: LogDirectory
    private let copy: LogDirectory?

    /// - Parameters:
    ///   - directory: The log's directory.
    ///   - copy: The directory of a copy of the log, which is only read.
    public init(directory: String, copy: String?, fileSystem: any FileSystem = PosixFileSystem()) {
        log = LogDirectory(path: directory, fileSystem: fileSystem)
        self.copy = copy.map { LogDirectory(path: $0, fileSystem: fileSystem) }
    }

    /// The last record of the copy, by its last segment; nil where it has no segment.
    ///
    /// - Throws: ``LogError`` where a file cannot be read.
    public func copyEnd() throws(LogError) -> Int? {
        guard let copy, let last = try copy.segments().last else { return nil }
        var walk = try SegmentWalk(try copy.information(onSegment: last), successor: nil, in: copy)
        while try walk.next() != nil {}
        return walk.chain.sequence
    }

    /// Reads the log, looks up in the copy what is damaged, and reads the log as it would be then; changes nothing. Blocking.
    ///
    /// - Parameters:
    ///   - progress: Returns false to cancel.
    ///   - inspect: Called for each item of the log as it is, for checks of the caller's own.
    /// - Returns: Nil where it was cancelled.
    /// - Throws: ``LogError`` where a file of the log cannot be read, and what `inspect` throws.
    public func plan(
        progress: (LogProgress) -> Bool = { _ in true },
        inspect: (LogItem) throws -> Void = { _ in }
    ) throws -> RepairPlan? {
        let before = try LogVerifier(log).verify(progress: { progress(LogRepair.half(0, $0)) }, inspect: inspect)
        guard before.isComplete else { return nil }
        var plan = RepairPlan(before: before, after: before)
        guard !before.damages.isEmpty else { return plan }
        var repaired = log
        // From the last one back, since it is the next segment that states how one ended.
        for segment in try segments(before.damages).reversed() {
            guard progress(LogProgress(doneBytes: before.byteCount, totalBytes: 2 * before.byteCount)) else {
                return nil
            }
            let there = try repaired.segments()
            let repair = SegmentRepair(
                original: log,
                copy: copy,
                log: repaired,
                segment: segment,
                successor: there.first { $0 > segment }
            )
            let outcome = try there.contains(segment) ? repair.mend() : repair.putBack()
            if let error = outcome.unreadable { plan.unreadable.append(error) }
            guard let pieces = outcome.pieces else { continue }
            repaired.standIns[segment] = .pieces(pieces)
            plan.pieces.append(pieces)
        }
        plan.pieces.reverse()
        plan.unreadable.reverse()
        guard !plan.pieces.isEmpty else { return plan }
        plan.after = try LogVerifier(repaired).verify { progress(LogRepair.half(1, $0)) }
        return plan.after.isComplete ? plan : nil
    }

    private static func half(_ half: Int, _ step: LogProgress) -> LogProgress {
        LogProgress(doneBytes: half * step.totalBytes + step.doneBytes, totalBytes: 2 * step.totalBytes)
    }

    /// Segments with damage, and those that the copy has where the log has none, in order.
    private func segments(_ damages: [LogDamage]) throws(LogError) -> [Int] {
        let there = try log.segments()
        let missing = try (copy?.segments() ?? []).filter { segment in
            // Void records may be read in the place of a missing segment's first ones.
            !there.contains(segment)
                && damages.contains { damage in
                    damage.sequences.map {
                        segment <= $0.upperBound && (segment > damage.segment || segment >= $0.lowerBound)
                    } ?? false
                }
        }
        return (Set(damages.map(\.segment)).intersection(there)).union(missing).sorted()
    }
}

extension LogLock {
    /// Writes what a plan says, which was made since the lock was taken: one segment after another, each under a temporary name
    /// until it is durable and has been read back. After a crash at any instant each is as it was or repaired. Blocking.
    ///
    /// - Parameter progress: Told of the bytes written; returns false to stop before the next segment.
    /// - Returns: Whether all is done.
    /// - Throws: ``LogError`` with code `unusable`; the segment concerned is as it was or repaired.
    public func repair(
        _ plan: RepairPlan,
        progress: (LogProgress) -> Bool = { _ in true }
    ) throws(LogError) -> Bool {
        var doneBytes = 0
        // As they were found: each is read in its place before the next one.
        for pieces in plan.pieces.reversed() {
            guard progress(LogProgress(doneBytes: doneBytes, totalBytes: plan.byteCount)) else { return false }
            let successor = try directory.segments().first { $0 > pieces.segment }
            do throws(SystemError) {
                try directory.replace(
                    pieces.segment,
                    by: pieces,
                    successor: successor,
                    synchronizing: descriptor
                )
            } catch {
                let path = directory.path(ofSegment: pieces.segment)
                throw .unusable("A segment cannot be repaired", path: path, cause: error)
            }
            doneBytes += pieces.byteCount
        }
        _ = progress(LogProgress(doneBytes: doneBytes, totalBytes: plan.byteCount))
        return true
    }
}
