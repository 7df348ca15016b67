/// What the log tells its observer, from its own thread.
public enum LogObservation: Sendable {
    /// A batch is on disk: its records, its bytes, and the time from taking it off the queue.
    case appended(records: Int, bytes: Int, batchDurationNanoseconds: UInt64)
    /// One `fdatasync` of a batch returned.
    case synced(nanoseconds: UInt64)
    /// A batch, or an attempt to take over, failed.
    case failed(LogError)
    /// After a failure this segment has taken over.
    case tookOver(segment: Int)
}
