import Wire

/// How far reading backwards came.
public struct BackwardReading: Hashable, Sendable {
    /// Every record from this number on has been delivered, or reported as damaged.
    public var searchedTo: Int
    public var bytesRead: Int
}

extension LogReader {
    /// Calls `body` for each record before `sequence`, the newest first, and in its place for each damage that cost records.
    ///
    /// What is checked: each line by its form, its number and its checksum, which the line before it seeds; so that the
    /// chain is followed from `end` downwards, and through each segment's header from the end that the next one states. A
    /// segment in which any of this fails is read forwards as a whole, so that what is delivered and reported of it is what
    /// ``read(after:through:_:)`` says. What is not checked: where reading begins inside a segment, that its newest line is
    /// the one which those behind it were written after; and lines that are not read.
    ///
    /// Memory: a few MiB, and a line; in a damaged segment, a few bytes more for each record.
    ///
    /// - Parameters:
    ///   - sequence: Nil: from the end.
    ///   - end: The last record to read, as the log gave it out.
    ///   - floor: The last record that is not wanted.
    ///   - mayGoOn: Asked with the bytes read so far, after each record that was delivered and between segments, in a
    ///     damaged segment only behind it; false stops.
    ///   - body: Returns false to stop. A record is valid only during the call.
    /// - Throws: ``LogError`` with code `unusable` where a file cannot be read, and what `body` throws.
    public func readBackward(
        before sequence: Int? = nil,
        through end: LogPosition,
        after floor: Int = 0,
        mayGoOn: (Int) -> Bool = { _ in true },
        _ body: (LogItem) throws -> Bool
    ) throws -> BackwardReading {
        let upper = max(min(sequence ?? .max, end.sequence + 1), floor + 1)
        var pass = BackwardPass(directory: directory, end: end, floor: floor, upper: upper)
        guard upper > floor + 1 else { return pass.reading }
        let segments = try directory.segments().filter { $0 <= end.segment }
        var successor: SegmentInformation?
        for segment in segments.reversed() {
            // Those behind are needed by none; of the next one only the header is.
            if segment >= upper {
                successor = nil
                continue
            }
            let information = try directory.information(onSegment: segment)
            if successor == nil, let next = segments.first(where: { $0 > segment }) {
                successor = try directory.information(onSegment: next)
            }
            guard try pass.read(information, successor: successor, mayGoOn, body) else { return pass.reading }
            successor = information
        }
        if let first = segments.first, first != 1, pass.upper > floor + 1 {
            _ = try body(.damage(LogReader.missing(before: try directory.information(onSegment: first))))
        }
        pass.upper = floor + 1
        return pass.reading
    }
}

/// Reads segments backwards, each in its place between its neighbours.
private struct BackwardPass {
    let directory: LogDirectory
    let end: LogPosition
    let floor: Int
    /// All from here on has been looked at.
    var upper: Int
    var bytesRead = 0

    init(directory: LogDirectory, end: LogPosition, floor: Int, upper: Int) {
        self.directory = directory
        self.end = end
        self.floor = floor
        self.upper = upper
    }

    var reading: BackwardReading { BackwardReading(searchedTo: upper, bytesRead: bytesRead) }

    /// False where there is to be no more.
    mutating func read(
        _ information: SegmentInformation,
        successor: SegmentInformation?,
        _ mayGoOn: (Int) -> Bool,
        _ body: (LogItem) throws -> Bool
    ) throws -> Bool {
        let (isWhole, goesOn) = try readLines(information, successor: successor, mayGoOn, body)
        if !isWhole {
            guard try readForwards(information, successor: successor, mayGoOn, body) else { return false }
        } else if !goesOn {
            return false
        }
        upper = max(min(upper, information.segment), floor + 1)
        return upper > floor + 1 && mayGoOn(bytesRead)
    }

