import EventLog
import FakeCircleCI
import Glibc
import Synchronization

/// The log's files in a simulation: the machine's file system, on which calls fail, the process dies at any of them, and
/// of which a loss of power leaves what was synced, and of the rest any part.
final class SimulatedDisk: FileSystem {
    /// What goes wrong while it lasts.
    struct Trouble: Sendable {
        /// There is no room: a write fails, after a part of it.
        var isFull = false
        /// Share of the calls that fail with `EIO`.
        var failures = 0.0
    }

    private struct State {
        var random: SeededGenerator
        var trouble = Trouble()
        var isDead = false
        /// Nil: it lives on.
        var callsUntilDeath: Int?
        var counts: [String: Int] = [:]
        var memory = DiskMemory()
    }

    /// What becomes of a call.
    private enum Fate {
        case done
        /// It fails; of a write, so many parts in a thousand were done.
        case fails(Int32, part: Int)
        /// Interrupted, or short: to be gone on with.
        case cut
        /// The process dies in it: before, in the middle or after.
        case dies(part: Int)
    }

    private let base = PosixFileSystem()
    private let state: Mutex<State>

    init(seed: UInt64) {
        state = Mutex(State(random: SeededGenerator(seed: seed)))
    }

    // MARK: What the simulation does

    func set(_ trouble: Trouble) { state.withLock { $0.trouble = trouble } }

    /// The process dies at the call after so many; nil: at none.
    func die(afterCalls count: Int?) { state.withLock { $0.callsUntilDeath = count } }

    /// Whether the process has died: whatever it does, the world takes no notice of it.
    var isDead: Bool { state.withLock { $0.isDead } }

    /// Counts a call that is none of files, to CircleCI for one; whether the process is dead then.
    func countCall() -> Bool {
        state.withLock { state in
            if let left = state.callsUntilDeath, !state.isDead {
                state.callsUntilDeath = left - 1
                state.isDead = left <= 0
            }
            return state.isDead
        }
    }

    /// What struck so far.
    var counts: [String: Int] { state.withLock { $0.counts } }

    /// Lets the next process begin. The one before must be done with all it had open.
    func revive(losesPower: Bool) {
        state.withLock { state in
            if losesPower { state.memory.losePower(using: &state.random) }
            state.memory.forgetDescriptors()
            state.isDead = false
            state.callsUntilDeath = nil
        }
    }

    // MARK: The calls

    func open(_ path: String, _ access: FileAccess) throws(SystemError) -> Int32 {
        let isNew = if case .create = access { true } else { false }
        switch fate(isNew ? "create" : "open", canFail: isNew) {
        case .fails(let number, _): throw SystemError(call: "open", number: number)
        case .dies(let part):
            if isNew, part > 500, let descriptor = try? base.open(path, access) {
                state.withLock { $0.memory.open(path, descriptor, isNew: true) }
                base.close(descriptor)
                state.withLock { $0.memory.close(descriptor) }
            }
            throw SystemError(call: "open", number: EIO)
        case .done, .cut: break
        }
        let descriptor = try base.open(path, access)
        state.withLock { $0.memory.open(path, descriptor, isNew: isNew) }
        return descriptor
    }

    func close(_ descriptor: Int32) {
        // Forgotten before the number can be given out again.
        state.withLock { $0.memory.close(descriptor) }
        base.close(descriptor)
    }

    func read(
        _ descriptor: Int32,
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) throws(SystemError) -> Int {
        if case .dies = fate("read", canFail: false) { throw SystemError(call: "pread", number: EIO) }
        return try base.read(descriptor, into: buffer, at: offset)
    }

