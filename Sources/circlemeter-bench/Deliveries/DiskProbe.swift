import Foundation

/// What one `fdatasync` of the disk costs, for scale: a record's bytes are appended to a file and synced, one at a time.
enum DiskProbe {
    static let byteCount = 2048

    /// The median of `count` syncs, in milliseconds. Blocks.
    static func milliseconds(in directory: String, count: Int = 100) throws -> Double {
        let path = "\(directory)/sync-\(UUID().uuidString)"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw BenchFailure("\(path) cannot be made") }
        defer {
            close(descriptor)
            unlink(path)
        }
        let bytes = [UInt8](repeating: 0x61, count: byteCount)
        var times: [Double] = []
        for _ in 0..<count {
            guard write(descriptor, bytes, bytes.count) == bytes.count else { throw BenchFailure("\(path): no room") }
            let begin = DispatchTime.now().uptimeNanoseconds
            guard fdatasync(descriptor) == 0 else { throw BenchFailure("\(path) cannot be synced") }
            times.append(Double(DispatchTime.now().uptimeNanoseconds - begin) / 1_000_000)
        }
        return times.median
    }
}
