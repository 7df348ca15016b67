internal import CProcess
import CircleCI
import Dispatch
import EventLog
import Synchronization
import Usage
import Wire

/// Reads records and scans their events on a thread of its own, so that whoever counts them has nothing else to do: a
/// long fold then keeps two cores busy.
///
/// For one consumer, which blocks in ``next()`` and must call ``stop()`` at the end.
final class ScanAhead: Sendable {
    /// Read but not yet counted: a bound on memory.
    private static let maximumBatchCount = 8

    /// Whether this thread may run on a second processor: with one alone the copying would only be added.
    static var isOfUse: Bool { process_processor_count() > 1 }

    private struct State {
        var batches: [ScannedBatch] = []
        var spare: [ScannedBatch] = []
        var isStopped = false
        var error: (any Error)?
    }

    private let state = Mutex(State())
    // Begun at zero: libdispatch ends the program where a semaphore is let go with less than it began with, as it would be
    // when reading is stopped with batches on their way.
    private let free = DispatchSemaphore(value: 0)
    private let filled = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    /// Begins to read the records after `position`, up to `sequence` where it is given.
    init(_ reader: LogReader, after position: LogPosition?, to sequence: Int?) {
        for _ in 0..<ScanAhead.maximumBatchCount { free.signal() }
        DispatchQueue(label: "circlemeter.scan").async { [self] in
            do {
                try read(reader, after: position, to: sequence)
            } catch {
                state.withLock { $0.error = error }
            }
            filled.signal()
            ended.signal()
        }
    }

    /// The next records; nil at the end.
    /// - Parameter done: the batch before, to be filled anew.
    func next(_ done: ScannedBatch?) throws -> ScannedBatch? {
        if let done {
            state.withLock { $0.spare.append(done) }
            free.signal()
        }
        filled.wait()
        return try state.withLock { state in
            if !state.batches.isEmpty { return state.batches.removeFirst() }
            // For a call after the end.
            filled.signal()
            if let error = state.error { throw error }
            return nil
        }
    }

    /// Ends reading, wherever it is, and waits until nothing is read any more.
    func stop() {
        state.withLock { $0.isStopped = true }
        free.signal()
        ended.wait()
    }

    private func read(_ reader: LogReader, after position: LogPosition?, to sequence: Int?) throws {
        guard var batch = take() else { return }
        var isWanted = true
        _ = try reader.read(after: position) { item in
            switch item {
            case .record(let record):
                guard record.sequence <= sequence ?? .max else { return false }
                batch.add(record)
            case .damage(let damage): batch.add(damage)
            case .tornTail: break
            }
            guard batch.isFull else { return true }
            hand(batch)
            guard let next = take() else {
                isWanted = false
                return false
            }
            batch = next
            return true
        }
        if isWanted { hand(batch) }
    }

    private func hand(_ batch: ScannedBatch) {
        state.withLock { $0.batches.append(batch) }
        filled.signal()
    }

    /// An empty batch; nil where no more is wanted.
    private func take() -> ScannedBatch? {
        free.wait()
        return state.withLock { state in
            guard !state.isStopped else { return nil }
            let batch = state.spare.popLast() ?? ScannedBatch()
            batch.removeAll()
            return batch
        }
    }
}

/// Records with their events, in a copy of those bytes that count.
///
/// Unchecked: it is either in the reading thread's hands or in the counting one's, handed over under ``ScanAhead``'s lock.
final class ScannedBatch: @unchecked Sendable {
    struct Record {
        /// Of a body that is no object: one that says nothing.
        var event = Event()
        var isObject = false
        /// What the event's texts point into.
        var body = 0..<0
        var connection = 0..<0
        var source = RecordSource.webhook
        var position: LogPosition
    }

    /// What is read should still be in the processor's cache when it is counted.
    private static let usualByteCount = 1 << 17
    private static let usualRecordCount = 64

    /// The first `filled` of them are taken.
    private var bytes = [UInt8](repeating: 0, count: ScannedBatch.usualByteCount)
    private var filled = 0
    private var records: [Record] = []
    /// In order, each before a record of that place.
    private var damages: [(place: Int, damage: LogDamage)] = []

    init() {
        records.reserveCapacity(ScannedBatch.usualRecordCount)
    }

    var isFull: Bool { records.count >= ScannedBatch.usualRecordCount || filled >= ScannedBatch.usualByteCount }

    func removeAll() {
        filled = 0
        records.removeAll(keepingCapacity: true)
        damages.removeAll()
    }

    func add(_ record: LogRecord) {
        record.withBody { body in
            let connection = record.connectionText.raw(in: record.line)
            let missing = filled + connection.count + body.count - bytes.count
            if missing > 0 { bytes.append(contentsOf: repeatElement(0, count: missing)) }
            records.append(Record(source: record.source, position: record.position))
            let start = filled
            filled += bytes.withUnsafeMutableBytes { bytes in
                let room = UnsafeMutableRawBufferPointer(rebasing: bytes[start...])
                return records[records.count - 1].take(body, connection: connection, into: room, at: start)
            }
        }
    }

    func add(_ damage: LogDamage) { damages.append((records.count, damage)) }

    /// Calls `record` with each record and the bytes that it points into, until it returns false, and `damage` with each
    /// damage in its place. Whether all were wanted.
    func forEach(
        record: (UnsafePointer<Record>, UnsafeRawBufferPointer) throws -> Bool,
        damage: (LogDamage) -> Void
    ) rethrows -> Bool {
        try bytes.withUnsafeBytes { bytes in
            try records.withUnsafeBufferPointer { records in
                var next = 0
                for place in records.indices {
                    while next < damages.count, damages[next].place <= place {
                        damage(damages[next].damage)
                        next += 1
                    }
                    // By its address: a copy of each would cost as much as counting it.
                    guard let start = records.baseAddress, try record(start + place, bytes) else { return false }
                }
                for rest in damages[next...] { damage(rest.damage) }
                return true
            }
        }
    }
}

extension ScannedBatch.Record {
    /// Reads what a body says, and keeps of it what will be asked for.
    /// - Parameters:
    ///   - room: For all of both.
    ///   - start: Where the room begins in the batch's bytes.
    /// - Returns: How many bytes of the room are taken.
    fileprivate mutating func take(
        _ body: UnsafeRawBufferPointer,
        connection: UnsafeRawBufferPointer,
        into room: UnsafeMutableRawBufferPointer,
        at start: Int
    ) -> Int {
        room.copyMemory(from: connection)
        self.connection = start..<(start + connection.count)
        let rest = UnsafeMutableRawBufferPointer(rebasing: room[connection.count...])
        var count = 0
        do {
            try EventScanner.read(body, into: &event)
            isObject = true
            switch event.kind {
            case .jobCompleted, .workflowCompleted: count = event.gather(from: body, into: rest)
            default:
                rest.copyMemory(from: body)
                count = body.count
            }
        } catch {
            event = Event()
        }
        let end = start + connection.count
        self.body = end..<(end + count)
        return connection.count + count
    }
}
