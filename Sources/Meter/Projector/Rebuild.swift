import EventLog
import Glibc

/// Makes a snapshot from nothing but the log, beside the published one.
struct Rebuild {
    let directory: DataDirectory
    let isDryRun: Bool
    let people: PersonPolicy

    private var path: String { isDryRun ? directory.usageDryRun : directory.usageRebuild }

    /// Folds the log from its first record on, or from where an interrupted rebuild stopped. Blocking.
    /// - Parameters:
    ///   - sequence: the last record to count; nil: all.
    ///   - progress: told how far it is; false interrupts.
    /// - Returns: the store, complete; nil where it was interrupted.
    func run(to sequence: Int?, progress: (ReplayProgress) -> Bool) throws -> UsageStore? {
        let reader = LogReader(directory: directory.log)
        guard let store = try interrupted(reader, before: sequence) ?? begun() else { return nil }
        var projection = try Projection(store: store, reader: reader, people: people)
        let total = try LogStatistics.read(directory: directory.log)
        var isWanted = true
        try projection.advanceScanningAhead(to: sequence) { position in
            isWanted = progress(
                ReplayProgress(
                    sequence: position.sequence,
                    bytes: total.byteCount(through: position),
                    totalBytes: total.byteCount
                )
            )
            return isWanted
        }
        guard isWanted else {
            try store.close()
            if isDryRun { try UsageStore.remove(path) } else { rename(path, directory.usagePaused) }
            return nil
        }
        return store
    }

    private func begun() throws -> UsageStore? {
        let store = try UsageStore(path: path, purpose: .rebuild)
        try store?.setPersonFingerprint(people.fingerprint)
        return store
    }

    /// The store of a rebuild that was interrupted in good order, if this log is the one that it was made from
    /// and persons are called as they were. A damaged one is let go.
    private func interrupted(_ reader: LogReader, before sequence: Int?) throws -> UsageStore? {
        guard !isDryRun else { return nil }
        // Of one that was killed.
        try UsageStore.remove(path)
        guard rename(directory.usagePaused, path) == 0 else { return nil }
        do {
            guard let store = try UsageStore(path: path, purpose: .resume) else { return nil }
            if let position = try store.position(), position.sequence <= sequence ?? .max,
                try store.personFingerprint() == people.fingerprint,
                (try? reader.read(after: position) { _ in false }) != nil
            {
                try store.check()
                return store
            }
            try store.close()
            return nil
        } catch  where SnapshotDamage.isDamage(error) {
            return nil
        }
    }

    /// Puts a complete store in the published one's place, which nobody may have open. Killed in between, it leaves either
    /// of them, or a rebuild that is taken up where it stands: at its end.
    ///
    /// What SQLite keeps beside the old file would be taken for the new file's, and without it the old file is none: so they go
    /// together, and before the new one comes.
    func publish(_ store: UsageStore) throws {
        try store.sync()
        try move(path, to: directory.usagePaused)
        try UsageStore.remove(directory.usage)
        try PrivateFile.syncDirectory(of: directory.usage)
        try move(directory.usagePaused, to: directory.usage)
        try PrivateFile.syncDirectory(of: directory.usage)
    }

    private func move(_ path: String, to other: String) throws {
        guard rename(path, other) == 0 else {
            throw MeterError(
                .unwritableFile,
                "The new snapshot cannot take the old one's place",
                at: other,
                cause: SystemError.last("rename")
            )
        }
    }
}

/// How far a replay is.
public struct ReplayProgress: Sendable {
    /// Of the last record counted.
    public var sequence: Int
    public var bytes: Int
    public var totalBytes: Int
}

extension LogStatistics {
    /// The bytes of the log up to a position.
    fileprivate func byteCount(through position: LogPosition) -> Int {
        segments.prefix { $0.segment < position.segment }.reduce(position.offset) { $0 + $1.byteCount }
    }
}
