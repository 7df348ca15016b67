import Glibc

/// Reads a segment line by line in large chunks, from one byte position up to another.
struct LineReader: ~Copyable {
    struct Line {
        /// Without the newline; valid until the next line is read.
        let bytes: UnsafeRawBufferPointer
        /// Where the line starts in the segment.
        let offset: Int
        /// Whether a newline ends it; false only for what stands last before the limit.
        let isComplete: Bool

        /// Just after the newline.
        var end: Int { offset + bytes.count + (isComplete ? 1 : 0) }
    }

    static let chunkBytes = 1 << 18

    private let file: SegmentFile
    private let path: String
    private var limit: Int
    private var buffer: UnsafeMutableRawBufferPointer
    /// The bytes of the buffer that hold file content not yet handed out: `cursor..<filled`.
    private var cursor = 0
    private var filled = 0
    /// How many of them are known to hold no newline.
    private var searched = 0
    /// The file position of `filled`.
    private var position: Int

    init(_ segment: Int, in directory: LogDirectory, from offset: Int, to limit: Int) throws(LogError) {
        path = directory.path(ofSegment: segment)
        do throws(SystemError) {
            file = try SegmentFile(segment, in: directory)
        } catch {
            throw .unusable("A segment cannot be read", path: path, cause: error)
        }
        self.limit = limit
        position = offset
        let capacity = max(4096, min(LineReader.chunkBytes, limit - offset))
        buffer = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// The next line; nil at the limit.
    mutating func next() throws(LogError) -> Line? {
        while true {
            let start = buffer.baseAddress! + cursor
            if let newline = memchr(start + searched, 0x0a, filled - cursor - searched) {
                let count = UnsafeRawPointer(newline) - UnsafeRawPointer(start)
                return take(count, isComplete: true)
            }
            searched = filled - cursor
            guard position < limit else { return searched > 0 ? take(searched, isComplete: false) : nil }
            try fill()
        }
    }

    private mutating func take(_ count: Int, isComplete: Bool) -> Line {
        let line = Line(
            bytes: UnsafeRawBufferPointer(rebasing: buffer[cursor..<(cursor + count)]),
            offset: position - (filled - cursor),
            isComplete: isComplete
        )
        cursor += count + (isComplete ? 1 : 0)
        searched = 0
        return line
    }

    private mutating func fill() throws(LogError) {
        if cursor > 0 {
            memmove(buffer.baseAddress!, buffer.baseAddress! + cursor, filled - cursor)
            filled -= cursor
            cursor = 0
        }
        if filled == buffer.count {
            let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count * 2, alignment: 16)
            larger.copyMemory(from: UnsafeRawBufferPointer(buffer))
            buffer.deallocate()
            buffer = larger
        }
        let end = min(buffer.count, filled + limit - position)
        do throws(SystemError) {
            let room = UnsafeMutableRawBufferPointer(rebasing: buffer[filled..<end])
            let count = try file.read(into: room, at: position)
            filled += count
            position += count
            // The file has been cut since it was measured.
            if count < room.count { limit = position }
        } catch {
            throw LogError(
                code: .unusable,
                message: "A segment cannot be read",
                path: path,
                offset: position,
                cause: error,
                hint: "Check the disk; a copy of the segment can take its place"
            )
        }
    }
}
