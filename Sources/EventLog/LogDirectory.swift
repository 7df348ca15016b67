import Wire

/// The directory of the log: which files it has and how they are called.
struct LogDirectory: Sendable {
    static let segmentSuffix = ".ndjson"
    /// Behind the name of a segment that is compressed.
    static let compressedSuffix = ".zst"
    static let temporarySuffix = ".tmp"
    /// Torn tails are copied into this directory.
    static let asideName = "aside"

    let path: String
    let fileSystem: any FileSystem
    /// Segments that are read elsewhere than under their names.
    var standIns: [Int: SegmentStandIn] = [:]

    init(path: String, fileSystem: any FileSystem) {
        self.path = path
        self.fileSystem = fileSystem
    }

    /// `00000000000000000001.ndjson`, so that a listing is in order.
    static func name(ofSegment segment: Int) -> String {
        let digits = String(segment)
        return String(repeating: "0", count: max(0, 20 - digits.utf8.count)) + digits + segmentSuffix
    }

    /// The first sequence that a segment's name states; nil for any other name.
    static func segment(named name: String) -> Int? {
        guard name.hasSuffix(segmentSuffix), name.utf8.count == 20 + segmentSuffix.utf8.count else { return nil }
        let digits = name.utf8.prefix(20)
        guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let segment = Int(String(decoding: digits, as: UTF8.self)), segment > 0
        else { return nil }
        return segment
    }

    func path(ofSegment segment: Int) -> String {
        "\(path)/\(LogDirectory.name(ofSegment: segment))"
    }

    func path(ofCompressedSegment segment: Int) -> String { path(ofSegment: segment) + LogDirectory.compressedSuffix }

    static func name(ofCompressedSegment segment: Int) -> String { name(ofSegment: segment) + compressedSuffix }

    /// The names in the directory.
    func names() throws(LogError) -> [String] {
        do throws(SystemError) {
            return try fileSystem.names(in: path)
        } catch {
            throw .unusable("The log's directory cannot be listed", path: path, cause: error)
        }
    }

    /// The segments by their first sequences, in order, plain and compressed.
    ///
    /// Listed twice: a listing need not show a name that is new nor one that goes, so that a segment which is just being
    /// compressed could be missing in it. The second one shows what that has become.
    func segments() throws(LogError) -> [Int] {
        var segments = Set(standIns.keys)
        for _ in 1...2 {
            for name in try names() {
                let isCompressed = name.hasSuffix(LogDirectory.compressedSuffix)
                let plain = isCompressed ? String(name.dropLast(LogDirectory.compressedSuffix.utf8.count)) : name
                if let segment = LogDirectory.segment(named: plain) { segments.insert(segment) }
            }
        }
        return segments.sorted()
    }

    /// What a segment's size and first line say.
    func information(onSegment segment: Int) throws(LogError) -> SegmentInformation {
        let path = path(ofSegment: segment)
        let size: Int
        let compressedSize: Int?
        let start: [UInt8]
        do throws(SystemError) {
            let file = try SegmentFile(segment, in: self)
            size = try file.size()
            compressedSize = file.isCompressed ? try file.storedSize() : nil
            start = try file.bytes(at: 0, count: min(size, SegmentHeader.maximumBytes))
        } catch {
            throw .unusable("A segment cannot be read", path: path, cause: error)
        }
        return SegmentInformation(
            segment: segment,
            size: size,
            compressedSize: compressedSize,
            reading: try HeaderReading.read(start, segment: segment, path: path)
        )
    }
}

/// A segment as it was found.
struct SegmentInformation: Sendable {
    /// Its first sequence, by its name.
    let segment: Int
    /// In bytes, as it is where it is plain.
    let size: Int
    /// The size of the compressed file; nil: it is plain.
    let compressedSize: Int?
    let reading: HeaderReading

    var header: SegmentHeader? { reading.header }
}

extension HeaderReading {
    static func read(_ start: [UInt8], segment: Int, path: String) throws(LogError) -> HeaderReading {
        let outcome = start.withUnsafeBytes { bytes -> Result<HeaderReading, LogError> in
            do throws(LogError) { return .success(try read(bytes, segment: segment, path: path)) } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }
}
