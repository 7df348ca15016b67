import EventLog
import Glibc
import Synchronization

/// The machine's file system with a fault at one call, and a memory of what of it a loss of power would leave.
///
/// Syncs are noted and not made.
final class FaultyFileSystem: WrappingFileSystem {
    enum Kind: String, CaseIterable, Sendable {
        case write, synchronizeData, synchronize, rename, create, truncate, remove
        case open, read, size, lock, makeDirectory, names
    }

    enum Effect: Sendable {
        case error(Int32)
        /// A write or read of that many bytes at most.
        case short(Int)
        /// Part of the bytes are written before the error.
        case partial(Int, Int32)
    }

    struct Fault: Sendable {
        /// Nil: a call of any kind.
        var kind: Kind?
        /// Counted from 0 among the calls of that kind.
        var index: Int
        var isSticky: Bool
        var effect: Effect
    }

    /// The disk after a call, and how many records the log had called durable.
    struct Moment: Sendable {
        var disk: DiskModel
        var durableCount: Int
    }

    private struct State {
        var counts: [Kind: Int] = [:]
        var total = 0
        var fault: Fault?
        var next: [Kind: Effect] = [:]
        var hasStruck = false
        var disk = DiskModel()
        var log: [Kind] = []
        var durableCount = 0
        var moments: [Moment] = []
    }

    let base = PosixFileSystem()
    private let state = Mutex(State())
    private let recordsMoments: Bool

    init(_ fault: Fault? = nil, recordsMoments: Bool = false) {
        self.recordsMoments = recordsMoments
        state.withLock { $0.fault = fault }
    }

    /// From now on.
    func set(_ fault: Fault?) {
        state.withLock { state in
            state.fault = fault
            state.next = [:]
            state.counts = [:]
            state.total = 0
            state.hasStruck = false
        }
    }

    /// The next call of that kind fails as well, once.
    func failNext(_ kind: Kind, _ effect: Effect) { state.withLock { $0.next[kind] = effect } }

    /// Takes what a directory holds for durable.
    func adopt(_ contents: DirectoryState, at directory: String) {
        state.withLock { $0.disk.adopt(contents, at: directory) }
    }

    /// Notes that so many more records were called durable.
    func noteDurable(_ count: Int) {
        state.withLock { state in
            state.durableCount += count
            remember(&state)
        }
    }

    var hasStruck: Bool { state.withLock { $0.hasStruck } }
    /// The calls that a fault can strike, so far.
    var calls: [Kind] { state.withLock { $0.log } }
    /// What is on disk for certain, and what may or may not be.
    var disk: DiskModel { state.withLock { $0.disk } }
    /// After every call that changed something.
    var moments: [Moment] { state.withLock { $0.moments } }

    private func remember(_ state: inout State) {
        if recordsMoments { state.moments.append(Moment(disk: state.disk, durableCount: state.durableCount)) }
    }

    private func change(_ body: (inout DiskModel) -> Void) {
        state.withLock { state in
            body(&state.disk)
            remember(&state)
        }
    }

    private func effect(_ kind: Kind) -> Effect? {
        state.withLock { state in
            state.log.append(kind)
            let index = state.counts[kind, default: 0]
            let total = state.total
            state.counts[kind] = index + 1
            state.total += 1
            if let fault = state.fault, fault.kind == nil || fault.kind == kind {
                let position = fault.kind == nil ? total : index
                if fault.isSticky ? position >= fault.index : position == fault.index {
                    state.hasStruck = true
                    return fault.effect
                }
            }
            return state.next.removeValue(forKey: kind)
        }
    }

    private func strike(_ kind: Kind) throws(SystemError) {
        switch effect(kind) {
        case .error(let number), .partial(_, let number): throw SystemError(call: kind.rawValue, number: number)
        case .short, nil: return
        }
    }

    func open(_ path: String, _ access: FileAccess) throws(SystemError) -> Int32 {
        let isNew = if case .create = access { true } else { false }
        try strike(isNew ? .create : .open)
        let descriptor = try base.open(path, access)
        state.withLock { state in
            state.disk.open(path, descriptor, isNew: isNew)
            if isNew { remember(&state) }
        }
        return descriptor
    }

    func close(_ descriptor: Int32) {
        // Forgotten before the number can be given out again.
        state.withLock { $0.disk.close(descriptor) }
        base.close(descriptor)
    }

    func read(
        _ descriptor: Int32,
        into buffer: UnsafeMutableRawBufferPointer,
        at offset: Int
    ) throws(SystemError) -> Int {
        switch effect(.read) {
        case .error(let number), .partial(_, let number): throw SystemError(call: "pread", number: number)
        case .short(let count):
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(count))
            return try base.read(descriptor, into: part, at: offset)
        case nil: return try base.read(descriptor, into: buffer, at: offset)
        }
    }

    func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SystemError) -> Int {
        var bytes = bytes
        var failure: SystemError?
        switch effect(.write) {
        case .error(let number): throw SystemError(call: "pwrite", number: number)
        case .short(let count): bytes = UnsafeRawBufferPointer(rebasing: bytes.prefix(count))
        case .partial(let count, let number):
            bytes = UnsafeRawBufferPointer(rebasing: bytes.prefix(count))
            failure = SystemError(call: "pwrite", number: number)
        case nil: break
        }
        let count = try base.write(descriptor, bytes, at: offset)
        let written = Array(bytes.prefix(count))
        change { $0.write(descriptor, written, at: offset) }
        if let failure { throw failure }
        return count
    }

    func size(_ descriptor: Int32) throws(SystemError) -> Int {
        try strike(.size)
        return try base.size(descriptor)
    }

    func truncate(_ descriptor: Int32, to size: Int) throws(SystemError) {
        try strike(.truncate)
        try base.truncate(descriptor, to: size)
        change { $0.truncate(descriptor, to: size) }
    }

    func synchronizeData(_ descriptor: Int32) throws(SystemError) {
        try synchronize(descriptor, .synchronizeData)
    }

    func synchronize(_ descriptor: Int32) throws(SystemError) {
        try synchronize(descriptor, .synchronize)
    }

    private func synchronize(_ descriptor: Int32, _ kind: Kind) throws(SystemError) {
        do throws(SystemError) {
            try strike(kind)
            // The machine's word on whether this can be synced.
            _ = try base.size(descriptor)
        } catch {
            change { $0.loseSync(descriptor) }
            throw error.call == "fstat" ? SystemError(call: kind.rawValue, number: error.number) : error
        }
        change { $0.synchronize(descriptor) }
    }

    func lock(_ descriptor: Int32) throws(SystemError) -> Bool {
        try strike(.lock)
        return try base.lock(descriptor)
    }

    func rename(_ path: String, to newPath: String) throws(SystemError) {
        try strike(.rename)
        try base.rename(path, to: newPath)
        change { $0.rename(path, to: newPath) }
    }

    func remove(_ path: String) throws(SystemError) {
        try strike(.remove)
        try base.remove(path)
        change { $0.remove(path) }
    }

    func makeDirectory(_ path: String) throws(SystemError) -> Bool {
        try strike(.makeDirectory)
        guard try base.makeDirectory(path) else { return false }
        change { $0.makeDirectory(path) }
        return true
    }

    func names(in directory: String) throws(SystemError) -> [String] {
        try strike(.names)
        return try base.names(in: directory)
    }
}
