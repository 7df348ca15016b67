import EventLog
import FakeCircleCI
import Glibc
import TestSupport
import Testing
import Wire

/// Reading from the end, held against reading everything forwards.
struct BackwardTests {
    /// All that reading backwards delivers.
    private struct Backward {
        var sequences: [Int] = []
        var bodies: [String] = []
        var damages: [LogDamage] = []
        var reading: BackwardReading

        init(
            _ directory: String,
            before sequence: Int? = nil,
            through end: LogPosition,
            after floor: Int = 0,
            atMost count: Int = .max,
            maximumBytes: Int = .max,
            fileSystem: any FileSystem = PosixFileSystem()
        ) throws {
            var sequences: [Int] = []
            var bodies: [String] = []
            var damages: [LogDamage] = []
            reading = try LogReader(directory: directory, fileSystem: fileSystem).readBackward(
                before: sequence,
                through: end,
                after: floor,
                mayGoOn: { $0 <= maximumBytes }
            ) { item in
                switch item {
                case .record(let record):
                    sequences.append(record.sequence)
                    bodies.append(record.withBody { String(decoding: $0, as: UTF8.self) })
                case .damage(let damage), .tornTail(let damage): damages.append(damage)
                }
                return sequences.count < count
            }
            (self.sequences, self.bodies, self.damages) = (sequences, bodies, damages)
        }
    }

    /// A log of several segments with short, long and multi-line bodies.
    private func log(_ fixture: LogFixture, count: Int, _ random: inout SeededGenerator) async throws -> LogPosition {
        var options = EventLog.Options()
        options.maximumSegmentBytes = Int.random(in: 1_000...400_000, using: &random)
        let log = try fixture.open(options, fileSystem: UnsyncedFileSystem())
        for index in 1...count {
            let length = Int.random(in: 0..<20, using: &random) == 0 ? Int.random(in: 0..<200_000, using: &random) : 40
            let text = String(repeating: "x", count: length)
            let isBroken = Int.random(in: 0..<5, using: &random) == 0
            let body = isBroken ? "{\"n\":\(index),\n\"t\":\"\(text)\"}" : "{\"n\":\(index),\"t\":\"\(text)\"}"
            _ = try await log.append(LogFixture.entry(body, signature: index % 3 == 0 ? "v1=\"x" : nil))
        }
        defer { _ = fixture }
        let end = log.durableEnd
        await log.close()
        return end
    }

    @Test(arguments: 0..<8)
    func `backwards is forwards the other way round, from any place to any place`(_ round: UInt64) async throws {
        let seed = TestSeed.of(round: round)
        var random = SeededGenerator(seed: seed)
        let fixture = LogFixture()
        let count = Int.random(in: 1...300, using: &random)
        let end = try await log(fixture, count: count, &random)
        let all = try fixture.read()
        try #require(all.records.count == count && all.damages.isEmpty)
        for _ in 0..<30 {
            let before = Int.random(in: 1...(count + 3), using: &random)
            let floor = Int.random(in: 0...count, using: &random)
            let limit = Int.random(in: 1...(count + 1), using: &random)
            let wanted = all.records.filter { $0.sequence < before && $0.sequence > floor }.reversed().prefix(limit)
            let read = try Backward(fixture.directory, before: before, through: end, after: floor, atMost: limit)
            #expect(read.sequences == wanted.map(\.sequence), "seed \(seed)")
            #expect(read.bodies == wanted.map(\.body), "seed \(seed)")
            #expect(read.damages.isEmpty, "seed \(seed)")
            if let last = wanted.last { #expect(read.reading.searchedTo == last.sequence, "seed \(seed)") }
        }
        // Through an earlier end, as it was then.
        let earlier = all.records[count / 2].position
        let read = try Backward(fixture.directory, through: earlier)
        #expect(read.sequences == Array((1...earlier.sequence).reversed()), "seed \(seed)")
    }

    @Test func `the tail of a large segment is read alone, and so is a place inside it`() async throws {
        let fixture = LogFixture()
        let log = try fixture.open(fileSystem: UnsyncedFileSystem())
        let text = String(repeating: "x", count: 6_000)
        for index in 1...1_500 { _ = try await log.append(LogFixture.entry("{\"n\":\(index),\"t\":\"\(text)\"}")) }
        let end = log.durableEnd
        await log.close()
        let tail = try Backward(fixture.directory, through: end, atMost: 10)
        #expect(tail.sequences == Array((1_491...1_500).reversed()))
        #expect(tail.reading.bytesRead <= 64 << 10)
        let inside = try Backward(fixture.directory, before: 701, through: end, atMost: 1)
        #expect(inside.sequences == [700])
        #expect(inside.reading.bytesRead <= 256 << 10)
    }

    @Test(arguments: 0..<60)
    func `of a damaged log the same is delivered and reported as forwards`(_ round: UInt64) async throws {
        let seed = TestSeed.of(round: round)
        var random = SeededGenerator(seed: seed)
        let sample = try await CorruptionSample()
        let end = try #require(try sample.fixture.read().end)
        let segment = [1, 6].randomElement(using: &random) ?? 1
        var bytes = try #require(sample.segments[segment])
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes[Int.random(in: bytes.indices, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
            case 1: bytes[Int.random(in: bytes.indices, using: &random)] = 0x0a
            case 2:
                let place = Int.random(in: bytes.indices, using: &random)
                let length = min(Int.random(in: 1..<200, using: &random), bytes.count - place)
                bytes.replaceSubrange(place..<(place + length), with: repeatElement(0, count: length))
            default:
                var lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false).map(Array.init)
                guard lines.count > 3 else { break }
                lines.swapAt(Int.random(in: 1..<(lines.count - 1), using: &random), lines.count - 2)
                bytes = Array(lines.joined(separator: [0x0a]))
            }
        }
        let damaged = sample.make(segment, bytes)
        let forwards = try Reading(directory: damaged.directory, through: end)
        let backwards = try Backward(damaged.directory, through: end)
        #expect(backwards.sequences == forwards.sequences.reversed(), "seed \(seed)")
        #expect(backwards.bodies == forwards.bodies.reversed(), "seed \(seed)")
        // What cost no record may stand where reading does not come to.
        let costly = Set(forwards.damages.filter { $0.sequences != nil })
        #expect(Set(backwards.damages.filter { $0.sequences != nil }) == costly, "seed \(seed)")
        #expect(Set(forwards.damages).isSuperset(of: backwards.damages), "seed \(seed)")
        // Cut into pages, nothing comes twice and nothing is lost.
        var paged: [Int] = []
        var reports: Set<LogDamage> = []
        var cursor = end.sequence + 1
        while cursor > 1 {
            let page = try Backward(damaged.directory, before: cursor, through: end, atMost: 2, maximumBytes: 0)
            paged += page.sequences
            reports.formUnion(page.damages)
            try #require(page.reading.searchedTo < cursor, "seed \(seed)")
            cursor = page.reading.searchedTo
        }
        #expect(paged == forwards.sequences.reversed(), "seed \(seed)")
        #expect(reports.isSuperset(of: costly), "seed \(seed)")
    }

