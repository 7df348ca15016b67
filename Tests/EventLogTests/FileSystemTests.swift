import EventLog
import Glibc
import TestSupport
import Testing

/// What the log takes for granted of a file system, asked of the machine's and of those that stand in for it in tests.
struct FileSystemTests {
    enum Implementation: String, CaseIterable, Sendable {
        case posix, faulty, gated, unsynced

        var fileSystem: any FileSystem {
            switch self {
            case .posix: PosixFileSystem()
            case .faulty: FaultyFileSystem()
            case .gated: GatedFileSystem()
            case .unsynced: UnsyncedFileSystem()
            }
        }
    }

    private let temporary = TemporaryDirectory()

    private func expect(_ number: Int32, _ body: () throws -> Void) {
        let error = #expect(throws: SystemError.self) { try body() }
        #expect(error?.number == number && error?.call.isEmpty == false)
    }

    private func write(_ fileSystem: any FileSystem, _ file: Int32, _ text: String, at offset: Int) throws -> Int {
        try Array(text.utf8).withUnsafeBytes { try fileSystem.write(file, $0, at: offset) }
    }

    private func read(_ fileSystem: any FileSystem, _ file: Int32, _ count: Int, at offset: Int) throws -> [UInt8] {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        defer { buffer.deallocate() }
        return Array(buffer[..<(try fileSystem.read(file, into: buffer, at: offset))])
    }

    @Test(arguments: Implementation.allCases)
    func `a new file is empty, its owner's alone, and made once`(_ implementation: Implementation) throws {
        let fileSystem = implementation.fileSystem
        let path = temporary.path("new")
        expect(ENOENT) { _ = try fileSystem.open(path, .read) }
        expect(ENOENT) { _ = try fileSystem.open(path, .write) }
        let file = try fileSystem.open(path, .create)
        #expect(try fileSystem.size(file) == 0)
        #expect(try read(fileSystem, file, 4, at: 0).isEmpty)
        #expect(Files.mode(path) == 0o600)
        expect(EEXIST) { _ = try fileSystem.open(path, .create) }
        fileSystem.close(file)
        expect(ENOENT) { _ = try fileSystem.open(temporary.path("none/new"), .create) }
    }

    @Test(arguments: Implementation.allCases)
    func `what is written is read at its place, and no further than the end`(_ implementation: Implementation) throws {
        let fileSystem = implementation.fileSystem
        let path = temporary.path("file")
        let file = try fileSystem.open(path, .create)
        #expect(try write(fileSystem, file, "hello", at: 0) == 5)
        #expect(try write(fileSystem, file, "LL", at: 2) == 2)
        #expect(try write(fileSystem, file, "", at: 0) == 0)
        let reader = try fileSystem.open(path, .read)
        #expect(try read(fileSystem, reader, 5, at: 0) == Array("heLLo".utf8))
        #expect(try read(fileSystem, reader, 100, at: 3) == Array("Lo".utf8))
        #expect(try read(fileSystem, reader, 1, at: 5).isEmpty && (try read(fileSystem, reader, 1, at: 900)).isEmpty)
        // Beyond the end, zeros come before what is written.
        #expect(try write(fileSystem, file, "x", at: 8) == 1)
        #expect(try fileSystem.size(reader) == 9)
        #expect(try read(fileSystem, reader, 9, at: 0) == Array("heLLo\0\0\0x".utf8))
        fileSystem.close(file)
        let again = try fileSystem.open(path, .write)
        #expect(try write(fileSystem, again, "H", at: 0) == 1)
        #expect(try read(fileSystem, reader, 1, at: 0) == Array("H".utf8))
        for descriptor in [again, reader] { fileSystem.close(descriptor) }
    }

    @Test(arguments: Implementation.allCases)
    func `a file opened for reading is not written`(_ implementation: Implementation) throws {
        let fileSystem = implementation.fileSystem
        let path = temporary.path("file")
        Files.write(Array("abc".utf8), to: path)
        let file = try fileSystem.open(path, .read)
        expect(EBADF) { _ = try write(fileSystem, file, "x", at: 0) }
        expect(EINVAL) { try fileSystem.truncate(file, to: 0) }
        fileSystem.close(file)
        #expect(Files.bytes(path) == Array("abc".utf8))
    }

