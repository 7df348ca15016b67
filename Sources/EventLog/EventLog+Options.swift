extension EventLog {
    public struct Options: Sendable {
        /// A segment is followed by the next one before it grows beyond this. A single batch may be larger.
        public var maximumSegmentBytes = 64 << 20
        /// Entries that wait or are being written, their lines' frames included.
        public var maximumQueuedBytes = 32 << 20
        /// What one write and one sync take at most. A single entry may be larger.
        public var maximumBatchBytes = 4 << 20
        /// How many of the newest keys are remembered.
        public var deduplicationWindowCount = 200_000
        /// The least time between two attempts to go on in a new segment after a failure.
        public var takeoverRetryInterval: Duration = .seconds(1)
        /// How much content of a compressed segment stands in one frame, which is unpacked, and damaged, as a whole.
        var frameBytes = SegmentCompression.frameBytes
        /// Called on the log's thread: it must be quick and must not wait for the log.
        public var observe: (@Sendable (LogObservation) -> Void)?

        public init() {}
    }
}
