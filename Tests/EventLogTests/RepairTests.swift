import FakeCircleCI
import Glibc
import TestSupport
import Testing
import Wire

@testable import EventLog

/// What a log has lost comes back from a copy where it is proven, and nothing else changes.
struct RepairTests {
    private typealias Records = [Int: Reading.Record]

    private func changed(
        _ segments: [Int: [UInt8]],
        times: Int,
        sparingLast: Bool = false,
        using generator: inout SeededGenerator
    ) -> [Int: [UInt8]] {
        var changed = segments
        for _ in 0..<times {
            let spared = sparingLast ? segments.keys.max() : nil
            guard let change = LogChange.allCases.randomElement(using: &generator),
                let segment = changed.keys.sorted().filter({ $0 != spared }).randomElement(using: &generator)
            else { continue }
            change.apply(to: &changed, segment, using: &generator)
        }
        return changed
    }

    private func state(_ segments: [Int: [UInt8]]) -> [String: [UInt8]] {
        Dictionary(uniqueKeysWithValues: segments.map { (LogDirectory.name(ofSegment: $0), $1) })
    }

    /// Repairs as the command does; the plan.
    @discardableResult
    private func repair(_ log: LogFixture, from copy: LogFixture?) throws -> RepairPlan {
        let lock = try LogLock.acquire(directory: log.directory)
        defer { lock.release() }
        let before = DirectoryState(log.directory)
        let plan = try #require(try LogRepair(directory: log.directory, copy: copy?.directory).plan())
        #expect(DirectoryState(log.directory) == before, "planning changes nothing")
        #expect(try lock.repair(plan))
        return plan
    }