    @Test func `segments that are missing are reported where they were`() async throws {
        let sample = try await CorruptionSample()
        let end = try #require(try sample.fixture.read().end)
        unlink(sample.fixture.path(1))
        let read = try Backward(sample.fixture.directory, through: end)
        #expect(read.sequences == [9, 8, 7, 6])
        #expect(read.damages.map(\.sequences) == [1...5] && read.damages.map(\.kind) == [.segmentMissing])
        #expect(read.reading.searchedTo == 1)
        let rest = try Backward(sample.fixture.directory, before: 6, through: end)
        #expect(rest.sequences.isEmpty && rest.damages.map(\.sequences) == [1...5])
    }

    @Test func `what is not durable is not shown`() async throws {
        let fixture = LogFixture()
        let faulty = FaultyFileSystem()
        let log = try fixture.open(fileSystem: faulty)
        for index in 1...3 { _ = try await log.append(LogFixture.entry("{\"n\":\(index)}")) }
        let end = log.durableEnd
        faulty.set(FaultyFileSystem.Fault(kind: .synchronizeData, index: 0, isSticky: false, effect: .error(5)))
        await #expect(throws: LogError.self) { try await log.append(LogFixture.entry("{\"n\":\"void\"}")) }
        #expect(try Backward(fixture.directory, through: end).sequences == [3, 2, 1])
        _ = try await log.append(LogFixture.entry("{\"n\":5}"))
        let after = try Backward(fixture.directory, through: log.durableEnd)
        #expect(after.bodies == ["{\"n\":5}", "{\"n\":3}", "{\"n\":2}", "{\"n\":1}"] && after.damages.isEmpty)
        await log.close()
    }

    @Test func `while records are appended, each page goes on where the last one ended`() async throws {
        let fixture = LogFixture()
        var options = EventLog.Options()
        options.maximumSegmentBytes = 3_000
        let log = try fixture.open(options, fileSystem: UnsyncedFileSystem())
        for index in 1...50 { _ = try await log.append(LogFixture.entry("{\"n\":\(index)}")) }
        async let writing: Void = {
            for index in 51...400 { _ = try await log.append(LogFixture.entry("{\"n\":\(index)}")) }
        }()
        let first = log.durableEnd.sequence
        var cursor = first + 1
        var sequences: [Int] = []
        while cursor > 1 {
            let page = try Backward(fixture.directory, before: cursor, through: log.durableEnd, atMost: 7)
            sequences += page.sequences
            cursor = page.reading.searchedTo
        }
        #expect(sequences == Array((1...first).reversed()))
        try await writing
        await log.close()
    }
}
