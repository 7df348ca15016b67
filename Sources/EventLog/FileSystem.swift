/// How a file is opened.
public enum FileAccess: Sendable {
    /// An existing file, for reading.
    case read
    /// An existing file, for reading and writing.
    case write
    /// A file that must not exist yet, mode 0600, for reading and writing.
    case create
    /// A directory, for locking and synchronizing.
    case directory
}

/// The system calls that the log makes, one function each, so that tests can make any of them fail. All of them block.
///
/// A function does what its call does and no more: writes and reads may be short, and `EINTR` is an error. The
/// extension below has the loops.
public protocol FileSystem: Sendable {
    func open(_ path: String, _ access: FileAccess) throws(SystemError) -> Int32
    func close(_ descriptor: Int32)
    /// Bytes read into `buffer` from `offset` on; 0 at the end of the file.
    func read(
        _ descriptor: Int32,
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) throws(SystemError) -> Int
    /// Bytes written from the start of `bytes`, at `offset`.
    func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SystemError) -> Int
    func size(_ descriptor: Int32) throws(SystemError) -> Int
    func truncate(_ descriptor: Int32, to size: Int) throws(SystemError)
    /// `fdatasync`: the file's bytes and its size are on disk.
    func synchronizeData(_ descriptor: Int32) throws(SystemError)
    /// `fsync` of a file or a directory.
    func synchronize(_ descriptor: Int32) throws(SystemError)
    /// Takes the exclusive lock (`flock`) without waiting; false where another process or descriptor holds it.
    func lock(_ descriptor: Int32) throws(SystemError) -> Bool
    /// Gives the lock back. Closing alone would leave it with a child process that is being started at that moment.
    func unlock(_ descriptor: Int32)
    func rename(_ path: String, to newPath: String) throws(SystemError)
    func remove(_ path: String) throws(SystemError)
    /// Makes a directory of mode 0700; false where it exists.
    func makeDirectory(_ path: String) throws(SystemError) -> Bool
    /// The names in a directory, in no order, without `.` and `..`.
    func names(in directory: String) throws(SystemError) -> [String]
}
