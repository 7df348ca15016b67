public import Wire

/// A record of the log, in place.
///
/// It points into the reader's buffer: it is valid only during the call that hands it over. Copy what has to stay.
public struct LogRecord {
    public let sequence: Int
    /// Records of one batch became durable together.
    public let batch: Int
    public let receivedAt: Timestamp
    public let source: RecordSource
    /// The checksum of this line and of all before it.
    public let crc: UInt32
    /// The whole line without its newline.
    public let line: UnsafeRawBufferPointer
    /// Where the record ends.
    public let position: LogPosition
    /// The connection's id, in ``line``; never escaped.
    public let connectionText: JSONText
    /// The signature header, in ``line``.
    public let signatureText: JSONText?

    /// Where the body stands in ``line``.
    let event: Range<Int>
    let isBase64: Bool

    /// The record on a line; nil where the line is not what ``RecordWriter`` writes. Its checksum is only read.
    init?(line: UnsafeRawBufferPointer, segment: Int, offset: Int) {
        guard line.count < Int(Int32.max), let crc = LineTrailer.crc(of: line) else { return nil }
        var cursor = LineCursor(line)
        guard cursor.skip("{\"sequence\":"), let sequence = cursor.number(), sequence > 0,
            cursor.skip(",\"batch\":"), let batch = cursor.number(), batch > 0,
            cursor.skip(",\"received_at\":\""), let receivedAt = cursor.timestamp(),
            cursor.skip("\",\"source\":\""), let source = cursor.source(),
            cursor.skip("\",\"connection\":\""), let connection = cursor.connection(), cursor.skip("\"")
        else { return nil }
        var signature: JSONText?
        if cursor.skip(",\"signature\":\"") {
            guard let text = cursor.text() else { return nil }
            signature = text
        }
        let end = line.count - LineTrailer.byteCount
        if cursor.skip(",\"event\":") {
            guard cursor.position < end else { return nil }
            event = cursor.position..<end
            isBase64 = false
        } else if cursor.skip(",\"event_base64\":\"") {
            guard cursor.position < end, line[end - 1] == UInt8(ascii: "\"") else { return nil }
            event = cursor.position..<(end - 1)
            isBase64 = true
            guard Base64.decode(UnsafeRawBufferPointer(rebasing: line[event])) != nil else { return nil }
        } else {
            return nil
        }
        self.sequence = sequence
        self.batch = batch
        self.receivedAt = receivedAt
        self.source = source
        self.crc = crc
        self.line = line
        self.connectionText = connection
        self.signatureText = signature
        self.position = LogPosition(
            sequence: sequence,
            crc: crc,
            batch: batch,
            segment: segment,
            offset: offset + line.count + 1
        )
    }

    public var connection: String { connectionText.string(in: line) }

    /// The signature header as received; nil where there was none.
    public var signature: String? { signatureText?.string(in: line) }

    /// Where the line starts in its segment.
    public var offset: Int { position.offset - line.count - 1 }

    /// Calls `body` with the event as it was appended, byte for byte.
    public func withBody<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        let raw = UnsafeRawBufferPointer(rebasing: line[event])
        guard isBase64, let decoded = Base64.decode(raw) else { return try body(raw) }
        return try decoded.withUnsafeBytes(body)
    }
}

extension LineCursor {
    @inline(__always)
    fileprivate mutating func source() -> RecordSource? {
        if skip("webhook") { return .webhook }
        if skip("api") { return .api }
        if skip("export") { return .export }
        if skip("meter") { return .meter }
        return nil
    }
}
