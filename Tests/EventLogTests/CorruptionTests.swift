import EventLog
import Testing
import Wire

/// Whatever happens to the bytes: intact, or torn in the last batch, or damage that is reported; never a silent loss,
/// and the log goes on.
struct CorruptionTests {
    @Test func everyByteFlipped() async throws {
        let pattern: UInt8 = 0x01
        let sample = try await CorruptionSample()
        for (segment, bytes) in sample.segments.sorted(by: { $0.key < $1.key }) {
            for offset in bytes.indices {
                var changed = bytes
                changed[offset] ^= pattern
                let fixture = sample.make(segment, changed)
                let what = "segment \(segment), byte \(offset)"
                try await sample.check(fixture, what)
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
                sample.expectLittleLost(
                    reading,
                    segment: segment,
                    offset: offset,
                    "segment \(segment), byte \(offset)"
                )
                try await sample.check(sample.make(segment, changed), "segment \(segment), byte \(offset) = \(byte)")
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
                try await sample.check(changed, mayLoseEnd: segment == last, "segment \(segment) cut to \(length)")
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
                try await sample.check(
                    sample.make(segment, Array(lost.joined())),
                    mayLoseEnd: isLast && index == lines.count - 1,
                    "segment \(segment) without line \(index + 1)"
                )
                var repeated = lines
                repeated.insert(lines[index], at: index)
                try await sample.check(
                    sample.make(segment, Array(repeated.joined())),
                    "segment \(segment), line \(index + 1) twice"
                )
                guard index > 0 else { continue }
                var swapped = lines
                swapped.swapAt(index - 1, index)
                try await sample.check(
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
            try await sample.check(changed, "segment \(segment) missing")
        }
    }
}
