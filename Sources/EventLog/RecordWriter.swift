import Glibc
import Wire

/// Writes a record's line. The part that needs no number is written by the caller of `append`, on its own thread; the
/// log's thread puts the number before it and the checksum behind it.
enum RecordWriter {
    /// From `,"received_at"` to the end of the event.
    static func body(of entry: LogEntry) throws(LogError) -> [UInt8] {
        try check(entry)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(entry.body.count + 256)
        append(",\"received_at\":\"", to: &bytes)
        entry.receivedAt.append(to: &bytes)
        append("\",\"source\":\"", to: &bytes)
        bytes.append(contentsOf: entry.source.rawValue.utf8)
        append("\",\"connection\":\"", to: &bytes)
        bytes.append(contentsOf: entry.connection.utf8)
        append("\"", to: &bytes)
        if let signature = entry.signature {
            append(",\"signature\":", to: &bytes)
            var writer = JSONWriter()
            writer.string(signature)
            bytes.append(contentsOf: writer.bytes)
        }
        entry.body.withUnsafeBytes { event in
            if isOnOneLine(event), entry.isKnownJSON || isJSON(event) {
                append(",\"event\":", to: &bytes)
                bytes.append(contentsOf: event)
            } else {
                append(",\"event_base64\":\"", to: &bytes)
                Base64.append(event, to: &bytes)
                append("\"", to: &bytes)
            }
        }
        return bytes
    }

    /// Appends the line of a record, newline included, to `bytes`; its checksum.
    static func append(
        sequence: Int,
        batch: Int,
        body: [UInt8],
        seed: UInt32,
        to bytes: inout [UInt8]
    ) -> UInt32 {
        let start = bytes.count
        append("{\"sequence\":", to: &bytes)
        bytes.append(contentsOf: String(sequence).utf8)
        append(",\"batch\":", to: &bytes)
        bytes.append(contentsOf: String(batch).utf8)
        bytes.append(contentsOf: body)
        return LineTrailer.append(to: &bytes, lineStart: start, seed: seed)
    }

    /// No line is longer than its body and this.
    static let maximumFrameBytes = 96

    private static func append(_ literal: StaticString, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
    }

    private static func isOnOneLine(_ event: UnsafeRawBufferPointer) -> Bool {
        guard let base = event.baseAddress, event.count > 0 else { return false }
        return memchr(base, 0x0a, event.count) == nil && memchr(base, 0x0d, event.count) == nil
    }

    private static func isJSON(_ event: UnsafeRawBufferPointer) -> Bool {
        do throws(JSONError) {
            var scanner = try JSONScanner(event)
            try scanner.skipValue()
            try scanner.finish()
            return true
        } catch {
            return false
        }
    }

    private static func check(_ entry: LogEntry) throws(LogError) {
        var isConnection = (1...63).contains(entry.connection.utf8.count)
        var isFirst = true
        for character in entry.connection.utf8 {
            isConnection = isConnection && LineCursor.isConnectionCharacter(character, isFirst: isFirst)
            isFirst = false
        }
        guard isConnection else {
            throw LogError(
                code: .invalidEntry,
                message: "A connection's id is 1 to 63 of a-z, 0-9, _ and -, starting with a letter or digit"
            )
        }
        // The years that four digits can write.
        guard (-62_167_219_200_000_000..<253_402_300_800_000_000).contains(entry.receivedAt.microseconds) else {
            throw LogError(code: .invalidEntry, message: "The time of receipt is outside the years 0 to 9999")
        }
        guard entry.body.count < 1 << 30 else {
            throw LogError(code: .invalidEntry, message: "The event is larger than 1 GiB")
        }
    }
}
