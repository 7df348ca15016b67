/// The end of a record on the log: where reading goes on, and proof that it is still the same log.
public struct LogPosition: Hashable, Sendable {
    /// The record's number; 0 before the first record.
    public var sequence: Int
    /// The checksum that stands on the line which ends here.
    public var crc: UInt32
    /// The number of the record's batch; 0 before the first record.
    public var batch: Int
    /// The first sequence of the segment file that holds the end.
    public var segment: Int
    /// The byte position in that file just after the record's newline.
    public var offset: Int

    public init(sequence: Int, crc: UInt32, batch: Int, segment: Int, offset: Int) {
        self.sequence = sequence
        self.crc = crc
        self.batch = batch
        self.segment = segment
        self.offset = offset
    }

    /// Before the first record.
    public static let start = LogPosition(sequence: 0, crc: 0, batch: 0, segment: 1, offset: 0)
}
