import Glibc

/// A segment that is put together from what two logs have of it, and reads as if it were a file.
struct SegmentPieces: Sendable {
    private struct Piece {
        var isFromCopy: Bool
        /// The bytes of that segment's content.
        var range: Range<Int>
        /// Where they stand here.
        var offset: Int
    }

    let segment: Int
    private let log: LogDirectory
    private let copy: LogDirectory?
    private var pieces: [Piece] = []
    private(set) var byteCount = 0
    /// What a reading of it has to show.
    private(set) var crcs: [UInt32] = []
    private(set) var damageCount = 0
    /// Its records that the log lacks.
    private(set) var gainedCount = 0

    /// - Parameters:
    ///   - log: As it is on the disk.
    ///   - copy: Nil where nothing is taken from one.
    init(_ segment: Int, log: LogDirectory, copy: LogDirectory?) {
        self.segment = segment
        self.log = log
        self.copy = copy
    }

    mutating func append(_ range: Range<Int>, fromCopy isFromCopy: Bool) {
        guard !range.isEmpty else { return }
        if let last = pieces.last, last.isFromCopy == isFromCopy, last.range.upperBound == range.lowerBound {
            pieces[pieces.count - 1].range = last.range.lowerBound..<range.upperBound
        } else {
            pieces.append(Piece(isFromCopy: isFromCopy, range: range, offset: byteCount))
        }
        byteCount += range.count
    }

    /// Notes how it reads.
    mutating func expect(_ reading: SegmentReading, gained: Int) {
        crcs = reading.crcs
        damageCount = reading.places.count
        gainedCount = gained
    }

    /// The pieces with their files open.
    final class Content {
        private let segment: SegmentPieces
        private let original: SegmentFile?
        private let copy: SegmentFile?

        init(_ segment: SegmentPieces) throws(SystemError) {
            self.segment = segment
            let isOriginalUsed = segment.pieces.contains { !$0.isFromCopy }
            original = isOriginalUsed ? try SegmentFile(segment.segment, in: segment.log) : nil
            if let directory = segment.copy, segment.pieces.contains(where: \.isFromCopy) {
                copy = try SegmentFile(segment.segment, in: directory)
            } else {
                copy = nil
            }
        }

        var byteCount: Int { segment.byteCount }

        /// Reads until `buffer` is full or the segment ends; the bytes read.
        func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(SystemError) -> Int {
            var done = 0
            for piece in segment.pieces where piece.offset + piece.range.count > offset {
                guard done < buffer.count else { break }
                let skipped = offset + done - piece.offset
                let count = min(buffer.count - done, piece.range.count - skipped)
                let room = UnsafeMutableRawBufferPointer(rebasing: buffer[done..<(done + count)])
                let start = piece.range.lowerBound + skipped
                let read =
                    piece.isFromCopy ? try copy?.read(into: room, at: start) : try original?.read(into: room, at: start)
                // A file that was whole when it was looked at.
                guard read == count else { throw SystemError(call: "pread", number: EIO) }
                done += count
            }
            return done
        }
    }
}
