import Glibc
import Wire

/// What can be told of the line that ends at a byte position, without reading the segment up to there.
struct LineEnd {
    /// Where the line starts.
    var start: Int
    /// The checksum that it states.
    var crc: UInt32?
    /// The numbers at its start; nil on a header, and where they cannot be read.
    var sequence: Int?
    var batch: Int?
    var receivedAt: Timestamp?
}

extension LogDirectory {
    /// The line whose newline stands just before `offset`; nil where none does.
    func lineEnd(inSegment segment: Int, at offset: Int) throws(LogError) -> LineEnd? {
        let path = path(ofSegment: segment)
        do throws(SystemError) {
            let file = try SegmentFile(segment, in: self)
            guard offset > 0, try file.size() >= offset else { return nil }
            var reach = 16 << 10
            while true {
                let start = max(0, offset - reach)
                let bytes = try file.bytes(at: start, count: offset - start)
                guard bytes.count == offset - start, bytes.last == UInt8(ascii: "\n") else { return nil }
                let newline = bytes.dropLast().lastIndex(of: UInt8(ascii: "\n"))
                if newline != nil || start == 0 {
                    let first = newline.map { $0 + 1 } ?? 0
                    return bytes.withUnsafeBytes { pointer in
                        let line = UnsafeRawBufferPointer(rebasing: pointer[first..<(bytes.count - 1)])
                        return LineEnd(line, segment: segment, start: start + first)
                    }
                }
                reach *= 4
            }
        } catch  where error.number == ENOENT {
            return nil
        } catch {
            throw .unusable("A segment cannot be read", path: path, cause: error)
        }
    }

    /// How many lines end in the first `offset` bytes of a segment.
    func lineCount(inSegment segment: Int, upTo offset: Int) throws(LogError) -> Int {
        var lines = try LineReader(segment, in: self, from: 0, to: offset)
        var count = 0
        while let line = try lines.next() { count += line.isComplete ? 1 : 0 }
        return count
    }
}

extension LineEnd {
    fileprivate init(_ line: UnsafeRawBufferPointer, segment: Int, start: Int) {
        self.start = start
        crc = LineTrailer.crc(of: line)
        var cursor = LineCursor(line)
        if cursor.skip("{\"sequence\":"), let sequence = cursor.number(), cursor.skip(",\"batch\":"),
            let batch = cursor.number()
        {
            self.sequence = sequence
            self.batch = batch
        }
        receivedAt = LogRecord(line: line, segment: segment, offset: start)?.receivedAt
    }
}
