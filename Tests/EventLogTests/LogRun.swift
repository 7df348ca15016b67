import Dispatch
import FakeCircleCI
import Glibc
import Synchronization
import TestSupport
import Testing
import Wire

@testable import EventLog

/// A workload on a log whose file system may fail, and all that was promised meanwhile.
final class LogRun: Sendable {
    struct Ledger: Sendable {
        /// Every body that was given to the log.
        var offered: Set<String> = []
        /// What callers were told and readers were shown, by sequence.
        var promised: [Int: String] = [:]
        /// Sequences in the order in which they were called durable.
        var order: [Int] = []
        /// Records that were destroyed on purpose.
        var destroyed: Set<Int> = []
        /// What becomes of a record by an erasure that was begun.
        var erased: [Int: String] = [:]
        var isErased = false
    }

    let fixture = LogFixture()
    let fileSystem: FaultyFileSystem
    let workload: Workload
    let seed: UInt64
    private let state: Mutex<Ledger>

    init(_ prepared: Workload.Prepared, seed: UInt64, recordsMoments: Bool = false) {
        workload = prepared.workload
        self.seed = seed
        state = Mutex(prepared.ledger)
        fileSystem = FaultyFileSystem(recordsMoments: recordsMoments)
        if let contents = prepared.contents {
            contents.write(to: fixture.directory)
            fileSystem.adopt(contents, at: fixture.directory)
        }
    }

    var ledger: Ledger { state.withLock { $0 } }
    func change(_ body: (inout Ledger) -> Void) { state.withLock { body(&$0) } }

    var options: EventLog.Options {
        var options = EventLog.Options()
        options.maximumSegmentBytes = workload.segmentBytes
        options.maximumBatchBytes = workload.batchBytes
        options.frameBytes = 300
        options.takeoverRetryInterval = .zero
        options.observe = { [fileSystem] observation in
            if case .appended(let records, _, _) = observation { fileSystem.noteDurable(records) }
        }
        return options
    }

    func open() throws(LogError) -> EventLog { try fixture.open(options, fileSystem: fileSystem) }

    /// The body with this number, the same for each run with the seed.
    func body(_ number: Int) -> String {
        var generator = SeededGenerator(seed: seed &+ UInt64(number) &* 7_919)
        let length = Int.random(in: 0...workload.bodyBytes, using: &generator)
        let isFolded = Int.random(in: 0..<6, using: &generator) == 0
        return "{\"n\":\(number),\(isFolded ? "\n" : "")\"text\":\"\(String(repeating: "x", count: length))\"}"
    }

    func note(_ sequence: Int, _ body: String, isNew: Bool) {
        state.withLock { ledger in
            let known = ledger.promised[sequence]
            #expect(
                known == nil || known == body || ledger.erased[sequence] == body,
                "\(workload.name), seed \(seed): record \(sequence) has two contents"
            )
            if known == nil { ledger.promised[sequence] = body }
            if isNew { ledger.order.append(sequence) }
        }
    }

    /// Appends a body; whether it was acknowledged.
    @discardableResult
    func append(_ log: EventLog, _ body: String) async -> Bool {
        change { $0.offered.insert(body) }
        do throws(LogError) {
            switch try await log.append(LogFixture.entry(body)) {
            case .accepted(let sequence): note(sequence, body, isNew: true)
            case .duplicate(let sequence): note(sequence, body, isNew: false)
            }
            return true
        } catch {
            #expect(error.code == .unavailable || error.code == .closed, "\(workload.name), seed \(seed): \(error)")
            return false
        }
    }

    func append(_ log: EventLog, _ numbers: ClosedRange<Int>) async {
        for number in numbers { await append(log, body(number)) }
    }

    private final class Counter: Sendable {
        private let value = Mutex(0)
        var count: Int { value.withLock { $0 } }
        func add() { value.withLock { $0 += 1 } }
    }

    /// Appends bodies by callers at the same time, who come in this order while the log's thread is busy.
    func wave(_ log: EventLog, _ bodies: [String], closing: Bool = false) async {
        let answered = Counter()
        await log.suspendThread()
        await withTaskGroup(of: Void.self) { group in
            for (index, body) in bodies.enumerated() {
                group.addTask {
                    await self.append(log, body)
                    answered.add()
                }
                await waitUntil {
                    let activity = log.statistics.activity ?? LogActivity()
                    let count = activity.queuedCount + activity.duplicateWaiterCount
                    return count + answered.count > index
                }
            }
            if closing { group.addTask { await log.close() } }
            log.committer.thread.resume()
        }
    }
}

