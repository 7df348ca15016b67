import Glibc
import Wire

/// Replaces the file of a sealed segment by a compressed one with the same content.
///
/// The plain file goes only once the other one is durable, has been read back and compared, and has its name. After a crash
/// at any instant one of them is there and whole; where both are, the plain one counts and is compressed again.
struct SegmentCompression {
    /// Larger ones save little, and more is lost with one that is damaged.
    static let frameBytes = 256 << 10

    enum Outcome {
        /// The size of the file that has taken its place.
        case compressed(Int)
        /// It is not to its last line what was written, and stays as it is.
        case left
        case cancelled
    }

    let directory: LogDirectory
    /// The directory, open.
    let descriptor: Int32
    var frameBytes = SegmentCompression.frameBytes

    private var fileSystem: any FileSystem { directory.fileSystem }

    /// - Parameters:
    ///   - segment: A plain one, to which nothing is written any more.
    ///   - successor: The next one, whose header is durable.
    ///   - mayGoOn: Asked now and then with the bytes of the segment that are done; false cancels.
    /// - Throws: ``LogError`` with code `unusable`; the segment is readable all the same.
    func compress(_ segment: Int, successor: Int, mayGoOn: (Int) -> Bool) throws(LogError) -> Outcome {
        let information = try directory.information(onSegment: segment)
        let next = try directory.information(onSegment: successor)
        guard let isWhole = try isWhole(information, successor: next, mayGoOn) else { return .cancelled }
        guard isWhole else { return .left }
        let path = directory.path(ofCompressedSegment: segment)
        do throws(SystemError) {
            guard let byteCount = try write(information, to: path, mayGoOn) else { return .cancelled }
            #if SABOTAGE
                if !Sabotage.plants("plain-removed-before-sync") { try fileSystem.synchronize(descriptor) }
            #else
                try fileSystem.synchronize(descriptor)
            #endif
            try fileSystem.remove(directory.path(ofSegment: segment))
            try fileSystem.synchronize(descriptor)
            return .compressed(byteCount)
        } catch {
            throw .unusable("A segment cannot be compressed", path: path, cause: error)
        }
    }

    /// Whether every line is as it was written, up to the end that the successor states; nil where it was cancelled.
    private func isWhole(
        _ information: SegmentInformation,
        successor: SegmentInformation,
        _ mayGoOn: (Int) -> Bool
    ) throws(LogError) -> Bool? {
        guard information.header != nil, let previous = successor.header?.previous else { return false }
        var walk = try SegmentWalk(information, successor: successor, in: directory)
        while let item = try walk.next() {
            guard case .record(let record) = item else { return false }
            if record.sequence % 1_000 == 0, !mayGoOn(0) { return nil }
        }
        return walk.chain.crc == previous.crc && walk.chain.offset == previous.offset
    }

    /// Writes the compressed file under its name; its size. Nil where it was cancelled.
    private func write(
        _ information: SegmentInformation,
        to path: String,
        _ mayGoOn: (Int) -> Bool
    ) throws(SystemError) -> Int? {
        let temporaryPath = path + LogDirectory.temporarySuffix
        // What stands there an earlier pass has not finished.
        try? fileSystem.remove(temporaryPath)
        do throws(SystemError) {
            let plain = try SegmentFile(information.segment, in: directory)
            guard let byteCount = try writeFrames(of: plain, information.size, to: temporaryPath, mayGoOn) else {
                try? fileSystem.remove(temporaryPath)
                return nil
            }
            var isSame = try isSame(temporaryPath, as: plain, information.size)
            #if SABOTAGE
                if Sabotage.plants("compressed-not-compared") { isSame = true }
            #endif
            guard isSame else { throw SystemError(call: "zstd", number: EIO) }
            try fileSystem.rename(temporaryPath, to: path)
            return byteCount
        } catch {
            try? fileSystem.remove(temporaryPath)
            throw error
        }
    }

    private func writeFrames(
        of plain: borrowing SegmentFile,
        _ size: Int,
        to path: String,
        _ mayGoOn: (Int) -> Bool
    ) throws(SystemError) -> Int? {
        let file = try fileSystem.open(path, .create)
        defer { fileSystem.close(file) }
        let writer = FrameWriter()
        var table = FrameTable()
        var byteCount = 0
        while table.contentCount < size {
            guard mayGoOn(table.contentCount) else { return nil }
            let offset = table.contentCount
            let count = contentCount(at: offset, of: size)
            let content = try plain.bytes(at: offset, count: count)
            guard content.count == count else { throw SystemError(call: "pread", number: EIO) }
            let end = offset + count == size ? count : SegmentCompression.end(of: content)
            let frame = content.withUnsafeBytes { writer.frame(UnsafeRawBufferPointer(rebasing: $0[..<end])) }
            try fileSystem.writeAll(file, frame, at: byteCount)
            byteCount += frame.count
            table.add(byteCount: frame.count, contentCount: end)
        }
        let encoded = table.encoded
        try fileSystem.writeAll(file, encoded, at: byteCount)
        try fileSystem.synchronize(file)
        return byteCount + encoded.count
    }

    /// How much is looked at for the frame that starts at `offset`. The first one and the last are small: a start of the log
    /// reads these of every segment.
    private func contentCount(at offset: Int, of size: Int) -> Int {
        let small = min(frameBytes, 32 << 10)
        let rest = size - offset
        if offset == 0 { return min(rest, small) }
        if rest <= small * 3 / 2 { return rest }
        return min(rest - small, frameBytes)
    }

    /// Where a frame ends: before a line's trailer, so that the trailer proves what stands behind the frame where this cannot
    /// be unpacked.
    private static func end(of content: [UInt8]) -> Int {
        let trailerBytes = LineTrailer.byteCount
        if let newline = content.lastIndex(of: UInt8(ascii: "\n")), newline > max(content.count / 2, trailerBytes) {
            return newline - trailerBytes
        }
        // In a long line: nowhere near the end that may follow.
        return content.count > 2 * trailerBytes ? content.count - trailerBytes - 1 : content.count
    }

    private func isSame(_ path: String, as plain: borrowing SegmentFile, _ size: Int) throws(SystemError) -> Bool {
        let compressed = try SegmentFile(compressedAt: path, fileSystem: fileSystem)
        guard try compressed.size() == size else { return false }
        var offset = 0
        while offset < size {
            let count = min(LineReader.chunkBytes, size - offset)
            let bytes = try plain.bytes(at: offset, count: count)
            guard bytes.count == count, try compressed.bytes(at: offset, count: count) == bytes else { return false }
            offset += count
        }
        return true
    }
}