    /// What holds of every repair: all that could be read still can, all that can be read was written.
    private func expectOnlyMore(_ before: Reading, _ after: Reading, of sample: CorruptionSample, _ what: String) {
        #expect(Set(before.sequences).isSubset(of: after.sequences), "\(what)")
        #expect(after.damages.count <= before.damages.count, "\(what)")
        for record in after.records { #expect(record.body == sample.bodies[record.sequence - 1], "\(what)") }
    }

    @Test func `a changed log is from an intact copy what it was, up to its last good record`() async throws {
        let campaign = Campaign("log-repair", unit: "seeds", short: 2)
        while let seed = campaign.nextSeed() {
            let sample = try await CorruptionSample(seed: seed)
            for round in 0..<60 {
                var generator = SeededGenerator(seed: seed &+ UInt64(round) &* 104_729)
                let segments = changed(sample.segments, times: 1 + round % 4, using: &generator)
                guard !segments.isEmpty else { continue }
                let what = "seed \(seed), round \(round)"
                let log = sample.make(segments)
                let before = try log.read()
                let plan = try repair(log, from: sample.fixture)
                let after = try log.read()
                expectOnlyMore(before, after, of: sample, what)
                let last = before.sequences.last ?? 0
                #expect(after.sequences.prefix(last) == Array(1...max(last, 1)).prefix(last), "\(what)")
                #expect(plan.after.damages == after.damages && plan.after.recordCount == after.records.count, "\(what)")
                // What is whole is so byte for byte.
                for (segment, bytes) in sample.segments where segment < sample.lastSegment && last >= sample.lastSegment
                {
                    // Behind it there may be bytes that its successor has declared void.
                    let isWhole = Files.bytes(log.path(segment)).starts(with: bytes)
                    #expect(isWhole, "\(what), segment \(segment)")
                }
                campaign.count("logs")
                campaign.count("records that came back", after.records.count - before.records.count)
            }
        }
        campaign.finish()
    }

    @Test(arguments: 0..<6)
    func `a copy that is damaged, too, gives what it can prove`(_ round: UInt64) async throws {
        let seed = TestSeed.of(round: round)
        let sample = try await CorruptionSample(seed: seed)
        for number in 0..<20 {
            var generator = SeededGenerator(seed: seed &+ UInt64(number) &* 104_729)
            let log = sample.make(changed(sample.segments, times: 1 + number % 3, sparingLast: true, using: &generator))
            let copy = sample.make(changed(sample.segments, times: 2, using: &generator))
            let before = try log.read()
            try repair(log, from: copy)
            expectOnlyMore(before, try log.read(), of: sample, "seed \(seed), \(number)")
        }
    }

    @Test(arguments: 0..<6)
    func `a copy that went on otherwise gives nothing of its own`(_ round: UInt64) async throws {
        let seed = TestSeed.of(round: round)
        var generator = SeededGenerator(seed: seed)
        let sample = try await CorruptionSample(seed: seed)
        // The same log up to a place in its first segment, and another one behind it.
        let lines =
            sample.segments[1]?.split(separator: UInt8(ascii: "\n")).map { Array($0) + [UInt8(ascii: "\n")] } ?? []
        let kept = Int.random(in: 1..<lines.count, using: &generator)
        let copy = sample.make([1: Array(lines.prefix(kept).joined())])
        let other = try copy.open()
        for number in kept...(sample.bodies.count + 3) {
            _ = try await other.append(LogFixture.entry("{\"other\":\(number)}"))
        }
        await other.close()
        for number in 0..<20 {
            let log = sample.make(changed(sample.segments, times: 1 + number % 3, using: &generator))
            let before = try log.read()
            try repair(log, from: copy)
            expectOnlyMore(before, try log.read(), of: sample, "seed \(seed), \(number)")
        }
    }

    /// A log of several segments, of which so many records are those of every other one.
    private func fork(sharing count: Int) async throws -> (log: LogFixture, segments: [Int]) {
        let fixture = LogFixture()
        var options = EventLog.Options()
        options.maximumSegmentBytes = 900
        let log = try fixture.open(options)
        for number in 10...29 {
            _ = try await log.append(LogFixture.entry("{\"\(number < count + 10 ? "n" : "m")\":\(number)}"))
        }
        let segments = log.statistics.segments.map(\.segment)
        await log.close()
        return (fixture, segments)
    }

    @Test func `where no line behind and no header tells what was, nothing is taken`() async throws {
        let (original, segments) = try await fork(sharing: 20)
        try #require(segments.count > 3)
        let contents = DirectoryState(original.directory)
        let lines = Files.bytes(original.path(segments[0])).split(separator: UInt8(ascii: "\n"))
        for damage in ["end", "middle", "missing"] {
            // It has the same log up to the record that is lost.
            let (other, others) = try await fork(sharing: damage == "middle" ? 1 : segments[1] - 2)
            try #require(others == segments)
            let damaged = LogFixture()
            contents.write(to: damaged.directory)
            switch damage {
            case "missing": Files.remove(damaged.path(segments[1]))
            case "middle": Files.patch(damaged.path(segments[0]), at: lines[2].startIndex + 20, 0)
            default:
                // The end of one, and the next one's header, which would state it.
                Files.patch(damaged.path(segments[0]), at: (lines.last?.startIndex ?? 0) + 20, 0)
                Files.patch(damaged.path(segments[1]), at: 20, 0)
            }
            let before = DirectoryState(damaged.directory)
            let plan = try repair(damaged, from: other)
            #expect(plan.segments.isEmpty && plan.after.damages == plan.before.damages, "\(damage)")
            #expect(DirectoryState(damaged.directory) == before)
            #expect(try repair(damaged, from: original).after.isIntact)
            #expect(DirectoryState(damaged.directory) == contents)
        }
    }

    @Test func `of several places those come back that the copy has, and the others stay as they are`() async throws {
        let (original, segments) = try await fork(sharing: 20)
        let contents = DirectoryState(original.directory)
        let name = LogDirectory.name(ofSegment: segments[1])
        let starts = Files.bytes(original.path(segments[1])).split(separator: UInt8(ascii: "\n")).map(\.startIndex)
        try #require(starts.count > 3)
        let (damaged, copy) = (LogFixture(), LogFixture())
        contents.write(to: damaged.directory)
        contents.write(to: copy.directory)
        // The first record in both, and the last in the log alone.
        for fixture in [damaged, copy] { Files.patch(fixture.path(segments[1]), at: starts[1] + 20, 0) }
        Files.patch(damaged.path(segments[1]), at: (starts.last ?? 0) + 20, 0)
        let before = try damaged.read()
        let plan = try repair(damaged, from: copy)
        #expect(plan.before.damages.count == 2 && plan.after.damages == [before.damages[0]] && plan.recordCount == 1)
        let isAsInCopy = DirectoryState(damaged.directory).files[name] == DirectoryState(copy.directory).files[name]
        #expect(isAsInCopy)
        // A copy with the other half gives that.
        #expect(try repair(damaged, from: original).after.isIntact)
        #expect(DirectoryState(damaged.directory) == contents)
    }

    @Test func `a segment of the copy that cannot be read is named, and the others do`() async throws {
        let (original, segments) = try await fork(sharing: 20)
        let (damaged, copy) = (LogFixture(), LogFixture())
        for fixture in [damaged, copy] { DirectoryState(original.directory).write(to: fixture.directory) }
        for segment in segments.prefix(2) {
            let bytes = Files.bytes(damaged.path(segment))
            Files.patch(damaged.path(segment), at: bytes.count - 40, 0)
        }
        var header = Array(
            #"{"circlemeter_log":9,"first_sequence":1,"created_at":"2026-11-22T08:16:08.123Z","previous":null"#.utf8
        )
        _ = LineTrailer.append(to: &header, lineStart: 0, seed: 0)
        Files.write(header, to: copy.path(1))
        let plan = try repair(damaged, from: copy)
        #expect(plan.unreadable.map(\.code) == [.unsupportedVersion] && plan.segments == [segments[1]])
        #expect(plan.before.damages.count == 2 && plan.after.damages.map(\.segment) == [1])
    }

    /// A log whose first segment ends in records of a batch that failed, over which the next one has taken.
    private func failedBatch() async throws -> (log: LogFixture, first: [UInt8]) {
        let fixture = LogFixture()
        let faulty = FaultyFileSystem()
        var options = EventLog.Options()
        options.takeoverRetryInterval = .zero
        let log = try fixture.open(options, fileSystem: faulty)
        for number in 1...3 { _ = try await log.append(LogFixture.entry("{\"n\":\(number)}")) }
        faulty.set(FaultyFileSystem.Fault(kind: .synchronizeData, index: 0, isSticky: false, effect: .error(EIO)))
        for number in 4...5 { _ = try? await log.append(LogFixture.entry("{\"void\":\(number)}")) }
        for number in 4...6 { _ = try await log.append(LogFixture.entry("{\"n\":\(number)}")) }
        await log.close()
        return (fixture, Files.bytes(fixture.path(1)))
    }

    @Test func `void bytes stay where they are, and are no witness`() async throws {
        let (original, first) = try await failedBatch()
        let contents = DirectoryState(original.directory)
        let next = try #require(
            try LogDirectory(path: original.directory, fileSystem: PosixFileSystem()).segments().last
        )
        let starts = first.split(separator: UInt8(ascii: "\n")).map(\.startIndex)
        // The header, three records, and at least one that is void.
        try #require(next > 1 && starts.count > 4)
        for place in 0..<4 {
            for damagesNext in [false, true] {
                let damaged = LogFixture()
                contents.write(to: damaged.directory)
                Files.patch(damaged.path(1), at: starts[place] + 20, 0)
                if damagesNext { Files.patch(damaged.path(next), at: 20, 0) }
                let plan = try repair(damaged, from: original)
                #expect(plan.after.isIntact, "line \(place + 1), \(damagesNext)")
                #expect(DirectoryState(damaged.directory) == contents, "line \(place + 1), \(damagesNext)")
            }
        }
    }

