import EventLog
import Glibc
import Wire

/// Small files that only the service's user may read, replaced whole: a reader sees the old content or the new one,
/// after a crash, too. Every call blocks.
enum PrivateFile {
    #if SABOTAGE
        static let mode: mode_t = Sabotage.plants("private-file-for-all") ? 0o644 : 0o600
    #else
        static let mode: mode_t = 0o600
    #endif

    /// The content; nil where there is no such file.
    ///
    /// - Parameter mustBePrivate: Whether a file that others may read or write is refused.
    /// - Throws: `unreadable_file`, also where the file is longer than `maximumBytes`; `permissions_too_wide`.
    static func read(
        _ path: String,
        maximumBytes: Int,
        mustBePrivate: Bool = true
    ) throws(MeterError) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw unreadable(path, SystemError.last("open"))
        }
        defer { close(descriptor) }
        guard let status = FileStatus(descriptor: descriptor) else {
            throw unreadable(path, SystemError.last("fstat"))
        }
        guard status.isRegularFile else {
            throw MeterError(.unreadableFile, "Not a regular file", at: path)
        }
        if mustBePrivate, status.mode & 0o077 != 0 {
            throw MeterError(
                .permissionsTooWide,
                "Others than the owner may read or write the file",
                at: path,
                hint: "chmod 600 \(path), and replace what it holds if somebody may have read it"
            )
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw unreadable(path, SystemError.last("read"))
            }
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: chunk[..<count])
            guard bytes.count <= maximumBytes else {
                throw MeterError(.unreadableFile, "The file is longer than \(maximumBytes) bytes", at: path)
            }
        }
    }

    /// Replaces the file durably: temporary name, sync, rename, sync of the directory.
    ///
    /// - Throws: `unwritable_file`; the file is then as it was.
    static func replace(_ path: String, with bytes: [UInt8]) throws(MeterError) {
        let temporary = try writeTemporary(beside: path, bytes)
        guard rename(temporary, path) == 0 else {
            let cause = SystemError.last("rename")
            unlink(temporary)
            throw unwritable(path, cause)
        }
        try syncDirectory(of: path)
    }

    /// Replaces the file whole for whoever reads it now; after a crash it may be empty or the old one.
    ///
    /// - Throws: `unwritable_file`; the file is then as it was.
    static func replaceUnsynced(_ path: String, with bytes: [UInt8]) throws(MeterError) {
        let temporary = try writeTemporary(beside: path, bytes, isSynced: false)
        guard rename(temporary, path) == 0 else {
            let cause = SystemError.last("rename")
            unlink(temporary)
            throw unwritable(path, cause)
        }
    }

    /// Makes the file durably unless it exists. Of several makers at once, one succeeds.
    ///
    /// - Returns: False where there is a file of that name already, which is left alone.
    /// - Throws: `unwritable_file`.
    static func create(_ path: String, with bytes: [UInt8]) throws(MeterError) -> Bool {
        let temporary = try writeTemporary(beside: path, bytes)
        defer { unlink(temporary) }
        // A rename would overwrite; a link does not.
        guard link(temporary, path) == 0 else {
            if errno == EEXIST { return false }
            throw unwritable(path, SystemError.last("link"))
        }
        try syncDirectory(of: path)
        return true
    }

    /// Makes a directory, 0700, durably, unless it exists.
    ///
    /// - Throws: `unwritable_file`.
    static func makeDirectory(_ path: String) throws(MeterError) {
        if mkdir(path, 0o700) == 0 {
            try syncDirectory(of: path)
        } else if errno != EEXIST {
            throw unwritable(path, SystemError.last("mkdir"))
        }
    }

    /// Makes the names in the directory that holds `path` durable.
    static func syncDirectory(of path: String) throws(MeterError) {
        let directory = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unwritable(directory, SystemError.last("open")) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw unwritable(directory, SystemError.last("fsync")) }
    }

    private static func writeTemporary(
        beside path: String,
        _ bytes: [UInt8],
        isSynced: Bool = true
    ) throws(MeterError) -> String {
        let temporary = "\(path).tmp-\(Hex.encode(Randomness.bytes(8)))"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
        guard descriptor >= 0 else { throw unwritable(path, SystemError.last("open")) }
        if let cause = writeAll(bytes, to: descriptor, isSynced) {
            close(descriptor)
            unlink(temporary)
            throw unwritable(path, cause)
        }
        // A failed close after a good sync loses nothing.
        close(descriptor)
        return temporary
    }

    private static func writeAll(_ bytes: [UInt8], to descriptor: Int32, _ isSynced: Bool) -> SystemError? {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress! + written, $0.count - written) }
            if count < 0 {
                if errno == EINTR { continue }
                return SystemError.last("write")
            }
            written += count
        }
        return !isSynced || fsync(descriptor) == 0 ? nil : SystemError.last("fsync")
    }

    private static func unreadable(_ path: String, _ cause: SystemError) -> MeterError {
        MeterError(.unreadableFile, "The file cannot be read", at: path, cause: cause)
    }

    private static func unwritable(_ path: String, _ cause: SystemError) -> MeterError {
        MeterError(
            .unwritableFile,
            "The file cannot be written",
            at: path,
            cause: cause,
            hint: "check that the directory exists, belongs to the service's user and has room"
        )
    }
}