    @Test(arguments: Implementation.allCases)
    func `a file is cut, and grows with zeros`(_ implementation: Implementation) throws {
        let fileSystem = implementation.fileSystem
        let path = temporary.path("file")
        let file = try fileSystem.open(path, .create)
        _ = try write(fileSystem, file, "abcdef", at: 0)
        try fileSystem.truncate(file, to: 2)
        #expect(try fileSystem.size(file) == 2)
        try fileSystem.truncate(file, to: 4)
        #expect(try read(fileSystem, file, 9, at: 0) == Array("ab\0\0".utf8))
        expect(EINVAL) { try fileSystem.truncate(file, to: -1) }
        fileSystem.close(file)
    }

    @Test(arguments: Implementation.allCases)
    func `files and directories are synced, and what is closed is not`(_ implementation: Implementation) throws {
        let fileSystem = implementation.fileSystem
        let file = try fileSystem.open(temporary.path("file"), .create)
        _ = try write(fileSystem, file, "abc", at: 0)
        try fileSystem.synchronizeData(file)
        try fileSystem.synchronize(file)
        let directory = try fileSystem.open(temporary.path, .directory)
        try fileSystem.synchronize(directory)
        for descriptor in [file, directory] { fileSystem.close(descriptor) }
        guard implementation != .unsynced else { return }
        expect(EBADF) { try fileSystem.synchronizeData(-1) }
        expect(EBADF) { try fileSystem.synchronize(-1) }
    }

    @Test(arguments: Implementation.allCases)
    func `a directory is opened as one, and a file is not`(_ implementation: Implementation) throws {
        let fileSystem = implementation.fileSystem
        Files.write([], to: temporary.path("file"))
        expect(ENOTDIR) { _ = try fileSystem.open(temporary.path("file"), .directory) }
        expect(ENOENT) { _ = try fileSystem.open(temporary.path("none"), .directory) }
        expect(EISDIR) { _ = try fileSystem.open(temporary.path, .write) }
        let directory = try fileSystem.open(temporary.path, .directory)
        expect(EISDIR) { _ = try read(fileSystem, directory, 1, at: 0) }
        expect(EBADF) { _ = try write(fileSystem, directory, "x", at: 0) }
        fileSystem.close(directory)
    }

    @Test(arguments: Implementation.allCases)
    func `a new name takes the place of what had it, and an open file stays what it was`(
        _ implementation: Implementation
    ) throws {
        let fileSystem = implementation.fileSystem
        let (old, new) = (temporary.path("old"), temporary.path("new"))
        expect(ENOENT) { try fileSystem.rename(old, to: new) }
        Files.write(Array("old".utf8), to: old)
        Files.write(Array("replaced".utf8), to: new)
        let replaced = try fileSystem.open(new, .read)
        try fileSystem.rename(old, to: new)
        #expect(Files.names(temporary.path) == ["new"] && Files.bytes(new) == Array("old".utf8))
        #expect(try read(fileSystem, replaced, 8, at: 0) == Array("replaced".utf8))
        try fileSystem.remove(new)
        #expect(try fileSystem.size(replaced) == 8)
        fileSystem.close(replaced)
        expect(ENOENT) { try fileSystem.remove(new) }
        expect(EISDIR) { try fileSystem.remove(temporary.path) }
        expect(ENOENT) { try fileSystem.rename(temporary.path, to: temporary.path("none/below")) }
    }