    func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SystemError) -> Int {
        switch fate("write") {
        case .done: return try base.write(descriptor, bytes, at: offset)
        case .cut:
            guard bytes.count > 1 else { throw SystemError(call: "pwrite", number: EINTR) }
            return try base.write(
                descriptor,
                UnsafeRawBufferPointer(rebasing: bytes.prefix(bytes.count / 2)),
                at: offset
            )
        case .fails(let number, let part):
            _ = try base.write(descriptor, bytes.part(part), at: offset)
            throw SystemError(call: "pwrite", number: number)
        case .dies(let part):
            _ = try base.write(descriptor, bytes.part(part), at: offset)
            throw SystemError(call: "pwrite", number: EIO)
        }
    }

    func size(_ descriptor: Int32) throws(SystemError) -> Int {
        if case .dies = fate("size", canFail: false) { throw SystemError(call: "fstat", number: EIO) }
        return try base.size(descriptor)
    }

    func truncate(_ descriptor: Int32, to size: Int) throws(SystemError) {
        try change("truncate") { () throws(SystemError) in try base.truncate(descriptor, to: size) }
    }

    func synchronizeData(_ descriptor: Int32) throws(SystemError) { try synchronize(descriptor) }

    func synchronize(_ descriptor: Int32) throws(SystemError) {
        do throws(SystemError) {
            try change("sync") { () throws(SystemError) in
                // Small files: all of it each time.
                let isFile = state.withLock { $0.memory.isFile(descriptor) }
                let buffer = UnsafeMutableRawBufferPointer.allocate(
                    byteCount: isFile ? try base.size(descriptor) : 0,
                    alignment: 1
                )
                defer { buffer.deallocate() }
                if isFile { _ = try base.read(descriptor, into: buffer, at: 0) }
                let bytes = Array(buffer)
                state.withLock { $0.memory.synchronize(descriptor, bytes) }
            }
        } catch {
            state.withLock { $0.memory.loseSyncs(of: descriptor) }
            throw error
        }
    }

    func lock(_ descriptor: Int32) throws(SystemError) -> Bool { try base.lock(descriptor) }
    func unlock(_ descriptor: Int32) { base.unlock(descriptor) }

    func rename(_ path: String, to newPath: String) throws(SystemError) {
        try change("rename") { () throws(SystemError) in
            try base.rename(path, to: newPath)
            state.withLock { $0.memory.rename(path, to: newPath) }
        }
    }

    func remove(_ path: String) throws(SystemError) {
        try change("remove") { () throws(SystemError) in
            try base.remove(path)
            state.withLock { $0.memory.remove(path) }
        }
    }

    func makeDirectory(_ path: String) throws(SystemError) -> Bool { try base.makeDirectory(path) }

    func names(in directory: String) throws(SystemError) -> [String] { try base.names(in: directory) }

    // MARK: Fate

    /// A call that is done whole or not at all.
    private func change(_ call: String, _ body: () throws(SystemError) -> Void) throws(SystemError) {
        switch fate(call) {
        case .done, .cut: try body()
        case .fails(let number, _): throw SystemError(call: call, number: number)
        case .dies(let part):
            if part > 500 { try body() }
            throw SystemError(call: call, number: EIO)
        }
    }

    private func fate(_ call: String, canFail: Bool = true) -> Fate {
        state.withLock { state in
            if state.isDead { return .dies(part: 0) }
            let part = Int.random(in: 0...1000, using: &state.random)
            let place = Double.random(in: 0..<1, using: &state.random)
            if let left = state.callsUntilDeath {
                state.callsUntilDeath = left - 1
                if left <= 0 {
                    state.isDead = true
                    state.counts["deaths in \(call)", default: 0] += 1
                    return .dies(part: part)
                }
            }
            guard canFail else { return .done }
            if state.trouble.isFull, call == "write" || call == "create" && part > 500 {
                state.counts["full disk", default: 0] += 1
                return .fails(ENOSPC, part: part)
            }
            if place < state.trouble.failures {
                state.counts["failed \(call)", default: 0] += 1
                return .fails(EIO, part: part)
            }
            return place > 0.98 ? .cut : .done
        }
    }
}

extension UnsafeRawBufferPointer {
    /// So many parts in a thousand, from the start.
    fileprivate func part(_ part: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: prefix(count * part / 1000))
    }
}
