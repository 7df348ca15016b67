import EventLog

/// A file system that passes every call on unless it has a function of its own for it.
protocol WrappingFileSystem: FileSystem {
    var base: PosixFileSystem { get }
}

extension WrappingFileSystem {
    func open(_ path: String, _ access: FileAccess) throws(SystemError) -> Int32 { try base.open(path, access) }

    func close(_ descriptor: Int32) { base.close(descriptor) }

    func read(
        _ descriptor: Int32,
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) throws(SystemError) -> Int {
        try base.read(descriptor, into: buffer, at: offset)
    }

    func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SystemError) -> Int {
        try base.write(descriptor, bytes, at: offset)
    }

    func size(_ descriptor: Int32) throws(SystemError) -> Int { try base.size(descriptor) }

    func truncate(_ descriptor: Int32, to size: Int) throws(SystemError) { try base.truncate(descriptor, to: size) }

    func synchronizeData(_ descriptor: Int32) throws(SystemError) { try base.synchronizeData(descriptor) }

    func synchronize(_ descriptor: Int32) throws(SystemError) { try base.synchronize(descriptor) }

    func lock(_ descriptor: Int32) throws(SystemError) -> Bool { try base.lock(descriptor) }
    func unlock(_ descriptor: Int32) { base.unlock(descriptor) }

    func rename(_ path: String, to newPath: String) throws(SystemError) { try base.rename(path, to: newPath) }

    func remove(_ path: String) throws(SystemError) { try base.remove(path) }

    func makeDirectory(_ path: String) throws(SystemError) -> Bool { try base.makeDirectory(path) }

    func names(in directory: String) throws(SystemError) -> [String] { try base.names(in: directory) }
}
