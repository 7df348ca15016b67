import EventLog
import Testing
import Wire

/// Whatever happens to the bytes: intact, or torn in the last batch, or damage that is reported; never a silent loss,
/// and the log goes on.
struct CorruptionTests {
    /// Everything that has to hold of a changed log; what it was taken for.
    private func check(
        _ sample: CorruptionSample,
        _ changed: LogFixture,
        mayLoseEnd: Bool = false,
        _ what: @autoclosure () -> String
    ) async throws {
        let before = try changed.read()
        expectReported(sample, before, mayLoseEnd, "\(what()), reading")
        let torn = before.tornTail
        if let sequences = torn?.sequences, !mayLoseEnd {
            #expect(sequences.lowerBound >= sample.lastBatch.lowerBound, "\(what())")
        }

        let log = try changed.open(fileSystem: UnsyncedFileSystem())
        #expect((log.recovery.tornTail == nil) == (torn == nil), "\(what())")
        if torn == nil {
            let reported = log.recovery.damages.map(\.offset)
            for damage in before.damages { #expect(reported.contains(damage.offset), "\(what()): \(damage)") }
        } else {
            let copy = try #require(log.recovery.tornTail?.copiedTo)
            #expect(Files.bytes(copy).count == torn?.byteCount, "\(what())")
        }
        let outcome = try await log.append(LogFixture.entry(#"{"new":1}"#))
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
        if torn == nil { expectReported(sample, after, mayLoseEnd, "\(what()), after opening") }

        // Opened once more it is the same log, and what was appended is known.
        let again = try changed.open(fileSystem: UnsyncedFileSystem())
        #expect(again.recovery.tornTail == nil, "\(what())")
        #expect(try await again.append(LogFixture.entry(#"{"new":1}"#)) == .duplicate(sequence: sequence), "\(what())")
        #expect(
            try await again.append(LogFixture.entry(#"{"new":2}"#)) == .accepted(sequence: sequence + 1),
            "\(what())"
        )
        await again.close()
        let last = try changed.read()
        #expect(last.sequences == after.sequences + [sequence + 1], "\(what())")
    }

    /// Changing one byte costs the record on its line and, for its newline, the next one. Nothing else.
    private func expectLittleLost(
        _ sample: CorruptionSample,
        _ reading: Reading,
        segment: Int,
        offset: Int,
        _ what: String
    ) {
        let bytes = sample.segments[segment] ?? []
        let line = bytes[..<offset].count { $0 == UInt8(ascii: "\n") }
        var lost: Set<Int> = line == 0 ? [] : [segment + line - 1]
        if bytes[offset] == UInt8(ascii: "\n"), offset + 1 < bytes.count { lost.insert(segment + line) }
        #expect(Set(1...sample.bodies.count).subtracting(reading.sequences) == lost, "\(what)")
    }

    private func expectReported(_ sample: CorruptionSample, _ reading: Reading, _ mayLoseEnd: Bool, _ what: String) {
        for (index, body) in sample.bodies.enumerated() {
            let delivered = reading.records.first { $0.sequence == index + 1 }
            if let delivered {
                #expect(delivered.body == body || delivered.body.hasPrefix(#"{"new""#), "\(what)")
            } else if !mayLoseEnd {
                #expect(reading.reports(index + 1), "\(what): record \(index + 1) is lost without a report")
            }
        }
        #expect(reading.sequences == reading.sequences.sorted(), "\(what)")
        #expect(Set(reading.sequences).count == reading.sequences.count, "\(what)")
        for damage in reading.damages { #expect(damage.line > 0, "\(what)") }
    }

    @Test func everyByteFlipped() async throws {
        let pattern: UInt8 = 0x01
        let sample = try await CorruptionSample()
        for (segment, bytes) in sample.segments.sorted(by: { $0.key < $1.key }) {
            for offset in bytes.indices {
                var changed = bytes
                changed[offset] ^= pattern
                let fixture = sample.make(segment, changed)
                let what = "segment \(segment), byte \(offset)"
                try await check(sample, fixture, what)
            }
        }
    }

    @Test func everyByteMadeANewline() async throws {
        let byte = UInt8(ascii: "\n")
        let sample = try await CorruptionSample()
        for (segment, bytes) in sample.segments {
            for offset in bytes.indices where bytes[offset] != byte {
                var changed = bytes
                changed[offset] = byte
                let reading = try sample.make(segment, changed).read()
                expectLittleLost(
                    sample,
                    reading,
                    segment: segment,
                    offset: offset,
                    "segment \(segment), byte \(offset)"
                )
                try await check(sample, sample.make(segment, changed), "segment \(segment), byte \(offset) = \(byte)")
            }
        }
    }

    @Test(arguments: [0x04, 0x10, 0x80] as [UInt8])
    func everyFlippedByteIsReportedWithItsLine(pattern: UInt8) async throws {
        let sample = try await CorruptionSample()
        for (segment, bytes) in sample.segments {
            var line = 1
            var start = 0
            for offset in bytes.indices {
                var changed = bytes
                changed[offset] ^= pattern
                let reading = try sample.make(segment, changed).read()
                expectReported(sample, reading, false, "byte \(offset)")
                expectLittleLost(
                    sample,
                    reading,
                    segment: segment,
                    offset: offset,
                    "segment \(segment), byte \(offset)"
                )
                let report = try #require((reading.damages + [reading.tornTail].compactMap { $0 }).first)
                #expect(report.segment == segment, "byte \(offset)")
                #expect(report.line == line, "byte \(offset)")
                #expect(report.offset == start, "byte \(offset)")
                if bytes[offset] == UInt8(ascii: "\n") {
                    line += 1
                    start = offset + 1
                }
            }
        }
    }

    @Test func everySegmentCutAtEveryLength() async throws {
        let sample = try await CorruptionSample()
        let last = sample.segments.keys.max()
        for (segment, bytes) in sample.segments {
            for length in bytes.indices {
                let changed = sample.make(segment, Array(bytes[..<length]))
                // What is cut off the end of the last segment leaves no trace in the log but the rest of a line.
                try await check(sample, changed, mayLoseEnd: segment == last, "segment \(segment) cut to \(length)")
            }
        }
    }

    @Test func everyLineLostRepeatedOrSwapped() async throws {
        let sample = try await CorruptionSample()
        for (segment, bytes) in sample.segments {
            let lines = bytes.split(separator: UInt8(ascii: "\n")).map { Array($0) + [UInt8(ascii: "\n")] }
            let isLast = segment == sample.segments.keys.max()
            for index in lines.indices {
                var lost = lines
                lost.remove(at: index)
                try await check(
                    sample,
                    sample.make(segment, Array(lost.joined())),
                    mayLoseEnd: isLast && index == lines.count - 1,
                    "segment \(segment) without line \(index + 1)"
                )
                var repeated = lines
                repeated.insert(lines[index], at: index)
                try await check(
                    sample,
                    sample.make(segment, Array(repeated.joined())),
                    "segment \(segment), line \(index + 1) twice"
                )
                guard index > 0 else { continue }
                var swapped = lines
                swapped.swapAt(index - 1, index)
                try await check(
                    sample,
                    sample.make(segment, Array(swapped.joined())),
                    "segment \(segment), line \(index + 1) before line \(index)"
                )
            }
        }
    }

    @Test func aLostNewlineBetweenTheLastTwoBatchesIsDamage() async throws {
        let sample = try await CorruptionSample()
        let log = try sample.fixture.open()
        #expect(try await log.append(LogFixture.entry("10")) == .accepted(sequence: 10))
        await log.close()
        var bytes = Files.bytes(sample.fixture.path(6))
        let last = try #require(bytes.dropLast().lastIndex(of: UInt8(ascii: "\n")))
        bytes[last] = UInt8(ascii: " ")
        let changed = sample.make(6, bytes)
        // Record 9 was durable before record 10 was written, so that this cannot be one torn batch.
        let again = try changed.open()
        #expect(again.recovery.tornTail == nil)
        #expect(again.recovery.damages.map(\.sequences) == [9...10])
        #expect(try await again.append(LogFixture.entry("11")) == .accepted(sequence: 11))
        await again.close()
        #expect(Files.bytes(changed.path(6)) == bytes)
    }

    @Test func aMissingSegmentIsReported() async throws {
        let sample = try await CorruptionSample()
        for segment in sample.segments.keys where segment != sample.segments.keys.max() {
            let changed = sample.make(segment, [])
            Files.remove(changed.path(segment))
            try await check(sample, changed, "segment \(segment) missing")
        }
    }
}