    /// Not whole where something is not as it was written; then, what is left is to be read in another way.
    private mutating func readLines(
        _ information: SegmentInformation,
        successor: SegmentInformation?,
        _ mayGoOn: (Int) -> Bool,
        _ body: (LogItem) throws -> Bool
    ) throws -> (isWhole: Bool, goesOn: Bool) {
        let segment = information.segment
        guard information.header != nil, let last = try segmentEnd(information, successor: successor),
            var next = try directory.start(
                before: upper,
                inSegment: segment,
                headerBytes: information.reading.byteCount,
                last: last
            )
        else { return (false, true) }
        var lines = try BackwardLines(segment, in: directory, before: next.offset)
        let bytesBefore = bytesRead
        var batch = Int.max
        while let line = try lines.next() {
            bytesRead = bytesBefore + lines.bytesRead
            guard let record = LogRecord(line: line.bytes, segment: segment, offset: line.offset), let seed = line.seed,
                record.sequence == next.sequence, record.crc == next.crc ?? record.crc, record.batch <= batch,
                LineTrailer.computed(line.bytes, seed: seed) == record.crc
            else { return (false, true) }
            next.sequence -= 1
            next.crc = seed
            batch = record.batch
            guard record.sequence < upper else { continue }
            upper = record.sequence
            guard try body(.record(record)), upper > floor + 1, mayGoOn(bytesRead) else { return (true, false) }
        }
        // Its header is the seed of the first record.
        return (next.sequence == segment - 1 && next.crc ?? information.reading.crc == information.reading.crc, true)
    }

    /// Where the segment ends by the log's end or its successor; nil where that does not fit.
    private func segmentEnd(
        _ information: SegmentInformation,
        successor: SegmentInformation?
    ) throws(LogError) -> BackwardStart? {
        if information.segment == end.segment {
            guard end.offset <= information.size else { return nil }
            return BackwardStart(offset: end.offset, sequence: end.sequence, crc: end.crc)
        }
        guard let successor, let previous = successor.header?.previous,
            try directory.looksWhole(information, successor: successor)
        else { return nil }
        return BackwardStart(offset: previous.offset, sequence: previous.sequence, crc: previous.crc)
    }

    private enum Place {
        case record(sequence: Int, offset: Int, byteCount: Int)
        case damage(LogDamage)
    }

    /// Notes where the good records are, as reading forwards finds them, and delivers them from the last on.
    private mutating func readForwards(
        _ information: SegmentInformation,
        successor: SegmentInformation?,
        _ mayGoOn: (Int) -> Bool,
        _ body: (LogItem) throws -> Bool
    ) throws -> Bool {
        let places = try places(in: information, successor: successor)
        bytesRead += information.size
        let path = directory.path(ofSegment: information.segment)
        let file: SegmentFile
        do throws(SystemError) { file = try SegmentFile(information.segment, in: directory) } catch {
            throw LogError.unusable("A segment cannot be read", path: path, cause: error)
        }
        for place in places.reversed() {
            switch place {
            case .damage(let damage):
                guard damage.sequences.map({ $0.lowerBound < upper }) ?? true else { continue }
                // What it cost has been looked at, as far as that can be.
                if let first = damage.sequences?.lowerBound { upper = max(first, floor + 1) }
                guard try body(.damage(damage)) else { return false }
            case .record(let sequence, let offset, let byteCount):
                guard sequence < upper else { continue }
                upper = sequence
                let bytes: [UInt8]
                do throws(SystemError) {
                    bytes = try file.bytes(at: offset, count: byteCount)
                } catch {
                    throw LogError.unusable("A segment cannot be read", path: path, cause: error)
                }
                let goesOn = try bytes.withUnsafeBytes { bytes in
                    let record = LogRecord(line: bytes, segment: information.segment, offset: offset)
                    return try record.map { try body(.record($0)) } ?? true
                }
                // The whole segment was read for the first of them: who reads may go on is asked behind it.
                guard goesOn else { return false }
            }
            guard upper > floor + 1 else { return false }
        }
        return true
    }

    private func places(
        in information: SegmentInformation,
        successor: SegmentInformation?
    ) throws(LogError) -> [Place] {
        var range = SegmentWalk.Range()
        if information.segment == end.segment { range.end = end }
        var walk = try SegmentWalk(information, successor: successor, in: directory, range: range)
        var places: [Place] = []
        while let item = try walk.next() {
            switch item {
            case .record(let record):
                places.append(
                    .record(sequence: record.sequence, offset: record.offset, byteCount: record.line.count)
                )
            case .damage(let damage), .tornTail(let damage): places.append(.damage(damage))
            }
        }
        if let tail = walk.tail { places.append(.damage(try walk.damage(of: tail))) }
        return places
    }
}
