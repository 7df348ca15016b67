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
/// For one consumer, which blocks in ``next(_:)`` and must call ``stop()`` at the end.
final class ScanAhead: Sendable {
    /// Read but not yet counted: a bound on memory, and enough that reading goes on while what was counted is published.
    private static let maximumBatchCount = 64

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
    /// - Parameter batch: those before, whose memory is filled anew; afterwards the next ones.
    func next(_ batch: inout ScannedBatch?) throws {
        if let done = batch.take() {
            state.withLock { $0.spare.append(done) }
            free.signal()
        }
        filled.wait()
        batch = try state.withLock { state in
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
        var batch = ScannedBatch()
        guard take(&batch) else { return }
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
            hand(&batch)
            isWanted = take(&batch)
            return isWanted
        }
        if isWanted { hand(&batch) }
    }

    private func hand(_ batch: inout ScannedBatch) {
        // Nobody else may hold its memory then, or whoever fills it would fill a copy.
        let full = exchange(&batch, with: ScannedBatch())
        state.withLock { $0.batches.append(full) }
        filled.signal()
    }

    /// Makes `batch` an empty one. False where no more is wanted.
    private func take(_ batch: inout ScannedBatch) -> Bool {
        free.wait()
        return state.withLock { state in
            guard !state.isStopped else { return false }
            // The one that was used last: it may still be in the processor's cache.
            if let spare = state.spare.popLast() { batch = spare }
            batch.removeAll()
            return true
        }
    }
}

/// Records with their events, in a copy of those bytes that count.
struct ScannedBatch: Sendable {
    struct Record: Sendable {
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
    private static let usualByteCount = 1 << 16
    private static let usualRecordCount = 192

    /// The first `filled` of them are taken.
    private var bytes: [UInt8] = []
    private var filled = 0
    private var records: [Record] = []
    /// In order, each before a record of that place.
    private var damages: [(place: Int, damage: LogDamage)] = []

    var isFull: Bool { records.count >= ScannedBatch.usualRecordCount || filled >= ScannedBatch.usualByteCount }

    /// Keeps its memory.
    mutating func removeAll() {
        filled = 0
        records.removeAll(keepingCapacity: true)
        records.reserveCapacity(ScannedBatch.usualRecordCount)
        damages.removeAll()
    }

    mutating func add(_ record: LogRecord) {
        record.withBody { body in
            let connection = record.connectionText.raw(in: record.line)
            let missing = filled + connection.count + body.count - bytes.count
            if missing > 0 {
                bytes.append(contentsOf: repeatElement(0, count: max(missing, ScannedBatch.usualByteCount)))
            }
            records.append(Record(source: record.source, position: record.position))
            filled += records[records.count - 1].take(body, connection: connection, into: &bytes, at: filled)
            // The room that a large body needed is not kept: many batches wait, and little of a body is.
            if bytes.count > filled + 2 * ScannedBatch.usualByteCount { bytes = Array(bytes[..<filled]) }
        }
    }

    mutating func add(_ damage: LogDamage) { damages.append((records.count, damage)) }

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
    ///   - bytes: With room for all of both.
    ///   - start: Where that begins.
    /// - Returns: How many bytes are taken.
    fileprivate mutating func take(
        _ body: UnsafeRawBufferPointer,
        connection: UnsafeRawBufferPointer,
        into bytes: inout [UInt8],
        at start: Int
    ) -> Int {
        let end = start + connection.count
        self.connection = start..<end
        let count = bytes.withUnsafeMutableBytes { bytes in
            UnsafeMutableRawBufferPointer(rebasing: bytes[start..<end]).copyMemory(from: connection)
            return take(body, into: UnsafeMutableRawBufferPointer(rebasing: bytes[end...]))
        }
        self.body = end..<(end + count)
        return connection.count + count
    }

    private mutating func take(_ body: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer) -> Int {
        do {
            try EventScanner.read(body, into: &event)
        } catch {
            event = Event()
            return 0
        }
        isObject = true
        switch event.kind {
        case .jobCompleted, .workflowCompleted: return event.gather(from: body, into: room)
        default:
            room.copyMemory(from: body)
            return body.count
        }
    }
}