    @Test func `a file that does not belong to the log costs no good line`() async throws {
        let original = LogFixture()
        let log = try original.open()
        for number in 1...9 { _ = try await log.append(LogFixture.entry("{\"n\":\(number)}")) }
        await log.close()
        let contents = DirectoryState(original.directory)
        let bytes = Files.bytes(original.path(1))
        let damaged = LogFixture()
        contents.write(to: damaged.directory)
        Files.patch(damaged.path(1), at: bytes.split(separator: UInt8(ascii: "\n"))[2].startIndex + 20, 0)
        Files.write([], to: damaged.path(6))
        try repair(damaged, from: original)
        Files.remove(damaged.path(6))
        #expect(try repair(damaged, from: original).after.isIntact)
        #expect(DirectoryState(damaged.directory) == contents)
    }

    @Test func `without a copy a line that stands there twice goes, and a lost one stays lost`() async throws {
        let sample = try await CorruptionSample()
        var lines =
            sample.segments[1]?.split(separator: UInt8(ascii: "\n")).map { Array($0) + [UInt8(ascii: "\n")] } ?? []
        lines.insert(lines[2], at: 3)
        let log = sample.make(1, Array(lines.joined()))
        #expect(try log.read().damages.map(\.kind) == [.badLine, .chainBroken])
        #expect(try repair(log, from: nil).recordCount == 0)
        #expect(DirectoryState(log.directory).files == state(sample.segments))

        lines.removeSubrange(2...3)
        let shorter = sample.make(1, Array(lines.joined()))
        let before = DirectoryState(shorter.directory)
        let plan = try repair(shorter, from: nil)
        #expect(plan.segments.isEmpty && plan.after.damages.count == 2)
        #expect(DirectoryState(shorter.directory) == before)
    }

