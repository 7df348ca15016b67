import Glibc
import Testing
import Wire

@testable import EventLog

/// Whatever happens to the bytes of a compressed segment: what cannot be unpacked is reported as damage of the segment, in
/// its place, and everything else is delivered.
struct CompressedCorruptionTests {
    /// A log of three segments, of which the first two are compressed, and what is known of the first.
    private struct Sample {
        let bodies: [String]
        let contents: DirectoryState
        let frames: [FrameTable.Frame]
        /// The first segment's content.
        let plain: [UInt8]
        /// The sequence of the first record of the second segment.
        let second: Int
        let name = LogDirectory.name(ofCompressedSegment: 1)

        init() async throws {
            let fixture = LogFixture()
            var options = EventLog.Options()
            options.maximumSegmentBytes = 1_500
            options.frameBytes = 350
            let log = try fixture.open(options, fileSystem: UnsyncedFileSystem())
            var number = 0
            while log.statistics.segments.count < 3 {
                number += 1
                _ = try await log.append(LogFixture.entry("{\"n\":\(number),\"t\":\"\(number * 7_919 % 1_000)\"}"))
            }
            plain = Files.bytes(fixture.path(1))
            _ = try log.compressSealed()
            second = log.statistics.segments[1].segment
            await log.close()
            bodies = try fixture.read().bodies
            contents = DirectoryState(fixture.directory)
            let directory = LogDirectory(path: fixture.directory, fileSystem: PosixFileSystem())
            frames = try SegmentFile(1, in: directory).compressed?.table.frames ?? []
            try #require(frames.count >= 5 && bodies.count == number)
        }

        var file: [UInt8] { contents.files[name] ?? [] }

        func make(_ bytes: [UInt8]) -> LogFixture {
            var state = contents
            state.files[name] = bytes
            let fixture = LogFixture()
            state.write(to: fixture.directory)
            return fixture
        }

        /// The records of which some of the content's bytes hold a part, the header and its newline aside.
        func records(in content: Range<Int>) -> Set<Int> {
            var records: Set<Int> = []
            var start = 0
            var sequence = 0
            for line in plain.split(separator: UInt8(ascii: "\n")) {
                if sequence > 0, (start..<(start + line.count + 1)).overlaps(content) { records.insert(sequence) }
                start += line.count + 1
                sequence += 1
            }
            return records
        }

        /// That what is delivered is what was appended, in order, and that the rest is reported.
        func expectReported(_ reading: Reading, _ what: String) -> Set<Int> {
            let missing = Set(1...bodies.count).subtracting(reading.sequences)
            for record in reading.records {
                #expect(record.body == bodies[record.sequence - 1], "\(what): record \(record.sequence)")
            }
            for sequence in missing { #expect(reading.reports(sequence), "\(what): record \(sequence)") }
            #expect(zip(reading.sequences, reading.sequences.dropFirst()).allSatisfy { $0 < $1 }, "\(what)")
            #expect(reading.tornTail == nil, "\(what)")
            return missing
        }
    }

    @Test func `every bit flipped costs the records of its frame at most, and is reported where it costs any`()
        async throws
    {
        let sample = try await Sample()
        var damagedCount = 0
        for offset in sample.file.indices {
            for bit in 0..<8 {
                let what = "byte \(offset), bit \(bit)"
                var changed = sample.file
                changed[offset] ^= 1 << bit
                let fixture = sample.make(changed)
                let reading = try fixture.read()
                let missing = sample.expectReported(reading, what)
                let frame = sample.frames.first { ($0.offset..<($0.offset + $0.byteCount)).contains(offset) }
                guard let frame else {
                    // The table: the frames tell the same.
                    #expect(missing.isEmpty && reading.damages.isEmpty, "\(what): \(reading.damages)")
                    continue
                }
                guard !reading.damages.isEmpty else {
                    #expect(missing.isEmpty, "\(what)")
                    continue
                }
                damagedCount += 1
                let held = sample.records(in: frame.contentOffset..<frame.contentEnd)
                #expect(missing.isSubset(of: held), "\(what): \(missing) of \(held)")
                let damage = try #require(reading.damages.first)
                #expect(reading.damages.count == 1 && damage.segment == 1, "\(what): \(reading.damages)")
                #expect(damage.offset <= frame.contentOffset, "\(what): \(damage)")
                #expect(damage.offset + damage.byteCount >= frame.contentEnd, "\(what): \(damage)")
                let line = sample.plain[..<damage.offset].count { $0 == UInt8(ascii: "\n") } + 1
                #expect(damage.line == line, "\(what): \(damage)")
            }
        }
        // Some bits of a frame's header mean nothing.
        #expect(damagedCount > sample.frames.reduce(0) { $0 + $1.byteCount } * 7)
    }

    @Test func `whatever is cut off the end is reported, and the log goes on`() async throws {
        let sample = try await Sample()
        for count in sample.file.indices {
            let fixture = sample.make(Array(sample.file[..<count]))
            let missing = sample.expectReported(try fixture.read(), "cut to \(count)")
            let whole = sample.frames.last { $0.offset + $0.byteCount <= count }?.contentEnd ?? 0
            let lost = sample.records(in: whole..<sample.plain.count)
            #expect(missing == (whole == sample.plain.count ? [] : lost), "cut to \(count)")
        }
        let fixture = sample.make([])
        let log = try fixture.open()
        #expect(log.recovery.damages.map(\.sequences) == [1...(sample.second - 1)])
        #expect(try await log.append(LogFixture.entry("new")) == .accepted(sequence: sample.bodies.count + 1))
        await log.close()
    }

    @Test func `nothing that a file claims of itself takes memory or time`() async throws {
        let sample = try await Sample()
        var table = FrameTable()
        for _ in 0..<1_000 { table.add(byteCount: 0, contentCount: 1 << 20) }
        let claims: [[UInt8]] = [
            // A frame header that claims 2^62 bytes, and a frame of the largest window.
            [0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x40, 1, 0, 0],
            [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff, 1, 0, 0],
            // A skipped frame that is longer than the file, and very many of no length.
            [0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff, 0xff, 0xff],
            [UInt8](repeating: 0, count: 4_000),
            (0..<500).flatMap { _ in [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0] as [UInt8] },
            // Tables that speak of frames which are not there.
            table.encoded,
            Array(table.encoded.dropFirst(20)),
            [0xff, 0xff, 0xff, 0xff, 0, 0xb1, 0xea, 0x92, 0x8f],
        ]
        for (index, bytes) in claims.enumerated() {
            let missing = sample.expectReported(try sample.make(bytes).read(), "claim \(index)")
            #expect(missing == Set(1..<sample.second), "claim \(index)")
        }
    }

    @Test func `a damaged segment is expanded for erasing only`() async throws {
        let sample = try await Sample()
        var changed = sample.file
        changed[sample.frames[2].offset + sample.frames[2].byteCount / 2] ^= 1
        let fixture = sample.make(changed)
        let before = try fixture.read()
        let lock = try LogLock.acquire(directory: fixture.directory)
        defer { lock.release() }
        let report = try lock.expand()
        #expect(report.leftSegments == [1] && report.segments == [sample.second] && report.isComplete)
        #expect(Files.bytes("\(fixture.directory)/\(sample.name)") == changed)
        try lock.directory.makePlain(1, synchronizing: lock.descriptor)
        let after = try fixture.read()
        #expect(after.records == before.records && after.damages == before.damages)
        #expect(!Files.names(fixture.directory).contains { $0.hasSuffix(".zst") })
    }
}
