import Dispatch
import Glibc

/// Overwrites parts of segments so that a crash at any instant leaves nothing half done: what is to be written stands in a
/// file of its own, durable, before the first byte is, and is written again by whoever takes the log's lock next.
struct PendingErasure {
    static let fileName = "erasure.pending"

    let directory: LogDirectory
    /// The directory, open.
    let descriptor: Int32

    private var path: String { "\(directory.path)/\(PendingErasure.fileName)" }

    /// Writes what a plan says; returns when it is durable.
    func carryOut(_ plan: ErasurePlan) throws(LogError) {
        guard !plan.patches.isEmpty else { return }
        do throws(SystemError) {
            let temporaryPath = path + LogDirectory.temporarySuffix
            directory.fileSystem.close(try directory.newFile(temporaryPath, containing: plan.encoded))
            try directory.fileSystem.rename(temporaryPath, to: path)
            try directory.fileSystem.synchronize(descriptor)
        } catch {
            throw .unusable("What is to be erased cannot be noted; nothing has been erased", path: path, cause: error)
        }
        try write(plan)
    }

    /// Writes what a process that died had begun to write.
    func finish() throws(LogError) {
        let bytes: [UInt8]
        do throws(SystemError) {
            let file = try directory.fileSystem.open(path, .read)
            defer { directory.fileSystem.close(file) }
            bytes = try directory.fileSystem.bytes(file, at: 0, count: try directory.fileSystem.size(file))
        } catch  where error.number == ENOENT {
            return
        } catch {
            throw .unusable("What is to be erased cannot be read", path: path, cause: error)
        }
        // It was whole before it got its name.
        guard let plan = ErasurePlan(encoded: bytes) else {
            throw LogError(
                code: .unusable,
                message: "What is to be erased is not readable",
                path: path,
                hint: "Restore the file, or remove it and run circlemeter people erase again"
            )
        }
        try write(plan)
    }

    private func write(_ plan: ErasurePlan) throws(LogError) {
        for (segment, patches) in Dictionary(grouping: plan.patches, by: \.segment).sorted(by: { $0.key < $1.key }) {
            let path = directory.path(ofSegment: segment)
            do throws(SystemError) {
                let file = try directory.fileSystem.open(path, .write)
                defer { directory.fileSystem.close(file) }
                let size = try directory.fileSystem.size(file)
                // Never longer than it is: what is behind its end was not there when the plan was made.
                for patch in patches where patch.offset >= 0 && patch.offset + patch.bytes.count <= size {
                    try directory.fileSystem.writeAll(file, patch.bytes, at: patch.offset)
                }
                try directory.fileSystem.synchronizeData(file)
            } catch {
                throw .unusable("A segment cannot be overwritten; the next start goes on", path: path, cause: error)
            }
        }
        do throws(SystemError) {
            try directory.fileSystem.remove(path)
            try directory.fileSystem.synchronize(descriptor)
        } catch {
            throw .unusable("What was erased cannot be noted as done", path: path, cause: error)
        }
    }
}

extension EventLog {
    /// Overwrites what a plan says, which was made since the log was opened. Returns when it is durable.
    ///
    /// - Throws: ``LogError`` with code `unusable`; where anything has been written, the next one to open the log goes on.
    public func erase(_ plan: ErasurePlan) async throws(LogError) {
        let outcome = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Void, LogError>, Never>) in
            committer.thread.async { [committer] in
                do throws(LogError) {
                    continuation.resume(returning: .success(try committer.lock.erase(plan)))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        try outcome.get()
    }
}

extension LogLock {
    /// Overwrites what a plan says. Its holder is the only writer. Blocking.
    ///
    /// - Throws: ``LogError`` with code `unusable`; where anything has been written, the next holder of the lock goes on.
    func erase(_ plan: ErasurePlan) throws(LogError) {
        try PendingErasure(directory: directory, descriptor: descriptor).carryOut(plan)
    }

    /// Goes on with an erasure that a crash interrupted, unless another process has the log, which has done so. Blocking.
    public static func finishErasure(
        directory path: String,
        fileSystem: any FileSystem = PosixFileSystem()
    ) throws(LogError) {
        do throws(SystemError) {
            guard try fileSystem.names(in: path).contains(PendingErasure.fileName) else { return }
        } catch {
            throw .unusable("The log's directory cannot be listed", path: path, cause: error)
        }
        do throws(LogError) {
            try acquire(directory: path, fileSystem: fileSystem).release()
        } catch  where error.code == .locked {
            return
        }
    }
}