extension LogRun {
    /// That every acknowledged record is delivered, in order and once, that nothing is invented, and that what is damaged
    /// was destroyed on purpose or never acknowledged.
    func expectKept(
        _ reading: Reading,
        _ what: String,
        of ledger: Ledger,
        additional: Set<String> = [],
        doubtfulBatches: Int = 1,
        allOfIt: Bool = true,
        eachOnce: Bool = true
    ) {
        let found = Dictionary(reading.records.map { ($0.sequence, $0.body) }) { first, _ in first }
        for (sequence, body) in ledger.promised {
            guard !ledger.destroyed.contains(sequence) else {
                #expect(reading.reports(sequence), "\(what): record \(sequence) is lost without a report")
                continue
            }
            let erased = ledger.erased[sequence]
            let isKept = found[sequence] == body && !(ledger.isErased && erased != nil) || found[sequence] == erased
            #expect(isKept && found[sequence] != nil, "\(what): record \(sequence) was acknowledged and is gone")
        }
        #expect(zip(reading.sequences, reading.sequences.dropFirst()).allSatisfy { $0 < $1 }, "\(what): order")
        let invented = Set(reading.bodies).subtracting(ledger.offered).subtracting(additional)
            .subtracting(ledger.erased.values)
        #expect(invented.isEmpty, "\(what): invented \(invented)")
        #expect(!eachOnce || Set(reading.bodies).count == reading.bodies.count, "\(what): an event stands twice")
        let intact = ledger.promised.keys.filter { !ledger.destroyed.contains($0) }
        for damage in reading.damages {
            // A batch in doubt may be damaged in its middle, and is then reported rather than cut.
            let isExpected =
                damage.sequences.map { lost in !intact.contains { lost.contains($0) } } ?? (damage.offset == 0)
            #expect(isExpected, "\(what): \(damage)")
        }
        let unpromised = reading.records.filter { ledger.promised[$0.sequence] == nil && !additional.contains($0.body) }
        #expect(Set(unpromised.map(\.batch)).count <= doubtfulBatches, "\(what): more than the last batch was in doubt")
        if allOfIt { #expect(unpromised.isEmpty, "\(what): \(unpromised)") }
    }

    /// Opens what a loss of power left, goes on with it, and looks at all of it.
    func expectRecovered(
        _ state: DirectoryState,
        _ what: String,
        of ledger: Ledger,
        eachOnce: Bool = true,
        doubtfulBatches: Int = 1
    ) async throws {
        let left = LogFixture()
        state.write(to: left.directory)
        var options = options
        options.observe = nil
        let fresh = #"{"fresh":1}"#
        let log: EventLog
        do throws(LogError) { log = try left.open(options, fileSystem: UnsyncedFileSystem()) } catch {
            Issue.record("\(what): \(error)")
            return
        }
        guard case .accepted(let sequence) = try await log.append(LogFixture.entry(fresh)) else {
            Issue.record("\(what): an event that is new counts as a duplicate")
            return
        }
        #expect(ledger.promised[sequence] == nil, "\(what): record \(sequence) was promised to another event")
        await log.close()
        let reading = try left.read()
        expectKept(
            reading,
            what,
            of: ledger,
            additional: [fresh],
            doubtfulBatches: doubtfulBatches,
            allOfIt: false,
            eachOnce: eachOnce
        )
        #expect(reading.records.last?.body == fresh, "\(what): the end")
        #expect(reading.tornTail == nil, "\(what): a torn tail was left")
    }
}
