import Glibc

/// An exclusive lock between processes, held through a file that is never removed. Taking it blocks.
struct FileLock {
    private let descriptor: Int32

    /// - Throws: `unwritable_file`.
    init(_ path: String) throws(MeterError) {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, PrivateFile.mode)
        guard descriptor >= 0 else {
            throw MeterError(.unwritableFile, "The lock cannot be taken", at: path, cause: SystemError.last("open"))
        }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else {
                let cause = SystemError.last("flock")
                close(descriptor)
                throw MeterError(.unwritableFile, "The lock cannot be taken", at: path, cause: cause)
            }
        }
    }

    func release() {
        close(descriptor)
    }
}
