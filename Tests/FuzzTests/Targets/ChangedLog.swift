import Wire

@testable import EventLog

/// A log of a few records, changed.
///
/// The first byte of an input says what was there: 0 nothing, 1 a segment of five records, 2 two segments of three and
/// two; plus 4: the first of the two is changed, plus 8: it is cut there before it is written to. The next two bytes say
/// where. A line that states the checksum `00000000` is given the right one.
struct ChangedLog {
    static let time = Timestamp(microseconds: 1_795_335_368_123_000)

    /// By first sequence.
    private(set) var segments: [Int: [UInt8]]

    init?(_ input: UnsafeRawBufferPointer) {
        guard input.count >= 3 else { return nil }
        segments = ChangedLog.logs[Int(input[0] & 3) % 3]
        guard let target = input[0] & 4 == 0 ? segments.keys.max() : segments.keys.min() else { return nil }
        var bytes = segments[target] ?? []
        let position = (Int(input[1]) | Int(input[2]) << 8) % (bytes.count + 1)
        let change = input.dropFirst(3)
        if input[0] & 8 != 0 { bytes.removeSubrange(position...) }
        bytes.replaceSubrange(position..<min(bytes.count, position + change.count), with: change)
        segments[target] = ChangedLog.sealed(bytes)
    }

    /// The records that can be read from the start of each segment on, as the format says: numbers without gaps, each
    /// line seeded with the checksum of the line before. Of a segment with a successor those that its header includes.
    func readableLines() -> [Int: [UInt8]] {
        var readable: [Int: [UInt8]] = [:]
        let names = segments.keys.sorted()
        for (index, name) in names.enumerated() {
            let next = index + 1 < names.count ? names[index + 1] : nil
            let nextHeader = next.flatMap { ChangedLog.header(segments[$0] ?? [], segment: $0) }
            guard let bytes = segments[name], let header = ChangedLog.header(bytes, segment: name) else { continue }
            var crc = header.crc
            var batch = 0
            var sequence = name
            var offset = header.byteCount
            while let newline = bytes[offset...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(bytes[offset..<newline])
                let record = line.withUnsafeBytes { line -> (sequence: Int, batch: Int, crc: UInt32)? in
                    guard let record = LogRecord(line: line, segment: name, offset: 0),
                        LineTrailer.computed(line, seed: crc) == record.crc
                    else { return nil }
                    return (record.sequence, record.batch, record.crc)
                }
                guard let record, record.sequence == sequence, record.batch >= batch, sequence < next ?? .max else {
                    break
                }
                offset = newline + 1
                if let end = nextHeader?.header?.previous?.offset, offset > end { break }
                readable[sequence] = line
                (crc, batch, sequence) = (record.crc, record.batch, sequence + 1)
            }
        }
        return readable
    }

    private static func header(_ bytes: [UInt8], segment: Int) -> HeaderReading? {
        let start = Array(bytes.prefix(SegmentHeader.maximumBytes))
        let reading = try? HeaderReading.read(start, segment: segment, path: "")
        return reading?.header == nil ? nil : reading
    }

    private static let logs: [[Int: [UInt8]]] = {
        let (whole, _) = segment(1, previous: nil, batches: [2, 2, 1])
        let (first, end) = segment(1, previous: nil, batches: [1, 2])
        let previous = SegmentHeader.Previous(sequence: 3, offset: first.count, crc: end.crc)
        return [[1: []], [1: whole], [1: first, 4: segment(4, previous: previous, batches: [2], behind: 2).bytes]]
    }()

    private static func segment(
        _ sequence: Int,
        previous: SegmentHeader.Previous?,
        batches: [Int],
        behind lastBatch: Int = 0
    ) -> (bytes: [UInt8], end: (sequence: Int, crc: UInt32)) {
        let header = SegmentHeader(firstSequence: sequence, createdAt: time, previous: previous).encoded()
        var bytes = header.line
        var end = (sequence: sequence - 1, crc: header.crc)
        for (index, count) in batches.enumerated() {
            for _ in 0..<count {
                end.sequence += 1
                let entry = LogEntry(
                    receivedAt: time,
                    source: .webhook,
                    connection: "acme",
                    body: Array(#"{"id":"\#(end.sequence)"}"#.utf8)
                )
                let body = (try? RecordWriter.body(of: entry)) ?? []
                end.crc = RecordWriter.append(
                    sequence: end.sequence,
                    batch: lastBatch + index + 1,
                    body: body,
                    seed: end.crc,
                    to: &bytes
                )
            }
        }
        return (bytes, end)
    }

    private static func sealed(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        var crc: UInt32 = 0
        var start = 0
        while let newline = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            let line = Array(bytes[start..<newline])
            let stated = line.withUnsafeBytes { LineTrailer.crc(of: $0) }
            if stated == 0 {
                crc = line.withUnsafeBytes { LineTrailer.computed($0, seed: start == 0 ? seed(of: $0) : crc) }
                bytes.replaceSubrange(newline - 10..<newline - 2, with: Hex.string(crc).utf8)
            } else if let stated {
                crc = stated
            }
            start = newline + 1
        }
        return bytes
    }

    /// The checksum that a header's own is seeded with: that in its `previous`.
    private static func seed(of header: UnsafeRawBufferPointer) -> UInt32 {
        let start = Array(header) + [UInt8(ascii: "\n")]
        return (try? HeaderReading.read(start, segment: 1, path: ""))?.seed ?? 0
    }
}
