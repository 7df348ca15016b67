import Glibc

#if SABOTAGE
    import Wire
#endif

/// The file system of the machine.
public struct PosixFileSystem: FileSystem {
    public init() {}

    public func open(_ path: String, _ access: FileAccess) throws(SystemError) -> Int32 {
        let flags =
            switch access {
            case .read: O_RDONLY
            case .write: O_RDWR
            case .create: O_RDWR | O_CREAT | O_EXCL
            case .directory: O_RDONLY | O_DIRECTORY
            }
        let descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failed("open") }
        return descriptor
    }

    public func close(_ descriptor: Int32) {
        _ = Glibc.close(descriptor)
    }

    public func read(
        _ descriptor: Int32,
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) throws(SystemError) -> Int {
        let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
        guard count >= 0 else { throw failed("pread") }
        return count
    }

    public func write(
        _ descriptor: Int32,
        _ bytes: UnsafeRawBufferPointer,
        at offset: Int
    ) throws(SystemError) -> Int {
        let count = pwrite(descriptor, bytes.baseAddress, bytes.count, off_t(offset))
        guard count >= 0 else { throw failed("pwrite") }
        return count
    }

    public func size(_ descriptor: Int32) throws(SystemError) -> Int {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failed("fstat") }
        return Int(status.st_size)
    }

    public func truncate(_ descriptor: Int32, to size: Int) throws(SystemError) {
        guard ftruncate(descriptor, off_t(size)) == 0 else { throw failed("ftruncate") }
    }

    public func synchronizeData(_ descriptor: Int32) throws(SystemError) {
        #if SABOTAGE
            if Sabotage.plants("data-sync-does-nothing") { return }
        #endif
        guard fdatasync(descriptor) == 0 else { throw failed("fdatasync") }
    }

    public func synchronize(_ descriptor: Int32) throws(SystemError) {
        #if SABOTAGE
            if Sabotage.plants("full-sync-does-nothing") { return }
        #endif
        guard fsync(descriptor) == 0 else { throw failed("fsync") }
    }

    public func unlock(_ descriptor: Int32) {
        _ = flock(descriptor, LOCK_UN)
    }

    public func lock(_ descriptor: Int32) throws(SystemError) -> Bool {
        #if SABOTAGE
            if Sabotage.plants("lock-not-asked") { return true }
        #endif
        if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
        guard errno == EWOULDBLOCK else { throw failed("flock") }
        return false
    }

    public func rename(_ path: String, to newPath: String) throws(SystemError) {
        guard Glibc.rename(path, newPath) == 0 else { throw failed("rename") }
    }

    public func remove(_ path: String) throws(SystemError) {
        guard unlink(path) == 0 else { throw failed("unlink") }
    }

    public func makeDirectory(_ path: String) throws(SystemError) -> Bool {
        if mkdir(path, 0o700) == 0 { return true }
        guard errno == EEXIST else { throw failed("mkdir") }
        return false
    }

    public func names(in directory: String) throws(SystemError) -> [String] {
        guard let stream = opendir(directory) else { throw failed("opendir") }
        defer { closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw failed("readdir") }
        return names
    }

    private func failed(_ call: String) -> SystemError { SystemError(call: call, number: errno) }
}
