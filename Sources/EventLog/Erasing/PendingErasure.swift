import Dispatch
import Glibc
import Synchronization
import Wire

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
        try check(plan)
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
        try check(plan)
        try write(plan)
    }

    /// Whether each line that the plan speaks of is there and will have the checksum that it had: on another log, or on one
    /// that was put back in parts, nothing may be overwritten.
    private func check(_ plan: ErasurePlan) throws(LogError) {
        for (segment, patches) in PendingErasure.bySegment(plan) {
            let path = directory.path(ofSegment: segment)
            do throws(SystemError) {
                let file = try SegmentFile(segment, in: directory)
                let size = try file.size()
                for (line, patches) in Dictionary(grouping: patches, by: \.line) {
                    let isThere = line.start >= 0 && (0...size).contains(line.count) && line.start <= size - line.count
                    guard isThere,
                        line.isKept(by: patches, in: try file.bytes(at: line.start, count: line.count))
                    else { throw SystemError(call: "pread", number: ESTALE) }
                }
            } catch  where error.number == ENOENT || error.number == ESTALE {
                throw otherLog(path)
            } catch {
                throw .unusable("A segment cannot be read; nothing has been overwritten", path: path, cause: error)
            }
        }
    }

    private func otherLog(_ segment: String) -> LogError {
        LogError(
            code: .unusable,
            message: "What is to be erased is not of this log; nothing has been overwritten",
            path: segment,
            hint: "Put the log's segments back, or remove \(path) and run circlemeter people erase again"
        )
    }

    private static func bySegment(_ plan: ErasurePlan) -> [(key: Int, value: [ErasurePlan.Patch])] {
        Dictionary(grouping: plan.patches, by: \.line.segment).sorted { $0.key < $1.key }
    }

    private func write(_ plan: ErasurePlan) throws(LogError) {
        for (segment, patches) in PendingErasure.bySegment(plan) {
            let path = directory.path(ofSegment: segment)
            do throws(SystemError) {
                try directory.makePlain(segment, synchronizing: descriptor)
                let file = try directory.fileSystem.open(path, .write)
                defer { directory.fileSystem.close(file) }
                for patch in patches {
                    try directory.fileSystem.writeAll(file, patch.bytes, at: patch.line.start + patch.offset)
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

extension ErasurePlan.Line {
    /// Whether the line, some of whose patches may have been written, is the record that it was once all have been.
    fileprivate func isKept(by patches: [ErasurePlan.Patch], in bytes: [UInt8]) -> Bool {
        var bytes = bytes
        let end = bytes.count - LineTrailer.byteCount
        for patch in patches {
            guard patch.offset >= 0, patch.bytes.count <= end, patch.offset <= end - patch.bytes.count else {
                return false
            }
            bytes.replaceSubrange(patch.offset..<(patch.offset + patch.bytes.count), with: patch.bytes)
        }
        return bytes.withUnsafeBytes { pointer in
            guard let record = LogRecord(line: pointer, segment: segment, offset: start), record.crc == crc,
                LineTrailer.computed(pointer, seed: 0) == checksum
            else { return false }
            // In base64, what is erased is spelled in other characters.
            return record.isBase64 || patches.allSatisfy { $0.bytes.allSatisfy(ErasedText.isFilled) }
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
                    try committer.rewriting.withLock { _ throws(LogError) in try committer.lock.erase(plan) }
                    continuation.resume(returning: .success(()))
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