    @Test(arguments: Implementation.allCases)
    func `one descriptor has the lock at a time`(_ implementation: Implementation) throws {
        let fileSystem = implementation.fileSystem
        let first = try fileSystem.open(temporary.path, .directory)
        let second = try fileSystem.open(temporary.path, .directory)
        #expect(try fileSystem.lock(first) && fileSystem.lock(first))
        #expect(try !fileSystem.lock(second))
        fileSystem.unlock(first)
        #expect(try fileSystem.lock(second))
        #expect(try !fileSystem.lock(first))
        // Closing gives it back, too.
        fileSystem.close(second)
        #expect(try fileSystem.lock(first))
        fileSystem.close(first)
        expect(EBADF) { _ = try fileSystem.lock(-1) }
    }

    @Test(arguments: Implementation.allCases)
    func `a directory is made once, its owner's alone, and lists what is in it`(_ implementation: Implementation) throws
    {
        let fileSystem = implementation.fileSystem
        let path = temporary.path("directory")
        #expect(try fileSystem.makeDirectory(path))
        #expect(Files.mode(path) == 0o700)
        #expect(try !fileSystem.makeDirectory(path))
        #expect(try fileSystem.names(in: path).isEmpty)
        let names = [".hidden", "a b", "ä\u{1f600}", String(repeating: "n", count: 255)]
        for name in names { fileSystem.close(try fileSystem.open("\(path)/\(name)", .create)) }
        #expect(try fileSystem.makeDirectory("\(path)/below"))
        #expect(try fileSystem.names(in: path).sorted() == (names + ["below"]).sorted())
        expect(ENAMETOOLONG) { _ = try fileSystem.open("\(path)/\(String(repeating: "n", count: 256))", .create) }
        expect(ENOENT) { _ = try fileSystem.makeDirectory(temporary.path("none/below")) }
        expect(ENOENT) { _ = try fileSystem.names(in: temporary.path("none")) }
        expect(ENOTDIR) { _ = try fileSystem.names(in: "\(path)/a b") }
    }

    @Test func `after a loss of power the faulty file system has what was synced, and of the rest any part`() throws {
        let fileSystem = FaultyFileSystem()
        let root = temporary.path("root")
        _ = try fileSystem.makeDirectory(root)
        let above = try fileSystem.open(temporary.path, .directory)
        try fileSystem.synchronize(above)
        let file = try fileSystem.open("\(root)/a", .create)
        _ = try write(fileSystem, file, "one", at: 0)
        try fileSystem.synchronizeData(file)
        func left(_ kept: Set<Int>) -> [String: [UInt8]] {
            fileSystem.disk.left(of: root) { kept.contains($0) }.files
        }
        // The bytes are durable and the name is not.
        #expect(fileSystem.disk.uncertainCount(in: root) == 1)
        #expect(left([]).isEmpty && left([0]) == ["a": Array("one".utf8)])
        let directory = try fileSystem.open(root, .directory)
        try fileSystem.synchronize(directory)
        #expect(left([]) == ["a": Array("one".utf8)])
        // Three sectors and the size.
        _ = try write(fileSystem, file, String(repeating: "x", count: 1_100), at: 3)
        #expect(fileSystem.disk.uncertainCount(in: root) == 4)
        #expect(left([3])["a"]?.count == 1_103 && left([3])["a"]?[3..<1_024].allSatisfy { $0 == 0 } == true)
        #expect(left([1])["a"]?.count == 512 && left([1, 2])["a"]?.count == 1_024)
        // A sync that fails and one that says all is well: nothing is certain.
        fileSystem.failNext(.synchronizeData, .error(EIO))
        expect(EIO) { try fileSystem.synchronizeData(file) }
        try fileSystem.synchronizeData(file)
        #expect(left([]) == ["a": Array("one".utf8)])
        // What is written again is.
        _ = try write(fileSystem, file, String(repeating: "y", count: 1_100), at: 3)
        try fileSystem.synchronizeData(file)
        #expect(left([])["a"]?.suffix(1_100).allSatisfy { $0 == UInt8(ascii: "y") } == true)
        try fileSystem.rename("\(root)/a", to: "\(root)/b")
        #expect(left([]).keys.sorted() == ["a"] && left([0, 1, 2, 3, 4, 5]).keys.sorted() == ["b"])
        for descriptor in [file, directory, above] { fileSystem.close(descriptor) }
    }
}
