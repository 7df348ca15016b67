import EventLog
import Testing
import Wire

extension CorruptionSample {
    /// Everything that has to hold of a changed log.
    ///
    /// - Parameters:
    ///   - mayLoseEnd: Whether records can be lost from the end of the log without a trace.
    ///   - mayTear: Whether what is left may look like a torn batch where more was.
    func check(
        _ changed: LogFixture,
        mayLoseEnd: Bool = false,
        mayTear: Bool = false,
        _ what: @autoclosure () -> String
    ) async throws {
        let before = try changed.read()
        expectReported(before, mayLoseEnd: mayLoseEnd, "\(what()), reading")
        let torn = before.tornTail
        if let sequences = torn?.sequences, !mayLoseEnd, !mayTear {
            #expect(sequences.lowerBound >= lastBatch.lowerBound, "\(what())")
        }

        let log = try open(changed)
        #expect((log.recovery.tornTail == nil) == (torn == nil), "\(what())")
        if torn == nil {
            let reported = log.recovery.damages.map(\.offset)
            // Opening reads the last two segments, and of the others the headers.
            let first = log.statistics.segments.map(\.segment).filter { $0 <= lastSegment }.suffix(2).first ?? 1
            for damage in before.damages where damage.segment >= first {
                #expect(reported.contains(damage.offset), "\(what()): \(damage)")
            }
        } else {
            let copy = try #require(log.recovery.tornTail?.copiedTo)
            #expect(Files.bytes(copy).count == torn?.byteCount, "\(what())")
        }
        let outcome = try await log.append(new(1))
        guard case .accepted(let sequence) = outcome else {
            Issue.record("\(what()): \(outcome)")
            return
        }
        let known = before.records.last?.sequence ?? 0
        #expect(sequence > known, "\(what())")
        let end = log.durableEnd
        await log.close()

        let after = try changed.read()
        #expect(after.records.last?.body == #"{"new":1}"#, "\(what())")
        #expect(after.records.last?.sequence == sequence, "\(what())")
        #expect(after.records.last?.position == end, "\(what())")
        #expect(after.tornTail == nil, "\(what())")
        #expect(Array(after.records.dropLast()) == before.records, "\(what())")
        #expect(after.damages.map(\.offset) == before.damages.map(\.offset), "\(what())")
        if torn == nil { expectReported(after, mayLoseEnd: mayLoseEnd, "\(what()), after opening") }

        // Opened once more it is the same log, and what was appended is known.
        let again = try open(changed)
        #expect(again.recovery.tornTail == nil, "\(what())")
        #expect(try await again.append(new(1)) == .duplicate(sequence: sequence), "\(what())")
        #expect(try await again.append(new(2)) == .accepted(sequence: sequence + 1), "\(what())")
        await again.close()
        let last = try changed.read()
        #expect(last.sequences == after.sequences + [sequence + 1], "\(what())")
    }

    /// After all that was appended before.
    private var later: Timestamp { Timestamp(microseconds: LogFixture.time.microseconds + 3_600_000_000) }

    private func open(_ changed: LogFixture) throws(LogError) -> EventLog {
        try EventLog.open(
            directory: changed.directory,
            fileSystem: UnsyncedFileSystem(),
            now: { [later] in later },
            deduplicationKey: { record in record.withBody { Identity.of($0) } }
        )
    }

    private func new(_ number: Int) -> LogEntry {
        var entry = LogFixture.entry(#"{"new":\#(number)}"#)
        entry.receivedAt = later
        return entry
    }

    /// Changing one byte costs the record on its line and, for its newline, the next one. Nothing else.
    func expectLittleLost(_ reading: Reading, segment: Int, offset: Int, _ what: String) {
        let bytes = segments[segment] ?? []
        let line = bytes[..<offset].count { $0 == UInt8(ascii: "\n") }
        var lost: Set<Int> = line == 0 ? [] : [segment + line - 1]
        if bytes[offset] == UInt8(ascii: "\n"), offset + 1 < bytes.count { lost.insert(segment + line) }
        #expect(Set(1...bodies.count).subtracting(reading.sequences) == lost, "\(what)")
    }

    /// What is not delivered is reported, in a stretch of time that has it; what is delivered is what was appended.
    func expectReported(_ reading: Reading, mayLoseEnd: Bool = false, _ what: String) {
        let delivered = Dictionary(reading.records.map { ($0.sequence, $0.body) }) { first, _ in first }
        let reports = reading.damages + [reading.tornTail].compactMap { $0 }
        let old = reading.records.last { !$0.body.hasPrefix(#"{"new""#) }?.sequence ?? 0
        for (index, body) in bodies.enumerated() {
            let sequence = index + 1
            if let found = delivered[sequence] {
                #expect(found == body || found.hasPrefix(#"{"new""#), "\(what)")
            } else if !mayLoseEnd || sequence <= old {
                // The reconciler asks CircleCI for what was received in between, and a day before. A segment's first records
                // were received a moment before it was created.
                let latest = times[index].microseconds + 10_000_000
                let isCovered = reports.contains {
                    $0.sequences?.contains(sequence) == true && $0.since.map { $0.microseconds <= latest } ?? true
                        && $0.until.map { $0 >= times[index] } ?? true
                }
                #expect(isCovered, "\(what): record \(sequence) is lost without a report")
            }
        }
        #expect(zip(reading.sequences, reading.sequences.dropFirst()).allSatisfy { $0 < $1 }, "\(what)")
        for damage in reports { #expect(damage.line > 0 && damage.offset >= 0, "\(what)") }
    }
}
