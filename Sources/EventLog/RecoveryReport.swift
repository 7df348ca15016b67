/// What opening the log found and did.
public struct RecoveryReport: Hashable, Sendable {
    /// The end of the last batch, which had not been written completely.
    public struct TornTail: Hashable, Sendable {
        /// Where it stood. Its `byteCount` has been cut off the segment.
        public var damage: LogDamage
        /// The copy of the bytes; nil where it could not be made yet, for lack of room as a rule. Then nothing has been
        /// cut, the next segment declares the bytes void, and the log makes the copy before that.
        public var copiedTo: String?
    }

    public var tornTail: TornTail?
    /// What cannot be read in the segments that opening reads: the headers of all, and the last one whole.
    /// ``LogVerifier`` reads everything.
    public var damages: [LogDamage] = []
    /// The segments, the one that is written included.
    public var segmentCount = 0
    /// The records in the segments that were read whole, for the end of the log and for deduplication.
    public var recordsRead = 0
    /// The keys that the deduplication window starts with.
    public var keysLoaded = 0
    /// Names of files that an earlier run had not finished. They held nothing of the log.
    public var removedTemporaryFiles: [String] = []
}