    @Test func `segments that are missing are put back, the first and several in a row among them`() async throws {
        let sample = LogFixture()
        var options = EventLog.Options()
        options.maximumSegmentBytes = 600
        let log = try sample.open(options)
        for number in 1...30 { _ = try await log.append(LogFixture.entry("{\"n\":\(number)}")) }
        let segments = log.statistics.segments.map(\.segment)
        await log.close()
        try #require(segments.count > 6)
        let contents = DirectoryState(sample.directory)
        for missing in [[0], [0, 1], [2], [2, 3, 4], [0, 3, 4]] {
            let damaged = LogFixture()
            var state = contents
            for index in missing { state.files[LogDirectory.name(ofSegment: segments[index])] = nil }
            state.write(to: damaged.directory)
            let plan = try repair(damaged, from: sample)
            #expect(plan.segments == missing.map { segments[$0] } && plan.after.isIntact, "\(missing)")
            #expect(DirectoryState(damaged.directory).files == contents.files, "\(missing)")
            #expect(Files.mode(damaged.path(segments[missing[0]])) == 0o600)
        }
    }

    @Test func `compressed segments are repaired from compressed ones, and are plain then`() async throws {
        let sample = LogFixture()
        var options = EventLog.Options()
        options.maximumSegmentBytes = 4_000
        options.frameBytes = 600
        let log = try sample.open(options)
        for number in 1...60 { _ = try await log.append(LogFixture.entry("{\"n\":\(number)}")) }
        let plain = DirectoryState(sample.directory)
        let compressed = try log.compressSealed().segments
        await log.close()
        let path = sample.path(compressed[1]) + ".zst"
        let damaged = LogFixture()
        DirectoryState(sample.directory).write(to: damaged.directory)
        let bytes = Files.bytes(path)
        Files.patch(damaged.path(compressed[1]) + ".zst", at: bytes.count / 2, ~bytes[bytes.count / 2])
        #expect(try damaged.read().records.count < 60)
        let plan = try repair(damaged, from: sample)
        #expect(plan.segments == [compressed[1]] && plan.after.isIntact)
        let names = Files.names(damaged.directory)
        #expect(!names.contains { $0.hasPrefix(LogDirectory.name(ofSegment: compressed[1])) && $0.hasSuffix(".zst") })
        let name = LogDirectory.name(ofSegment: compressed[1])
        #expect(DirectoryState(damaged.directory).files[name] == plain.files[name])
        #expect(try damaged.read().sequences == Array(1...60))
    }

