import Glibc

/// The log's lock: one process writes. Held from ``acquire(directory:fileSystem:)`` to ``release()``, or to the end of
/// the process.
public struct LogLock: Sendable {
    let descriptor: Int32
    let directory: LogDirectory
    private var fileSystem: any FileSystem { directory.fileSystem }

    /// Takes the lock; makes the directory, mode 0700, where there is none. What a process that died was erasing is erased
    /// then. Blocking, for a moment.
    ///
    /// - Throws: `locked` where another process has it; `unusable` where the directory cannot be used.
    public static func acquire(
        directory path: String,
        fileSystem: any FileSystem = PosixFileSystem()
    ) throws(LogError) -> LogLock {
        var lock: LogLock?
        do throws(SystemError) {
            _ = try fileSystem.makeDirectory(path)
            // Also where it exists: the process that made it may have been killed before its sync.
            try fileSystem.synchronizeDirectory(parent(of: path))
            let descriptor = try fileSystem.open(path, .directory)
            let isTaken: Bool
            do throws(SystemError) {
                isTaken = try fileSystem.lock(descriptor)
            } catch {
                fileSystem.close(descriptor)
                throw error
            }
            if isTaken {
                let directory = LogDirectory(path: path, fileSystem: fileSystem)
                lock = LogLock(descriptor: descriptor, directory: directory)
            } else {
                fileSystem.close(descriptor)
            }
        } catch {
            throw .unusable("The log's directory cannot be used", path: path, cause: error)
        }
        if let lock {
            do throws(LogError) {
                try PendingErasure(directory: lock.directory, descriptor: lock.descriptor).finish()
            } catch {
                lock.release()
                throw error
            }
            return lock
        }
        throw LogError(
            code: .locked,
            message: "Another process has the log open",
            path: path,
            hint: "A circlemeter service is running on this data directory; stop it, or go through it"
        )
    }

    /// Whether another process has the lock. The answer may be old when it arrives.
    public static func isHeld(directory: String, fileSystem: any FileSystem = PosixFileSystem()) throws(LogError)
        -> Bool
    {
        do throws(SystemError) {
            let descriptor = try fileSystem.open(directory, .directory)
            defer { fileSystem.close(descriptor) }
            guard try fileSystem.lock(descriptor) else { return true }
            fileSystem.unlock(descriptor)
            return false
        } catch {
            if error.number == ENOENT { return false }
            throw .unusable("The log's directory cannot be used", path: directory, cause: error)
        }
    }

    public func release() {
        fileSystem.unlock(descriptor)
        fileSystem.close(descriptor)
    }

    private static func parent(of path: String) -> String {
        let trimmed = path.hasSuffix("/") && path != "/" ? String(path.dropLast()) : path
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }
}
