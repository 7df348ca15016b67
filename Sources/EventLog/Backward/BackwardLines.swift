import Glibc
import Wire

/// Reads a segment's lines from a byte position backwards, the line before it first, in chunks.
struct BackwardLines: ~Copyable {
    struct Line {
        /// Without the newline; valid until the next line is read.
        let bytes: UnsafeRawBufferPointer
        /// Where the line starts in the segment.
        let offset: Int
        /// The checksum that the line before it states: what this one's is seeded with. Nil where none stands there.
        let seed: UInt32?
    }

    /// The tail of a log is a few chunks; a search soon reads in large ones.
    private static let firstChunkBytes = 64 << 10
    private static let largestChunkBytes = 1 << 20
    /// The end of a line: its trailer and its newline.
    private static let endBytes = LineTrailer.byteCount + 1

    private let file: SegmentFile
    private let path: String
    /// Holds the segment's bytes from `start` on, of which those before `cursor` have not been handed out.
    private var buffer: UnsafeMutableRawBufferPointer
    private var start: Int
    private var cursor = 0
    private var chunkBytes = BackwardLines.firstChunkBytes
    private(set) var bytesRead = 0

    /// - Parameter limit: Just after the newline of the first line to be read.
    init(_ segment: Int, in directory: LogDirectory, before limit: Int) throws(LogError) {
        path = directory.path(ofSegment: segment)
        do throws(SystemError) {
            file = try SegmentFile(segment, in: directory)
        } catch {
            throw .unusable("A segment cannot be read", path: path, cause: error)
        }
        start = limit
        buffer = .allocate(byteCount: 0, alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// The line before the last one given; nil where that was the line behind the segment's first one, which is the
    /// header. Where the bytes end in no newline the line is one that no record has.
    mutating func next() throws(LogError) -> Line? {
        var searched = cursor
        while true {
            // The last byte is the newline of the line itself.
            let newline = BackwardLines.lastNewline(in: buffer[..<min(searched, max(0, cursor - 1))])
            if let newline {
                let lineStart = newline + 1
                if lineStart >= BackwardLines.endBytes || start == 0 { return take(from: lineStart) }
                searched = lineStart
            } else {
                guard start > 0 else { return nil }
                searched = 0
            }
            let added = try fill()
            searched = added + searched
        }
    }

    private mutating func take(from lineStart: Int) -> Line {
        let before = UnsafeRawBufferPointer(rebasing: buffer[..<(lineStart - 1)])
        let isComplete = buffer[cursor - 1] == 0x0a
        // Reading forwards takes no checksum from a line that is shorter than its own end.
        let isBroken = before.suffix(LineTrailer.byteCount).contains(0x0a)
        let line = Line(
            bytes: UnsafeRawBufferPointer(rebasing: buffer[lineStart..<(isComplete ? cursor - 1 : cursor)]),
            offset: start + lineStart,
            seed: isComplete && !isBroken ? LineTrailer.digits(of: before) : nil
        )
        cursor = lineStart
        return line
    }

    /// Eight bytes at a time: this is `memrchr`, which is not among the functions that Glibc's module shows.
    private static func lastNewline(in bytes: Slice<UnsafeMutableRawBufferPointer>) -> Int? {
        let buffer = UnsafeRawBufferPointer(bytes.base)
        var end = bytes.endIndex
        while end >= 8 {
            let word = buffer.loadUnaligned(fromByteOffset: end &- 8, as: UInt64.self) ^ 0x0a0a_0a0a_0a0a_0a0a
            // Zero unless one of the bytes is zero.
            if (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080 != 0 { break }
            end &-= 8
        }
        while end > 0 {
            end &-= 1
            if buffer[end] == 0x0a { return end }
        }
        return nil
    }

    /// Puts the chunk before what is there still in front of it; its size.
    private mutating func fill() throws(LogError) -> Int {
        let count = min(chunkBytes, start)
        let begun = cursor
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: count + cursor, alignment: 16)
        larger.baseAddress!.advanced(by: count).copyMemory(
            from: buffer.baseAddress ?? larger.baseAddress!,
            byteCount: cursor
        )
        buffer.deallocate()
        buffer = larger
        do throws(SystemError) {
            let room = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            guard try file.read(into: room, at: start - count) == count else {
                throw SystemError(call: "pread", number: EIO)
            }
        } catch {
            throw LogError(
                code: .unusable,
                message: "A segment cannot be read",
                path: path,
                offset: start - count,
                cause: error,
                hint: "Check the disk; a copy of the segment can take its place"
            )
        }
        start -= count
        cursor += count
        bytesRead += count
        // The start of a line longer than a chunk is reached in few steps, whatever its length.
        chunkBytes = max(min(chunkBytes * 2, BackwardLines.largestChunkBytes), begun * 2)
        return count
    }
}
