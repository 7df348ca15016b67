import Glibc

/// A compressed segment's file, for whoever searches files and does not read the log.
package struct SegmentContent: ~Copyable {
    package static let suffix = LogDirectory.segmentSuffix + LogDirectory.compressedSuffix

    private let file: SegmentFile

    /// - Throws: `ENOENT` where there is none.
    package init(_ path: String) throws(SystemError) {
        file = try SegmentFile(compressedAt: path, fileSystem: PosixFileSystem())
    }

    /// Up to `count` bytes of the content from `offset` on, none behind its end.
    ///
    /// - Throws: `EIO` where some of it cannot be unpacked.
    package func bytes(at offset: Int, count: Int) throws(SystemError) -> [UInt8] {
        let bytes = try file.bytes(at: offset, count: max(0, min(count, try file.size() - offset)))
        guard file.compressed?.isDamaged == false else { throw SystemError(call: "zstd", number: EIO) }
        return bytes
    }
}
