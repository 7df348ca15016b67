import Dispatch
import Synchronization
public import Wire

/// The append-only event log: what ``append(_:)`` has answered is on disk.
///
/// One process writes, guarded by a lock on the directory; readers (``LogReader``) need none.
public final class EventLog: Sendable {
    /// What opening found and did.
    public let recovery: RecoveryReport

    private let queue: AppendQueue
    let committer: Committer

    /// Takes the directory's lock, recovers the log, syncs what it accepts, and fills the deduplication window. It
    /// reads the headers of all segments, the whole last one and at most one more.
    ///
    /// Blocks on the disk: not for the cooperative pool.
    ///
    /// - Parameters:
    ///   - directory: Made, mode 0700, where it does not exist; the directory above it must.
    ///   - now: The time for the headers of new segments.
    ///   - deduplicationKey: The key that the record's entry was appended with.
    /// - Throws: `locked` where another process has the log open; `unsupportedVersion`; `unusable` where a file or the
    ///   directory cannot be read or made durable. Damage is no error: see ``recovery``.
    public static func open(
        directory path: String,
        options: Options = Options(),
        fileSystem: any FileSystem = PosixFileSystem(),
        now: @escaping @Sendable () -> Timestamp,
        deduplicationKey: (LogRecord) -> UInt128?
    ) throws(LogError) -> EventLog {
        let lock = try LogLock.acquire(directory: path, fileSystem: fileSystem)
        let directory = LogDirectory(path: path, fileSystem: fileSystem)
        let recovery = Recovery(
            directory: directory,
            descriptor: lock.descriptor,
            now: now,
            windowCount: options.deduplicationWindowCount
        )
        do throws(LogError) {
            let recovered = try recovery.run(deduplicationKey: deduplicationKey)
            return EventLog(directory, lock, recovered, options, now)
        } catch {
            lock.release()
            throw error
        }
    }

    private init(
        _ directory: LogDirectory,
        _ lock: LogLock,
        _ recovered: Recovery.Outcome,
        _ options: Options,
        _ now: @escaping @Sendable () -> Timestamp
    ) {
        recovery = recovered.report
        queue = AppendQueue(
            window: recovered.window,
            durableEnd: recovered.durableEnd,
            segments: recovered.segments,
            maximumBytes: options.maximumQueuedBytes
        )
        committer = Committer(
            directory: directory,
            lock: lock,
            queue: queue,
            options: options,
            now: now,
            recovered: recovered
        )
        if recovered.segment == nil {
            // Where this fails, as on a full disk, the log serves its readers and goes on trying.
            committer.thread.sync { [committer] in _ = committer.takeOver() }
        }
    }

    deinit {
        finishSubscribers()
    }

    /// Appends an entry; returns once it is on disk, or once the record that it repeats is.
    ///
    /// Concurrent callers share syncs. Cancellation has no effect: an entry that is on its way stays so.
    ///
    /// - Throws: `unavailable` where the entry could not be made durable: it is not on the log, and may be appended
    ///   again. `queueFull`, `closed`, `invalidEntry`: nothing was done.
    public func append(_ entry: LogEntry) async throws(LogError) -> AppendOutcome {
        let answer = await withCheckedContinuation { waiter in
            append(entry) { waiter.resume(returning: $0) }
        }
        return try answer.get()
    }

    /// Appends entries that go together, whose order means nothing: they share syncs. Returns once all are answered.
    ///
    /// - Throws: The first error that there was, as ``append(_:)`` throws it; the other entries are on the log all the same.
    public func append(_ entries: [LogEntry]) async throws(LogError) {
        guard !entries.isEmpty else { return }
        let error = await withCheckedContinuation { waiter in
            let answers = AnswerCount(entries.count, waiter)
            for entry in entries { append(entry) { answers.take($0) } }
        }
        if let error { throw error }
    }

    /// The same for a caller that has a thread of its own to go on with.
    ///
    /// - Parameter completion: Called once, on the log's thread, or on the caller's before this returns: it must be quick
    ///   and must not wait for the log.
    public func append(
        _ entry: LogEntry,
        completion: @escaping @Sendable (Result<AppendOutcome, LogError>) -> Void
    ) {
        let key = entry.deduplicationKey
        if let key, let answer = queue.known(key) { return completion(answer) }
        let body: [UInt8]
        do throws(LogError) { body = try RecordWriter.body(of: entry) } catch { return completion(.failure(error)) }
        switch queue.admit(body: body, key: key, completion) {
        case .answered(let answer): completion(answer)
        case .waiting(let wake):
            if wake { committer.thread.async { [committer] in committer.flush() } }
        }
    }

    /// The end of the last record that is on disk.
    public var durableEnd: LogPosition { queue.state.withLock { $0.durableEnd } }

    /// The durable end now and after each batch. A slow subscriber sees the newest only. Finishes when the log closes.
    public func advances() -> AsyncStream<LogPosition> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: LogPosition.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        let id = queue.state.withLock { state -> Int? in
            continuation.yield(state.durableEnd)
            guard !state.isClosed else { return nil }
            state.nextSubscriber += 1
            state.subscribers[state.nextSubscriber] = continuation
            return state.nextSubscriber
        }
        guard let id else {
            continuation.finish()
            return stream
        }
        continuation.onTermination = { [weak queue] _ in
            queue?.state.withLock { $0.subscribers[id] = nil }
        }
        return stream
    }

    public var statistics: LogStatistics {
        queue.state.withLock { LogStatistics(segments: $0.segments, activity: $0.activity) }
    }

    /// Refuses further entries, writes those that wait, and releases the lock.
    public func close() async {
        queue.state.withLock { $0.isClosed = true }
        await withCheckedContinuation { continuation in
            committer.thread.async { [committer] in
                committer.flush()
                committer.close()
                continuation.resume()
            }
        }
        finishSubscribers()
    }

    private func finishSubscribers() {
        let subscribers = queue.state.withLock { state in
            defer { state.subscribers = [:] }
            return Array(state.subscribers.values)
        }
        // Outside the lock: finishing calls `onTermination`, which takes it.
        for subscriber in subscribers { subscriber.finish() }
    }
}
