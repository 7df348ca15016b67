import Foundation

/// What one `fdatasync` of the disk costs, for scale: a record's bytes are appended to a file and synced, one at a time.
enum DiskProbe {
    static let byteCount = 2048

    /// The times of `count` syncs, in milliseconds. Blocks.
    /// - Parameters:
    ///   - rate: so many a second; nil: one after the other.
    ///   - isGrowing: whether the bytes go to the end of the file; else they are written over others, so that a sync has
    ///     no new length to make durable.
    static func times(
        in directory: String,
        count: Int = 100,
        perSecond rate: Int? = nil,
        isGrowing: Bool = true
    ) throws -> [Double] {
        let path = "\(directory)/sync-\(UUID().uuidString)"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw BenchFailure("\(path) cannot be made") }
        defer {
            close(descriptor)
            unlink(path)
        }
        let bytes = [UInt8](repeating: 0x61, count: byteCount)
        if !isGrowing {
            for _ in 0..<count { _ = write(descriptor, bytes, bytes.count) }
            fsync(descriptor)
            lseek(descriptor, 0, SEEK_SET)
        }
        var times: [Double] = []
        let start = DispatchTime.now().uptimeNanoseconds
        for index in 0..<count {
            if let rate {
                let due = start + UInt64(index) * 1_000_000_000 / UInt64(rate)
                let now = DispatchTime.now().uptimeNanoseconds
                if due > now { usleep(UInt32((due - now) / 1000)) }
            }
            guard write(descriptor, bytes, bytes.count) == bytes.count else { throw BenchFailure("\(path): no room") }
            let begin = DispatchTime.now().uptimeNanoseconds
            guard fdatasync(descriptor) == 0 else { throw BenchFailure("\(path) cannot be synced") }
            times.append(Double(DispatchTime.now().uptimeNanoseconds - begin) / 1_000_000)
        }
        return times
    }
}