    @Test func `what was erased since stays erased where it can be read`() async throws {
        let log = LogFixture()
        let opened = try log.open()
        for number in 1...6 {
            let who = number % 2 == 0 ? LogRun.name : "nobody"
            _ = try await opened.append(LogFixture.entry(#"{"n":\#(number),"who":"\#(who)"}"#))
        }
        let copy = LogFixture()
        DirectoryState(log.directory).write(to: copy.directory)
        let name = Array(LogRun.name.utf8)
        let plan = try ErasurePlan(directory: log.directory) { _, body in
            let places = (0..<max(0, body.count - name.count)).filter {
                body[$0..<($0 + name.count)].elementsEqual(name)
            }
            return RecordErasure(texts: places.map { $0..<($0 + name.count) })
        }
        try await opened.erase(plan)
        await opened.close()
        let erased = Files.bytes(log.path(1))
        // The third record's line.
        let lines = erased.split(separator: UInt8(ascii: "\n"))
        Files.patch(log.path(1), at: lines[3].startIndex + 20, 0)
        let report = try repair(log, from: copy)
        #expect(report.after.isIntact && report.recordCount == 1)
        #expect(Files.bytes(log.path(1)) == erased)

    }

    @Test func `cancelled it changes nothing, and stopped in between it goes on`() async throws {
        let sample = try await CorruptionSample(seed: 7)
        var segments = sample.segments
        for (segment, bytes) in segments { segments[segment]?[bytes.count / 3] ^= 1 }
        let log = sample.make(segments)
        let before = DirectoryState(log.directory)
        var count = 0
        while true {
            var asked = 0
            let plan = try LogRepair(directory: log.directory, copy: sample.fixture.directory).plan { _ in
                asked += 1
                return asked <= count
            }
            #expect(DirectoryState(log.directory) == before)
            if plan != nil { break }
            count += 1
        }
        #expect(count > segments.count)
        let lock = try LogLock.acquire(directory: log.directory)
        defer { lock.release() }
        let repair = LogRepair(directory: log.directory, copy: sample.fixture.directory)
        let plan = try #require(try repair.plan())
        var asked = 0
        let isDone = try lock.repair(plan) { _ in
            asked += 1
            return asked == 1
        }
        #expect(!isDone)
        let rest = try #require(try repair.plan())
        #expect(rest.before.damages.count == segments.count - 1 && rest.segments.count == segments.count - 1)
        #expect(try lock.repair(rest))
        #expect(DirectoryState(log.directory).files == state(sample.segments))
    }

    /// Changes a bit of what is written.
    private struct BadWrites: WrappingFileSystem {
        let base = PosixFileSystem()

        func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int) throws(SystemError) -> Int {
            var changed = Array(bytes)
            changed[changed.count / 2] ^= 1
            var outcome: Result<Int, SystemError> = .success(0)
            changed.withUnsafeBytes { pointer in
                do throws(SystemError) { outcome = .success(try base.write(descriptor, pointer, at: offset)) } catch {
                    outcome = .failure(error)
                }
            }
            return try outcome.get()
        }
    }

    @Test func `a repaired segment that does not read as it should takes no place`() async throws {
        let sample = try await CorruptionSample()
        var bytes = try #require(sample.segments[1])
        bytes[bytes.count / 3] ^= 1
        let log = sample.make(1, bytes)
        let before = DirectoryState(log.directory)
        let files = BadWrites()
        let lock = try LogLock.acquire(directory: log.directory, fileSystem: files)
        defer { lock.release() }
        let repair = LogRepair(directory: log.directory, copy: sample.fixture.directory, fileSystem: files)
        let plan = try #require(try repair.plan())
        try #require(plan.segments == [1])
        #expect {
            try lock.repair(plan)
        } throws: {
            ($0 as? LogError)?.code == .unusable
        }
        #expect(DirectoryState(log.directory) == before)
    }

    @Test func `with a fault at any call each segment is as it was or repaired, and again it is done`() async throws {
        let sample = try await CorruptionSample(seed: 3)
        var segments = sample.segments
        for (segment, bytes) in segments { segments[segment]?[bytes.count / 2] ^= 4 }
        let damaged = state(segments)
        let good = state(sample.segments)
        var index = 0
        while true {
            let log = sample.make(segments)
            let files = FaultyFileSystem()
            let lock = try LogLock.acquire(directory: log.directory, fileSystem: files)
            let repair = LogRepair(directory: log.directory, copy: sample.fixture.directory, fileSystem: files)
            let plan = try #require(try repair.plan())
            files.set(FaultyFileSystem.Fault(kind: nil, index: index, isSticky: true, effect: .error(EIO)))
            do throws(LogError) {
                #expect(try lock.repair(plan))
            } catch {
                #expect(error.code == .unusable && error.cause?.number == EIO, "call \(index): \(error)")
            }
            let hasStruck = files.hasStruck
            lock.release()
            for (name, bytes) in DirectoryState(log.directory).files where !name.hasSuffix(".tmp") {
                #expect(bytes == damaged[name] || bytes == good[name], "call \(index), \(name)")
            }
            try self.repair(log, from: sample.fixture)
            let left = DirectoryState(log.directory).files.filter { !$0.key.hasSuffix(".tmp") }
            #expect(left == good, "call \(index)")
            guard hasStruck else { break }
            index += 1
        }
        // Opening, writing, syncing and renaming each.
        #expect(index > 4 * segments.count)
    }
}
