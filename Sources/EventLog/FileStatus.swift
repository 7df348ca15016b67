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
