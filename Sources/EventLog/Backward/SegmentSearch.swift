import Glibc
import Wire

/// Where reading a segment backwards begins.
struct BackwardStart {
    /// Just after the newline of the first line to be read.
    var offset: Int
    /// The number of the record on that line.
    var sequence: Int
    /// The checksum that the line has to state; nil where it is not known.
    var crc: UInt32?
}

extension LogDirectory {
    /// A place in a segment shortly behind the last record before `sequence`, found by halving: a few small reads instead
    /// of all that stands behind it.
    ///
    /// - Parameters:
    ///   - last: The segment's end.
    ///   - headerBytes: Where its first record starts.
    /// - Returns: `last` where nothing nearer was found; nil where the lines that were looked at are not in order.
    func start(
        before sequence: Int,
        inSegment segment: Int,
        headerBytes: Int,
        last: BackwardStart
    ) throws(LogError) -> BackwardStart? {
        guard sequence <= last.sequence else { return last }
        let path = path(ofSegment: segment)
        do throws(SystemError) {
            let file = try SegmentFile(segment, in: self)
            var low = headerBytes
            var found = last
            while found.offset - low > 64 << 10 {
                let middle = (low + found.offset) / 2
                guard let line = try lineStart(file, from: middle, to: found.offset) else { break }
                guard let number = line.sequence, (segment...last.sequence).contains(number) else { return nil }
                if number >= sequence {
                    // The line before it is the first to be read.
                    found = BackwardStart(offset: line.offset, sequence: number - 1, crc: nil)
                } else {
                    low = line.offset
                }
            }
            return found
        } catch {
            throw .unusable("A segment cannot be read", path: path, cause: error)
        }
    }

    /// The first line that starts behind `offset` and before `limit`; nil where none does. No body can put a record's
    /// start there, since none holds a newline.
    private func lineStart(
        _ file: borrowing SegmentFile,
        from offset: Int,
        to limit: Int
    ) throws(SystemError) -> (offset: Int, sequence: Int?)? {
        var reach = 4 << 10
        while true {
            let bytes = try file.bytes(at: offset, count: min(reach, limit - offset))
            if let newline = bytes.firstIndex(of: 0x0a), newline + 1 + 64 <= bytes.count || bytes.count < reach {
                guard offset + newline + 1 < limit else { return nil }
                let sequence = bytes.withUnsafeBytes { bytes -> Int? in
                    var cursor = LineCursor(UnsafeRawBufferPointer(rebasing: bytes[(newline + 1)...]))
                    return cursor.skip("{\"sequence\":") ? cursor.number() : nil
                }
                return (offset + newline + 1, sequence)
            }
            guard bytes.count == reach else { return nil }
            reach *= 4
        }
    }
}
