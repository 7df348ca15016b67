public import Wire

/// A place of the log that cannot be read, and what it cost.
public struct LogDamage: Hashable, Sendable, CustomStringConvertible {
    public enum Kind: String, Sendable {
        /// One or more lines fail their checksum, or stand where they do not belong.
        case badLine = "bad_line"
        /// As `badLine`, the segment's first line among them.
        case badHeader = "bad_header"
        /// Whole segments are not there.
        case segmentMissing = "segment_missing"
        /// The segment ends before the place that its successor states.
        case segmentShort = "segment_short"
        /// The segment's last line is not the one that its successor states.
        case chainBroken = "chain_broken"
        /// The end of the last batch was never written completely. Nothing in it was acknowledged, unless the disk
        /// changed it later.
        case tornTail = "torn_tail"
    }

    public var kind: Kind
    /// The first sequence of the segment, which is its name.
    public var segment: Int
    /// Counted from 1, the header.
    public var line: Int
    /// The byte position in the segment where the damage starts.
    public var offset: Int
    /// The unreadable bytes; 0 where something is missing.
    public var byteCount: Int
    /// The records that cannot be delivered, as far as this can be told.
    public var sequences: ClosedRange<Int>?
    /// When the last readable record before the damage was received; at the start of a segment, when that was created, which
    /// is a moment after its first records were received.
    public var since: Timestamp?
    /// When the first readable record behind the damage was received; nil where nothing follows.
    public var until: Timestamp?

    public init(
        kind: Kind,
        segment: Int,
        line: Int,
        offset: Int,
        byteCount: Int,
        sequences: ClosedRange<Int>? = nil,
        since: Timestamp? = nil,
        until: Timestamp? = nil
    ) {
        self.kind = kind
        self.segment = segment
        self.line = line
        self.offset = offset
        self.byteCount = byteCount
        self.sequences = sequences
        self.since = since
        self.until = until
    }

    public var description: String {
        var text = "\(kind.rawValue) in segment \(segment), line \(line), byte \(offset), \(byteCount) bytes"
        if let sequences { text += ", records \(sequences.lowerBound) to \(sequences.upperBound)" }
        if let since { text += ", received after \(since)" }
        if let until { text += ", before \(until)" }
        return text
    }
}
