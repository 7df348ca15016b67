import Wire

/// What is to be overwritten on the log so that texts are gone from it. Nothing of it is personal: it holds what comes,
/// not what was.
public struct ErasurePlan: Sendable {
    /// A record's line on the log, and what is known of it before and after.
    struct Line: Hashable, Sendable {
        var segment: Int
        /// Where it starts in the segment.
        var start: Int
        /// Its bytes without the newline.
        var count: Int
        /// The checksum that it states, of itself and of all before it.
        var crc: UInt32
        /// The checksum of its own bytes before the trailer.
        var checksum: UInt32
    }

    /// Bytes that differ, and where they go.
    struct Patch: Hashable, Sendable {
        var line: Line
        /// From the line's start.
        var offset: Int
        var bytes: [UInt8]
    }

    var patches: [Patch] = []
    /// Records that are overwritten, by connection.
    public internal(set) var recordCounts: [String: Int] = [:]
    /// Sequences of records that hold what is to be erased and cannot be overwritten with the same checksum.
    public internal(set) var keptSequences: [Int] = []
    /// Places that cannot be read and so were not searched.
    public internal(set) var damages: [LogDamage] = []

    public var recordCount: Int { recordCounts.values.reduce(0, +) }

    public var segmentCount: Int { Set(patches.map(\.line.segment)).count }

    /// Searches the whole log. Blocking.
    ///
    /// - Parameter find: What is to be erased of a record with this body; nil: nothing.
    /// - Throws: ``LogError`` where a file cannot be read, and what `find` throws.
    public init(
        directory: String,
        fileSystem: any FileSystem = PosixFileSystem(),
        find: (LogRecord, UnsafeRawBufferPointer) throws -> RecordErasure?
    ) throws {
        var plan = ErasurePlan()
        _ = try LogReader(directory: directory, fileSystem: fileSystem).read(after: nil) { item in
            switch item {
            case .record(let record):
                guard let erasure = try record.withBody({ try find(record, $0) }), !erasure.texts.isEmpty else { break }
                if let line = record.erased(erasure) {
                    plan.recordCounts[record.connection, default: 0] += 1
                    plan.add(line, over: record)
                } else {
                    plan.keptSequences.append(record.sequence)
                }
            case .damage(let damage), .tornTail(let damage):
                plan.damages.append(damage)
            }
            return true
        }
        self = plan
    }

    init() {}

    private mutating func add(_ line: [UInt8], over record: LogRecord) {
        let place = Line(
            segment: record.position.segment,
            start: record.offset,
            count: line.count,
            crc: record.crc,
            checksum: LineTrailer.computed(record.line, seed: 0)
        )
        var index = 0
        while index < line.count {
            guard line[index] != record.line[index] else {
                index += 1
                continue
            }
            let start = index
            while index < line.count, line[index] != record.line[index] { index += 1 }
            patches.append(Patch(line: place, offset: start, bytes: Array(line[start..<index])))
        }
    }
}

/// The form of a plan in a file: a line for each patch, `{"segment","start","count","crc","checksum","offset","bytes"}` with
/// the bytes in hex, and at the end `{"patches","crc"}`, the CRC-32C of all lines before.
extension ErasurePlan {
    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        var json = JSONWriter()
        for patch in patches {
            json.removeAll()
            json.object { json in
                json.member("segment", patch.line.segment)
                json.member("start", patch.line.start)
                json.member("count", patch.line.count)
                json.member("crc", Int(patch.line.crc))
                json.member("checksum", Int(patch.line.checksum))
                json.member("offset", patch.offset)
                json.member("bytes", Hex.encode(patch.bytes))
            }
            bytes += json.bytes + [UInt8(ascii: "\n")]
        }
        let crc = CRC32C.checksum(bytes)
        json.removeAll()
        json.object { json in
            json.member("patches", patches.count)
            json.member("crc", Hex.string(crc))
        }
        return bytes + json.bytes + [UInt8(ascii: "\n")]
    }

    /// Nil where the bytes are no whole plan.
    init?(encoded: [UInt8]) {
        self.init()
        let lines = encoded.split(separator: UInt8(ascii: "\n"))
        guard let last = lines.last, encoded.last == UInt8(ascii: "\n") else { return nil }
        for line in lines.dropLast() {
            guard let patch = ErasurePlan.members(of: line), let bytes = patch.text.flatMap({ Hex.decode($0.utf8) }),
                let place = Line(patch.numbers), let offset = patch.numbers["offset"]
            else { return nil }
            patches.append(Patch(line: place, offset: offset, bytes: bytes))
        }
        guard let end = ErasurePlan.members(of: last), end.numbers["patches"] == patches.count,
            end.text == Hex.string(CRC32C.checksum(Array(encoded[..<last.startIndex])))
        else { return nil }
    }

    /// The numbers of an object by name, and its one text.
    private static func members(of line: ArraySlice<UInt8>) -> (numbers: [String: Int], text: String?)? {
        line.withUnsafeBytes { bytes in
            var numbers: [String: Int] = [:]
            var text: String?
            do throws(JSONError) {
                var scanner = try JSONScanner(bytes)
                guard var walk = try scanner.enterObject() else { return nil }
                while let name = try scanner.nextMember(&walk) {
                    if try scanner.kind() == .string {
                        text = try scanner.text().string(in: bytes)
                    } else if let number = try scanner.integerOrSkip() {
                        numbers[name.string(in: bytes)] = Int(number)
                    }
                }
                try scanner.finish()
            } catch {
                return nil
            }
            return (numbers, text)
        }
    }
}

extension ErasurePlan.Line {
    fileprivate init?(_ numbers: [String: Int]) {
        guard let segment = numbers["segment"], let start = numbers["start"], let count = numbers["count"],
            let crc = numbers["crc"].flatMap(UInt32.init(exactly:)),
            let checksum = numbers["checksum"].flatMap(UInt32.init(exactly:))
        else { return nil }
        self.init(segment: segment, start: start, count: count, crc: crc, checksum: checksum)
    }
}
