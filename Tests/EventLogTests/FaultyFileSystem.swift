import EventLog
import Glibc
import Synchronization

/// The machine's file system with a fault at one call, and a memory of what of it a loss of power would leave.
final class FaultyFileSystem: WrappingFileSystem {
    enum Kind: String, CaseIterable, Sendable {
        case write, synchronizeData, synchronize, rename, create, truncate, remove
    }

    enum Effect: Sendable {
        case error(Int32)
        /// A write of that many bytes at most.
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

    private struct State {
        var counts: [Kind: Int] = [:]
        var total = 0
        var fault: Fault?
        var hasStruck = false
        var disk = DiskModel()
        var log: [Kind] = []
    }

    let base = PosixFileSystem()
    private let state = Mutex(State())

    init(_ fault: Fault? = nil) {
        state.withLock { $0.fault = fault }
    }

    /// From now on.
    func set(_ fault: Fault?) {
        state.withLock { state in
            state.fault = fault
            state.counts = [:]
            state.total = 0
            state.hasStruck = false
        }
    }

    var hasStruck: Bool { state.withLock { $0.hasStruck } }
    /// The calls that a fault can strike, so far.
    var calls: [Kind] { state.withLock { $0.log } }
    /// What is on disk for certain, and what may or may not be.
    var disk: DiskModel { state.withLock { $0.disk } }

    private func effect(_ kind: Kind) -> Effect? {
        state.withLock { state in
            state.log.append(kind)
            let index = state.counts[kind, default: 0]
            let total = state.total
            state.counts[kind] = index + 1
            state.total += 1
            guard let fault = state.fault, fault.kind == nil || fault.kind == kind else { return nil }
            let position = fault.kind == nil ? total : index
            guard fault.isSticky ? position >= fault.index : position == fault.index else { return nil }
            state.hasStruck = true
            return fault.effect
        }
    }

    private func strike(_ kind: Kind) throws(SystemError) {
        switch effect(kind) {
        case .error(let number), .partial(_, let number): throw SystemError(call: kind.rawValue, number: number)
        case .short, nil: return
        }
    }

    func open(_ path: String, _ access: FileAccess) throws(SystemError) -> Int32 {
        if case .create = access { try strike(.create) }
        let isNew = if case .create = access { true } else { false }
        let descriptor = try base.open(path, access)
        state.withLock { $0.disk.open(path, descriptor, isNew: isNew) }
        return descriptor
    }

    func close(_ descriptor: Int32) {
        // Forgotten before the number can be given out again.
        state.withLock { $0.disk.close(descriptor) }
        base.close(descriptor)
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
        state.withLock { $0.disk.write(descriptor, written, at: offset) }
        if let failure { throw failure }
        return count
    }

    func truncate(_ descriptor: Int32, to size: Int) throws(SystemError) {
        try strike(.truncate)
        try base.truncate(descriptor, to: size)
        state.withLock { $0.disk.truncate(descriptor, to: size) }
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
        } catch {
            state.withLock { $0.disk.loseSync(descriptor) }
            throw error
        }
        state.withLock { $0.disk.synchronize(descriptor) }
    }

    func rename(_ path: String, to newPath: String) throws(SystemError) {
        try strike(.rename)
        try base.rename(path, to: newPath)
        state.withLock { $0.disk.rename(path, to: newPath) }
    }

    func remove(_ path: String) throws(SystemError) {
        try strike(.remove)
        try base.remove(path)
        state.withLock { $0.disk.remove(path) }
    }
}
