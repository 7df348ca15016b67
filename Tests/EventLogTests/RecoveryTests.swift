import EventLog
import Glibc
import Testing
import Wire

struct RecoveryTests {
    private func body(_ index: Int) -> String { #"{"n":\#(index)}"# }

    /// A closed log with these many records, a batch each.
    private func sample(_ count: Int, segmentBytes: Int = 1 << 20) async throws -> LogFixture {
        let fixture = LogFixture()
        var options = EventLog.Options()
        options.maximumSegmentBytes = segmentBytes
        let log = try fixture.open(options, fileSystem: UnsyncedFileSystem())
        for index in 0..<count { _ = try await log.append(LogFixture.entry(body(index + 1))) }
        await log.close()
        return fixture
    }

    @Test func aTornTailIsCopiedAsideCutAndReportedOnce() async throws {
        let fixture = try await sample(3)
        let bytes = Files.bytes(fixture.path(1))
        let torn = Array(bytes.dropLast(10))
        Files.write(torn, to: fixture.path(1))
        let start = try #require(try fixture.read().records.last?.position.offset)

        let log = try fixture.open()
        let tail = try #require(log.recovery.tornTail)
        #expect(tail.damage.kind == .tornTail)
        #expect(tail.damage.line == 4)
        #expect(tail.damage.offset == start)
        #expect(tail.damage.sequences == 3...3)
        let copy = "\(fixture.directory)/aside/00000000000000000001-\(start).torn"
        #expect(tail.copiedTo == copy)
        #expect(Files.bytes(copy) == Array(torn[start...]))
        #expect(Files.mode(copy) == 0o600 && Files.mode("\(fixture.directory)/aside") == 0o700)
        #expect(Files.bytes(fixture.path(1)) == Array(torn[..<start]))
        await log.close()

        // The same place torn again does not overwrite the first copy.
        Files.write(torn, to: fixture.path(1))
        let again = try fixture.open()
        #expect(again.recovery.tornTail?.copiedTo == "\(fixture.directory)/aside/00000000000000000001-\(start)-2.torn")
        #expect(try await again.append(LogFixture.entry(body(3))) == .accepted(sequence: 3))
        await again.close()
        #expect(try fixture.read().bodies == [1, 2, 3].map(body))
    }

    @Test func aTornTailWithoutRoomForItsCopyBecomesVoid() async throws {
        let fixture = try await sample(3)
        let torn = Array(Files.bytes(fixture.path(1)).dropLast(10))
        Files.write(torn, to: fixture.path(1))
        let faulty = FaultyFileSystem(
            FaultyFileSystem.Fault(kind: .create, index: 0, isSticky: true, effect: .error(ENOSPC))
        )
        var options = EventLog.Options()
        options.takeoverRetryInterval = .zero
        let log = try fixture.open(options, fileSystem: faulty)
        #expect(log.recovery.tornTail != nil && log.recovery.tornTail?.copiedTo == nil)
        #expect(log.statistics.activity?.failing?.code == .unavailable)
        #expect(log.durableEnd.sequence == 2)
        #expect(Files.bytes(fixture.path(1)) == torn)
        await #expect(throws: LogError.self) { try await log.append(LogFixture.entry(body(3))) }
        faulty.set(nil)
        #expect(try await log.append(LogFixture.entry(body(4))) == .accepted(sequence: 3))
        await log.close()
        #expect(Files.names("\(fixture.directory)/aside").count == 1)
        let reading = try fixture.read()
        #expect(reading.bodies == [1, 2, 4].map(body))
        #expect(reading.damages.isEmpty && reading.tornTail == nil)
    }

    @Test func zerosBehindTheLastRecordAreATornTail() async throws {
        let fixture = try await sample(2)
        let bytes = Files.bytes(fixture.path(1))
        Files.write(bytes + [UInt8](repeating: 0, count: 5_000), to: fixture.path(1))
        let log = try fixture.open()
        #expect(log.recovery.tornTail?.damage.byteCount == 5_000)
        await log.close()
        #expect(Files.bytes(fixture.path(1)) == bytes)
    }

    @Test func twoBatchesInABadEndAreDamageAndKeepTheirNumbers() async throws {
        let fixture = try await sample(4)
        var bytes = Files.bytes(fixture.path(1))
        let lines = try fixture.read().records.map(\.position.offset)
        // The third line has lost its content and its checksum, so that nothing proves the last line; each of them
        // shows its batch.
        bytes[lines[1] + 60] ^= 1
        bytes[lines[2] - 4] ^= 1
        Files.write(bytes, to: fixture.path(1))
        let log = try fixture.open()
        #expect(log.recovery.tornTail == nil)
        let damage = try #require(log.recovery.damages.first)
        #expect(damage.kind == .badLine && damage.line == 4 && damage.offset == lines[1])
        #expect(damage.sequences == 3...4)
        #expect(try await log.append(LogFixture.entry(body(9))) == .accepted(sequence: 5))
        #expect(log.durableEnd.segment == 5)
        await log.close()
        #expect(Files.bytes(fixture.path(1)) == bytes)
        let reading = try fixture.read()
        #expect(reading.sequences == [1, 2, 5])
        #expect(reading.damages.map(\.sequences) == [3...4])
    }

    @Test func anEmptyLastSegmentIsReportedAndLeftBehind() async throws {
        let fixture = try await sample(4, segmentBytes: 1)
        Files.write([], to: fixture.path(4))
        let log = try fixture.open()
        #expect(log.recovery.damages.map(\.kind) == [.badHeader])
        #expect(log.recovery.damages.map(\.segment) == [4])
        let outcome = try await log.append(LogFixture.entry(body(9)))
        #expect(outcome == .accepted(sequence: 5))
        await log.close()
        let reading = try fixture.read()
        #expect(reading.sequences == [1, 2, 3, 5])
        #expect(reading.damages.map(\.sequences) == [4...4])
    }

    @Test func aNewLogWhoseOnlySegmentIsEmptyGoesOn() async throws {
        let fixture = try await sample(0)
        Files.write([], to: fixture.path(1))
        let log = try fixture.open()
        #expect(log.recovery.damages.count == 1)
        #expect(try await log.append(LogFixture.entry(body(1))) == .accepted(sequence: 2))
        let position = log.durableEnd
        await log.close()
        #expect(try Reading(directory: fixture.directory, after: position).records.isEmpty)
        #expect(try fixture.read().sequences == [2])
    }

    @Test func aLogCanBeOpenedWithoutAppendingAnyNumberOfTimes() async throws {
        let fixture = try await sample(3, segmentBytes: 1)
        let bytes = Files.bytes(fixture.path(3))
        let end = try #require(try fixture.read().end)
        for _ in 0..<3 {
            let log = try fixture.open()
            #expect(log.durableEnd == end)
            await log.close()
        }
        #expect(Files.bytes(fixture.path(3)) == bytes)
        #expect(Files.names(fixture.directory).count == 3)
    }

    @Test func aSegmentWithoutRecordsContinuesItsPredecessor() async throws {
        let fixture = try await sample(3, segmentBytes: 1)
        let end = try #require(try Reading(directory: fixture.directory).records.dropLast().last?.position)
        let last = Files.bytes(fixture.path(3))
        let header = try #require(last.firstIndex(of: UInt8(ascii: "\n")))
        Files.write(Array(last[...header]), to: fixture.path(3))
        let log = try fixture.open()
        #expect(log.durableEnd == end)
        #expect(try await log.append(LogFixture.entry(body(9))) == .accepted(sequence: 3))
        #expect(log.durableEnd.batch == 3)
        await log.close()
    }

    @Test func unfinishedFilesAreRemoved() async throws {
        let fixture = try await sample(1)
        Files.write([1, 2, 3], to: fixture.path(2) + ".tmp")
        Files.write([1], to: "\(fixture.directory)/notes.txt")
        let log = try fixture.open()
        #expect(log.recovery.removedTemporaryFiles == ["00000000000000000002.ndjson.tmp"])
        await log.close()
        #expect(Files.names(fixture.directory) == ["00000000000000000001.ndjson", "notes.txt"])
    }

    @Test func aNewerFormatIsRefusedRatherThanTakenForDamage() async throws {
        let fixture = try await sample(0)
        let head = #"{"circlemeter_log":2,"first_sequence":1,"created_at":"2026-11-22T08:16:08.123Z","previous":null"#
        let crc = Hex.string(NaiveCRC.checksum(head, seed: 0))
        Files.write(Array("\(head),\"crc\":\"\(crc)\"}\n".utf8), to: fixture.path(1))
        let error = #expect(throws: LogError.self) { try fixture.open() }
        #expect(error?.code == .unsupportedVersion)
    }

    @Test func bytesBeyondTheStatedEndAreVoid() async throws {
        let fixture = try await sample(3, segmentBytes: 1)
        for void in [
            "x", "{\"sequence\":2,\"batch\":2,", "\n\n", String(decoding: Files.bytes(fixture.path(2)), as: UTF8.self),
        ] {
            let bytes = Files.bytes(fixture.path(1))
            Files.write(bytes + Array(void.utf8), to: fixture.path(1))
            let reading = try fixture.read()
            #expect(reading.bodies == [1, 2, 3].map(body))
            #expect(reading.damages.isEmpty)
            let log = try fixture.open()
            #expect(log.recovery.damages.isEmpty)
            await log.close()
            Files.write(bytes, to: fixture.path(1))
        }
    }

    @Test func openingReadsTheLastSegmentAndOneMoreOnly() async throws {
        let fixture = try await sample(40, segmentBytes: 1_500)
        let segments = Files.names(fixture.directory).compactMap { Int($0.prefix(20)) }
        try #require(segments.count > 4)
        let log = try fixture.open()
        #expect(log.recovery.recordsRead == 41 - segments[segments.count - 2])
        #expect(log.recovery.segmentCount == segments.count)
        await log.close()
    }
}
