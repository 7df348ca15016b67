import EventLog
import Glibc
import Synchronization

/// Files in memory: a log is opened some thousand times a second, and no input leaves anything behind.
final class MemoryFileSystem: FileSystem {
    private struct State {
        var contents: [String: [UInt8]] = [:]
        var directories: Set<String> = ["/"]
        /// What is open, by path: the log renames no file that it goes on with under another descriptor.
        var open: [Int32: String] = [:]
        var locked: Set<String> = []
        var next: Int32 = 3
    }

    private let state = Mutex(State())

    /// All files by path.
    var files: [String: [UInt8]] { state.withLock { $0.contents } }
    /// How many descriptors are open.
    var openCount: Int { state.withLock { $0.open.count } }

    func put(_ bytes: [UInt8], at path: String) {
        state.withLock { $0.contents[path] = bytes }
    }

    func open(_ path: String, _ access: FileAccess) throws(SystemError) -> Int32 {
        try withState { state throws(SystemError) in
            switch access {
            case .directory: try found(state.directories.contains(path), "open")
            case .read, .write: try found(state.contents[path] != nil, "open")
            case .create:
                guard state.contents[path] == nil else { throw SystemError(call: "open", number: EEXIST) }
                state.contents[path] = []
            }
            state.next += 1
            state.open[state.next] = path
            return state.next
        }
    }

    func close(_ descriptor: Int32) {
        state.withLock { $0.open[descriptor] = nil }
    }

    func read(
        _ descriptor: Int32,
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) throws(SystemError) -> Int {
        let bytes = try bytes(descriptor, "pread")
        guard offset < bytes.count else { return 0 }
        let part = bytes[offset...].prefix(buffer.count)
        buffer.copyBytes(from: part)
        return part.count
    }

    func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SystemError) -> Int {
        var file = try self.bytes(descriptor, "pwrite")
        file.append(contentsOf: repeatElement(0, count: max(0, offset + bytes.count - file.count)))
        file.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        try set(file, descriptor)
        return bytes.count
    }

    func size(_ descriptor: Int32) throws(SystemError) -> Int { try bytes(descriptor, "fstat").count }

    func truncate(_ descriptor: Int32, to size: Int) throws(SystemError) {
        try set(Array(try bytes(descriptor, "ftruncate").prefix(size)), descriptor)
    }

    func synchronizeData(_ descriptor: Int32) throws(SystemError) {}

    func synchronize(_ descriptor: Int32) throws(SystemError) {}

    func lock(_ descriptor: Int32) throws(SystemError) -> Bool {
        try withState { state throws(SystemError) in
            guard let path = state.open[descriptor] else { throw SystemError(call: "flock", number: EBADF) }
            return state.locked.insert(path).inserted
        }
    }

    func unlock(_ descriptor: Int32) {
        state.withLock { state in
            if let path = state.open[descriptor] { state.locked.remove(path) }
        }
    }

    func rename(_ path: String, to newPath: String) throws(SystemError) {
        try withState { state throws(SystemError) in
            guard let bytes = state.contents.removeValue(forKey: path) else {
                throw SystemError(call: "rename", number: ENOENT)
            }
            state.contents[newPath] = bytes
            for (descriptor, open) in state.open where open == path { state.open[descriptor] = newPath }
        }
    }

    func remove(_ path: String) throws(SystemError) {
        try withState { state throws(SystemError) in
            try found(state.contents.removeValue(forKey: path) != nil, "unlink")
        }
    }

    func makeDirectory(_ path: String) throws(SystemError) -> Bool {
        state.withLock { $0.directories.insert(path).inserted }
    }

    func names(in directory: String) throws(SystemError) -> [String] {
        try withState { state throws(SystemError) in
            try found(state.directories.contains(directory), "opendir")
            return state.contents.keys.compactMap { path in
                let name = path.dropFirst(directory.utf8.count + 1)
                return path.hasPrefix(directory + "/") && !name.contains("/") ? String(name) : nil
            }
        }
    }

    private func bytes(_ descriptor: Int32, _ call: String) throws(SystemError) -> [UInt8] {
        try withState { state throws(SystemError) in
            guard let bytes = state.open[descriptor].flatMap({ state.contents[$0] }) else {
                throw SystemError(call: call, number: EBADF)
            }
            return bytes
        }
    }

    private func set(_ bytes: [UInt8], _ descriptor: Int32) throws(SystemError) {
        try withState { state throws(SystemError) in
            guard let path = state.open[descriptor] else { throw SystemError(call: "pwrite", number: EBADF) }
            state.contents[path] = bytes
        }
    }

    private func found(_ isThere: Bool, _ call: String) throws(SystemError) {
        guard isThere else { throw SystemError(call: call, number: ENOENT) }
    }

    private func withState<Value: Sendable>(
        _ body: (inout State) throws(SystemError) -> Value
    ) throws(SystemError) -> Value {
        try state.withLock { state throws(SystemError) in try body(&state) }
    }
}
