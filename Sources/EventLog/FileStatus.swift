import Glibc

/// What the system says of an open file.
///
/// It stands here because this module imports no other C module that includes `sys/stat.h`: where one does, as SwiftNIO's
/// do, a whole-module build takes `stat` for that module's and does not find its members.
package struct FileStatus: Sendable {
    package let isRegularFile: Bool
    /// The permission bits.
    package let mode: UInt32

    /// Nil where `fstat` fails; `errno` says why.
    package init?(descriptor: Int32) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        isRegularFile = status.st_mode & S_IFMT == S_IFREG
        mode = status.st_mode & 0o7777
    }
}

/// By what a file that was changed or replaced is known without reading it. Nil: there is none.
package struct FileStamp: Hashable, Sendable {
    private let file: UInt64
    package let byteCount: Int
    private let seconds: Int
    private let nanoseconds: Int

    package init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        file = UInt64(status.st_ino)
        byteCount = Int(status.st_size)
        seconds = Int(status.st_ctim.tv_sec)
        nanoseconds = Int(status.st_ctim.tv_nsec)
    }
}
