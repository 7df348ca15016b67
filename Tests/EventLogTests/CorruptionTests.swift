import EventLog
import Glibc
import Testing
import Wire

/// Whatever happens to the bytes: intact, or torn in the last batch, or damage that is reported; never a silent loss,
/// and the log goes on.
struct CorruptionTests {
    /// Records of a batch each but for the last one, of three, over two segments.
    private struct Sample {
        let fixture = LogFixture()
        var bodies: [String] = []
        var segments: [Int: [UInt8]] = [:]
        let lastBatch = 7...9

        init() async throws {
            var options = EventLog.Options()
            options.maximumSegmentBytes = 1_000
            // Batches are made by holding the log's thread while three appends queue.
            let gate = GatedFileSystem()
            let log = try fixture.open(options, fileSystem: gate)
            for index in 1...5 {
                let body = #"{"n":\#(index)}"#
                bodies.append(body)
                _ = try await log.append(LogFixture.entry(body, signature: index == 2 ? "v1=\"x" : nil))
            }
            gate.hold()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 6...9 {
                    let body = #"{"n":\#(index)}"#
                    bodies.append(body)
                    group.addTask { _ = try await log.append(LogFixture.entry(body)) }
                    await waitUntil { gate.isWaiting && log.statistics.activity?.queuedCount == index - 5 }
                }
                gate.release()
                try await group.waitForAll()
            }
            await log.close()
            let reading = try fixture.read()
            try #require(reading.bodies == bodies && reading.damages.isEmpty && reading.tornTail == nil)
            try #require(reading.records.map(\.batch) == [1, 2, 3, 4, 5, 6, 7, 7, 7])
            for name in Files.names(fixture.directory) where name.hasSuffix(".ndjson") {
                let segment = try #require(Int(name.prefix(20)))
                segments[segment] = Files.bytes("\(fixture.directory)/\(name)")
            }
            // The last segment has batches before its last one.
            try #require(segments.keys.sorted() == [1, 6])
        }

        func make(_ segment: Int, _ bytes: [UInt8]) -> LogFixture {
            let changed = LogFixture()
            mkdir(changed.directory, 0o700)
            for (other, original) in segments {
                Files.write(other == segment ? bytes : original, to: changed.path(other))
            }
            return changed
        }
    }

    /// Everything that has to hold of a changed log; what it was taken for.
    private func check(
        _ sample: Sample,
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

    private func expectReported(_ sample: Sample, _ reading: Reading, _ mayLoseEnd: Bool, _ what: String) {
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
        let sample = try await Sample()
        for (segment, bytes) in sample.segments.sorted(by: { $0.key < $1.key }) {
            for offset in bytes.indices {
                var changed = bytes
                changed[offset] ^= pattern
                let fixture = sample.make(segment, changed)
                let what = "segment \(segment), byte \(offset)"
                try await check(sample, fixture, what)
                let reading = try fixture.read()
                #expect(reading.records.count >= sample.bodies.count - 3 + 2, "\(what)")
            }
        }
    }

    @Test func everyByteMadeANewline() async throws {
        let byte = UInt8(ascii: "\n")
        let sample = try await Sample()
        for (segment, bytes) in sample.segments {
            for offset in bytes.indices where bytes[offset] != byte {
                var changed = bytes
                changed[offset] = byte
                try await check(sample, sample.make(segment, changed), "segment \(segment), byte \(offset) = \(byte)")
            }
        }
    }

    @Test(arguments: [0x04, 0x10, 0x80] as [UInt8])
    func everyFlippedByteIsReportedWithItsLine(pattern: UInt8) async throws {
        let sample = try await Sample()
        for (segment, bytes) in sample.segments {
            var line = 1
            var start = 0
            for offset in bytes.indices {
                var changed = bytes
                changed[offset] ^= pattern
                let reading = try sample.make(segment, changed).read()
                expectReported(sample, reading, false, "byte \(offset)")
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
        let sample = try await Sample()
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
        let sample = try await Sample()
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

    @Test func aMissingSegmentIsReported() async throws {
        let sample = try await Sample()
        for segment in sample.segments.keys where segment != sample.segments.keys.max() {
            let changed = sample.make(segment, [])
            Files.remove(changed.path(segment))
            try await check(sample, changed, "segment \(segment) missing")
        }
    }
}
