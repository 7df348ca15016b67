import Wire

/// The first line of a segment.
struct SegmentHeader: Hashable, Sendable {
    static let version = 1
    /// No header is longer than this, newline included.
    static let maximumBytes = 512

    /// Where the segment before durably ends; bytes beyond are void.
    struct Previous: Hashable, Sendable {
        var sequence: Int
        var offset: Int
        var crc: UInt32
    }

    var firstSequence: Int
    var createdAt: Timestamp
    /// Nil in the first segment of a log.
    var previous: Previous?

    /// The line with its newline, and its checksum.
    func encoded() -> (line: [UInt8], crc: UInt32) {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("circlemeter_log", SegmentHeader.version)
            writer.member("first_sequence", firstSequence)
            writer.member("created_at", createdAt.description)
            if let previous {
                writer.name("previous")
                writer.object { writer in
                    writer.member("sequence", previous.sequence)
                    writer.member("offset", previous.offset)
                    writer.member("crc", Hex.string(previous.crc))
                }
            } else {
                writer.member("previous", String?.none)
            }
        }
        var line = Array(writer.bytes.dropLast())
        let crc = LineTrailer.append(to: &line, lineStart: 0, seed: previous?.crc ?? 0)
        return (line, crc)
    }
}

/// What the start of a segment file shows.
struct HeaderReading: Sendable {
    /// The header; nil where its line is damaged or missing.
    var header: SegmentHeader?
    /// The line's checksum; of a damaged line, what its bytes suggest.
    var crc: UInt32
    /// The line's length, newline included.
    var byteCount: Int
    /// The checksum that seeds the line's own, as far as it can be read.
    var seed: UInt32

    /// Reads the first line out of a file's first bytes.
    ///
    /// - Throws: ``LogError/Code/unsupportedVersion`` for an undamaged header of another version.
    static func read(_ start: UnsafeRawBufferPointer, segment: Int, path: String) throws(LogError) -> HeaderReading {
        let damaged = HeaderReading(header: nil, crc: 0, byteCount: 0, seed: 0)
        guard let newline = start.firstIndex(of: UInt8(ascii: "\n")) else { return damaged }
        let line = UnsafeRawBufferPointer(rebasing: start[..<newline])
        var cursor = LineCursor(line)
        guard cursor.skip("{\"circlemeter_log\":"), let version = cursor.number(),
            cursor.skip(",\"first_sequence\":"), let firstSequence = cursor.number(),
            cursor.skip(",\"created_at\":\""), let createdAt = cursor.timestamp(),
            cursor.skip("\",\"previous\":")
        else { return damaged }
        var previous: SegmentHeader.Previous?
        if !cursor.skip("null") {
            guard cursor.skip("{\"sequence\":"), let sequence = cursor.number(),
                cursor.skip(",\"offset\":"), let offset = cursor.number(),
                cursor.skip(",\"crc\":\""), let crc = cursor.checksum(), cursor.skip("\"}")
            else { return damaged }
            previous = SegmentHeader.Previous(sequence: sequence, offset: offset, crc: crc)
        }
        let seed = previous?.crc ?? 0
        let crc = LineTrailer.crc(of: line)
        var reading = HeaderReading(header: nil, crc: crc ?? 0, byteCount: newline + 1, seed: seed)
        guard let crc, LineTrailer.computed(line, seed: seed) == crc else { return reading }
        guard version == SegmentHeader.version else {
            throw LogError(
                code: .unsupportedVersion,
                message: "The log has version \(version), this circlemeter reads version \(SegmentHeader.version)",
                path: path,
                hint: "Use the circlemeter that wrote it, or a newer one"
            )
        }
        let endsInPlace = cursor.position == line.count - LineTrailer.byteCount
        guard endsInPlace, firstSequence == segment, (previous?.sequence ?? 0) == segment - 1,
            (previous == nil) == (segment == 1)
        else { return reading }
        reading.header = SegmentHeader(firstSequence: firstSequence, createdAt: createdAt, previous: previous)
        return reading
    }
}
