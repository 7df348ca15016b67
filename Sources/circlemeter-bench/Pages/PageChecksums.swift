import Foundation

/// Puts the checksums right of a database whose pages another program has written: the service would find it damaged and
/// make it anew from the log. `CPageChecksum` says how they are made.
enum PageChecksums {
    private static let checksumByteCount = 8

    /// Rewrites those of all pages. Blocks; nobody may have the database open.
    static func renew(_ path: String) throws {
        var bytes = try Data(contentsOf: URL(filePath: path))
        let pageSize = Int(bytes[16]) << 8 | Int(bytes[17])
        // The header states 1 for 65,536.
        let size = pageSize == 1 ? 1 << 16 : pageSize
        guard size >= 512, bytes.count % size == 0, bytes[20] == checksumByteCount else {
            throw BenchFailure("\(path) keeps no checksums")
        }
        bytes.withUnsafeMutableBytes { buffer in
            for page in 0..<(buffer.count / size) {
                let words = UnsafeMutableRawBufferPointer(rebasing: buffer[(page * size)..<((page + 1) * size)])
                    .bindMemory(to: UInt32.self)
                var first = UInt32(truncatingIfNeeded: page)
                var second: UInt32 = 0
                for index in stride(from: 0, to: words.count - 2, by: 2) {
                    first &+= words[index] &+ second
                    second &+= words[index + 1] &+ first
                }
                words[words.count - 2] = first
                words[words.count - 1] = second
            }
        }
        try bytes.write(to: URL(filePath: path))
    }
}
