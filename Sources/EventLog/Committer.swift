import Dispatch
import Synchronization
import Wire

/// Writes batches, on the log's own thread.
///
/// Unchecked: everything that changes is touched on `thread` only, a serial queue.
final class Committer: @unchecked Sendable {
    let directory: LogDirectory
    let lock: LogLock
    let queue: AppendQueue
    let thread: DispatchQueue
    let options: EventLog.Options
    let now: @Sendable () -> Timestamp

    /// Nil after a failure, until a new segment has taken over.
    var segment: OpenSegment?
    var durableEnd: LogPosition
    var lastBatch: Int
    /// The first line of the segment that has to be created next, after a failure.
    var nextHeader: SegmentHeader?
    /// To be copied aside before a new segment declares its bytes void.
    var tornTail: Recovery.TornTail?
    var failure: LogError?
    /// By the clock of `DispatchTime`, in nanoseconds.
    var nextAttempt: UInt64 = 0
    var isRetryScheduled = false
    /// Held while a sealed segment is rewritten in another form, or overwritten; whether the log's lock is released.
    let rewriting = Mutex(false)
    private(set) var isClosed = false
    private var isReleased = false

    init(
        directory: LogDirectory,
        lock: LogLock,
        queue: AppendQueue,
        options: EventLog.Options,
        now: @escaping @Sendable () -> Timestamp,
        recovered: Recovery.Outcome
    ) {
        self.directory = directory
        self.lock = lock
        self.queue = queue
        self.options = options
        self.now = now
        thread = DispatchQueue(label: "circlemeter.log")
        segment = recovered.segment
        durableEnd = recovered.durableEnd
        lastBatch = recovered.lastBatch
        nextHeader = recovered.nextHeader
        tornTail = recovered.tornTail
        failure = recovered.failure
    }

    deinit {
        closeFiles()
    }

    /// Writes all that waits.
    func flush() {
        while let batch = queue.take(maximumBytes: options.maximumBatchBytes) {
            if segment == nil, !takeOverIfDue() {
                queue.fail(batch, failure ?? .closed)
                continue
            }
            write(batch)
        }
    }

    /// Releases the lock. Nothing may be written after it.
    func close() {
        isClosed = true
        closeFiles()
    }

    /// The header of a segment that goes on where the log durably ends.
    func headerBehindDurableEnd() -> SegmentHeader {
        #if SABOTAGE
            if Sabotage.plants("takeover-states-file-end"), durableEnd.sequence > 0,
                let information = try? directory.information(onSegment: durableEnd.segment)
            {
                durableEnd.offset = information.size
            }
        #endif
        let end = durableEnd
        return SegmentHeader(
            firstSequence: end.sequence + 1,
            createdAt: now(),
            previous: end.sequence == 0
                ? nil : SegmentHeader.Previous(sequence: end.sequence, offset: end.offset, crc: end.crc)
        )
    }

    private func write(_ batch: [AppendQueue.Pending]) {
        let begin = DispatchTime.now().uptimeNanoseconds
        let byteCount: Int
        do throws(SystemError) {
            try makeRoom(for: batch)
            byteCount = try append(batch)
        } catch {
            #if SABOTAGE
                if Sabotage.plants("segment-kept-after-error")
                    || Sabotage.plants("segment-kept-when-full") && error.number == 28
                {
                    queue.fail(
                        batch,
                        .unavailable("Records cannot be made durable", path: directory.path, cause: error)
                    )
                    return queue.state.withLock { $0.activity.failing = nil }
                }
            #endif
            let path = directory.path(ofSegment: segment?.segment ?? durableEnd.segment)
            fail(batch, .unavailable("Records cannot be made durable", path: path, cause: error))
            return
        }
        queue.succeed(batch, end: durableEnd, byteCount: byteCount)
        options.observe?(
            .appended(
                records: batch.count,
                bytes: byteCount,
                batchDurationNanoseconds: DispatchTime.now().uptimeNanoseconds - begin
            )
        )
    }

    /// Starts the next segment where the batch would make this one too large.
    private func makeRoom(for batch: [AppendQueue.Pending]) throws(SystemError) {
        guard let full = segment, full.recordCount > 0,
            full.size + batch.reduce(0, { $0 + $1.byteCount }) > options.maximumSegmentBytes
        else { return }
        let next = try directory.create(headerBehindDurableEnd(), synchronizing: lock.descriptor)
        directory.fileSystem.close(full.descriptor)
        segment = next
        queue.state.withLock { $0.segments.append(SegmentStatistics(next)) }
    }

    /// Writes the batch and syncs it; its bytes. The durable end moves only after that.
    private func append(_ batch: [AppendQueue.Pending]) throws(SystemError) -> Int {
        guard var segment else { return 0 }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(batch.reduce(0) { $0 + $1.byteCount })
        var crc = segment.crc
        for (index, pending) in batch.enumerated() {
            crc = RecordWriter.append(
                sequence: durableEnd.sequence + 1 + index,
                batch: lastBatch + 1,
                body: pending.body,
                seed: crc,
                to: &bytes
            )
        }
        try directory.fileSystem.writeAll(segment.descriptor, bytes, at: segment.size)
        let begin = DispatchTime.now().uptimeNanoseconds
        #if SABOTAGE
            if Sabotage.plants("acknowledged-before-sync") {
                thread.async { [directory, descriptor = segment.descriptor] in
                    try? directory.fileSystem.synchronizeData(descriptor)
                }
            } else if !Sabotage.plants("batch-not-synced") {
                try directory.fileSystem.synchronizeData(segment.descriptor)
            }
        #else
            try directory.fileSystem.synchronizeData(segment.descriptor)
        #endif
        options.observe?(.synced(nanoseconds: DispatchTime.now().uptimeNanoseconds - begin))
        segment.size += bytes.count
        segment.crc = crc
        segment.recordCount += batch.count
        self.segment = segment
        #if SABOTAGE
            if Sabotage.plants("batch-number-not-raised") { lastBatch -= 1 }
        #endif
        lastBatch += 1
        durableEnd = LogPosition(
            sequence: durableEnd.sequence + batch.count,
            crc: crc,
            batch: lastBatch,
            segment: segment.segment,
            offset: segment.size
        )
        return bytes.count
    }

    /// Gives the segment up: after a failed write or sync nothing tells what of it is on disk, and a sync that is
    /// repeated may say that all is well.
    private func fail(_ batch: [AppendQueue.Pending], _ error: LogError) {
        if let failed = segment {
            directory.fileSystem.close(failed.descriptor)
            nextHeader = failed.recordCount == 0 ? failed.header : nil
            segment = nil
        }
        failure = error
        queue.fail(batch, error)
        options.observe?(.failed(error))
        takeOver()
    }

    private func closeFiles() {
        if let segment { directory.fileSystem.close(segment.descriptor) }
        segment = nil
        guard !isReleased else { return }
        isReleased = true
        rewriting.withLock { isReleased in
            isReleased = true
            lock.release()
        }
    }
}
