import Wire

@testable import EventLog

/// A line is taken as a record exactly in the form that the writer gives it.
///
/// A line's checksum is not looked at: it is made right, so that all else is.
enum LineTarget {
    static func check(_ bytes: UnsafeRawBufferPointer) throws {
        let line = UnsafeRawBufferPointer(rebasing: bytes.prefix { $0 != UInt8(ascii: "\n") })
        guard let record = LogRecord(line: line, segment: 1, offset: 0) else { return }
        try require(record.line.count == line.count && record.offset == 0, "the record is another line")
        let entry = record.withBody { body in
            LogEntry(
                receivedAt: record.receivedAt,
                source: record.source,
                connection: record.connection,
                signature: record.signature,
                body: Array(body),
                isKnownJSON: !record.isBase64
            )
        }
        guard isAsWritten(record, entry) else { return }
        var written: [UInt8] = []
        let body = try RecordWriter.body(of: entry)
        let crc = RecordWriter.append(
            sequence: record.sequence,
            batch: record.batch,
            body: body,
            seed: 7,
            to: &written
        )
        try require(crc == LineTrailer.computed(line, seed: 7), "written again it has another checksum")
        let ends = LineTrailer.byteCount
        try require(written.dropLast(ends + 1).elementsEqual(line.dropLast(ends)), "written again it is another line")
    }

    /// What a reader does not look at: it takes the writer's word that an event is JSON on one line, that a signature is
    /// UTF-8, and that no instant is a leap second.
    private static func isAsWritten(_ record: LogRecord, _ entry: LogEntry) -> Bool {
        if record.isBase64 {
            let isOnOneLine = !entry.body.contains { $0 == 0x0a || $0 == 0x0d }
            if isOnOneLine, entry.body.withUnsafeBytes({ (try? JSONTree($0)) != nil }) { return false }
        } else if entry.body.contains(0x0d) {
            return false
        }
        if let text = record.signatureText {
            guard String(validating: text.raw(in: record.line), as: UTF8.self) != nil else { return false }
        }
        return !record.line.withMemoryRebound(to: UInt8.self) { line in
            line.indices.contains { $0 + 4 <= line.count && line[$0..<$0 + 4].elementsEqual(":60.".utf8) }
        }
    }
}
