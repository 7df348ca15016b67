import Glibc
import Synchronization
import TestSupport
import Testing
import Wire

@testable import EventLog

/// Every error that the log has, by what brings it about: it says where, why and what to do, and nothing is held afterwards.
struct ErrorBranchTests {
    /// Errors that a call of the system brought about, by their messages.
    private final class Messages: Sendable {
        private let seen = Mutex<Set<String>>([])

        var all: Set<String> { seen.withLock { $0 } }

        func note(_ error: LogError, in directory: String, code: LogError.Code = .unusable, _ what: String) {
            #expect(error.code == code && error.hint?.isEmpty == false, "\(what): \(error)")
            #expect(error.path?.hasPrefix(directory) == true, "\(what): \(error)")
            seen.withLock { _ = $0.insert(error.message) }
        }
    }

    private func body(_ index: Int) -> String { #"{"n":\#(index),"who":"ann@example.com"}"# }

    private func fill(_ fixture: LogFixture, _ count: Int, segmentBytes: Int = 600) async throws {
        var options = EventLog.Options()
        options.maximumSegmentBytes = segmentBytes
        let log = try fixture.open(options, fileSystem: UnsyncedFileSystem())
        for index in 1...count { _ = try await log.append(LogFixture.entry(body(index))) }
        await log.close()
    }

    /// Makes each call fail once in turn, with an error and, where it reads, by a file that ends too soon, each time on a log
    /// like this.
    private func failEveryCall(
        on contents: DirectoryState?,
        _ messages: Messages,
        _ body: (LogFixture, FaultyFileSystem) async throws -> Void
    ) async throws {
        var index = 0
        var hasStruck = true
        while hasStruck {
            hasStruck = false
            for effect in [FaultyFileSystem.Effect.error(EIO), .short(0)] {
                let fixture = LogFixture()
                contents?.write(to: fixture.directory)
                let faulty = FaultyFileSystem(
                    FaultyFileSystem.Fault(kind: nil, index: index, isSticky: false, effect: effect)
                )
                do { try await body(fixture, faulty) } catch let error as LogError {
                    messages.note(error, in: fixture.directory, "call \(index), \(effect)")
                }
                hasStruck = hasStruck || faulty.hasStruck
            }
            index += 1
        }
        #expect(index > 3)
    }

    @Test func `opening names the file, the call and the next step, whichever call fails`() async throws {
        let messages = Messages()
        try await failEveryCall(on: nil, messages) { fixture, faulty in
            await (try fixture.open(fileSystem: faulty)).close()
        }
        let fixture = LogFixture()
        try await fill(fixture, 9)
        var state = DirectoryState(fixture.directory)
        let names = state.files.keys.sorted()
        try #require(names.count > 2)
        state.files[names[1]]?[10] ^= 1
        state.files[names[names.count - 1]]?.removeLast(9)
        state.directories.append("aside")
        state.files["aside/x.tmp"] = [1]
        try await failEveryCall(on: state, messages) { fixture, faulty in
            do throws(LogError) {
                await (try fixture.open(fileSystem: faulty)).close()
            } catch {
                // The lock was given back.
                let other = try fixture.open()
                await other.close()
                throw error
            }
        }
        #expect(
            messages.all == [
                "The log's directory cannot be used", "The log's directory cannot be listed",
                "The log's first segment cannot be created", "An unfinished file cannot be removed",
                "A segment cannot be read", "What is to be erased cannot be read",
                "The end of the log cannot be made durable",
            ]
        )
    }

    @Test func `opening a log whose last segment is compressed names them, too, and the next opening writes on`()
        async throws
    {
        let fixture = LogFixture()
        try await fill(fixture, 9)
        let lock = try LogLock.acquire(directory: fixture.directory)
        let compressed = try lock.compressSealed().segments
        lock.release()
        try #require(compressed.count > 1)
        // The one that was written on went missing.
        let plain = Files.names(fixture.directory).filter { $0.hasSuffix(LogDirectory.segmentSuffix) }
        try #require(plain.count == 1)
        Files.remove("\(fixture.directory)/\(plain[0])")
        let before = try fixture.read()
        let messages = Messages()
        try await failEveryCall(on: DirectoryState(fixture.directory), messages) { fixture, faulty in
            do throws(LogError) {
                await (try fixture.open(fileSystem: faulty)).close()
            } catch {
                let next = try fixture.open()
                #expect(try await next.append(LogFixture.entry("61")) == .accepted(sequence: before.records.count + 1))
                await next.close()
                #expect(try fixture.read().bodies == before.bodies + ["61"])
                throw error
            }
        }
        #expect(messages.all.contains("The last segment cannot be expanded"))
    }

    @Test func `readers name the segment, the call and the next step, whichever call fails`() async throws {
        let messages = Messages()
        let (damaged, large, compressed) = (LogFixture(), LogFixture(), LogFixture())
        try await fill(damaged, 9)
        var bytes = Files.bytes(damaged.path(1))
        bytes[300] ^= 1
        Files.write(bytes, to: damaged.path(1))
        try await fill(large, 450, segmentBytes: 1 << 20)
        try await fill(compressed, 9)
        let lock = try LogLock.acquire(directory: compressed.directory)
        _ = try lock.compressSealed()
        lock.release()
        for (log, before) in [(damaged, nil), (large, 100), (compressed, nil)] as [(LogFixture, Int?)] {
            let state = DirectoryState(log.directory)
            let end = try #require(try log.read().end)
            let first = try #require(try log.read().records.first?.position)
            try await failEveryCall(on: state, messages) { fixture, faulty in
                _ = try LogReader(directory: fixture.directory, fileSystem: faulty).read(after: nil) { _ in true }
            }
            try await failEveryCall(on: state, messages) { fixture, faulty in
                let reader = LogReader(directory: fixture.directory, fileSystem: faulty)
                do {
                    _ = try reader.read(after: first, through: end) { _ in true }
                } catch let error as LogError where error.code == .positionNotFound {
                    // As far as this reader was shown, the segment ends before it.
                    #expect(faulty.hasStruck && error.path == fixture.path(first.segment))
                }
            }
            try await failEveryCall(on: state, messages) { fixture, faulty in
                let reader = LogReader(directory: fixture.directory, fileSystem: faulty)
                _ = try reader.readBackward(before: before, through: end) { _ in true }
            }
            try await failEveryCall(on: state, messages) { fixture, faulty in
                _ = try LogStatistics.read(directory: fixture.directory, fileSystem: faulty)
                _ = try LogLock.isHeld(directory: fixture.directory, fileSystem: faulty)
                try LogLock.finishErasure(directory: fixture.directory, fileSystem: faulty)
            }
        }
        #expect(
            messages.all == [
                "A segment cannot be read", "The log's directory cannot be listed",
                "The log's directory cannot be used",
            ]
        )
    }

    @Test func `erasing names the file, the call and the next step, whichever call fails`() async throws {
        let messages = Messages()
        let fixture = LogFixture()
        try await fill(fixture, 5)
        let name = Array("ann@example.com".utf8)
        try await failEveryCall(on: DirectoryState(fixture.directory), messages) { fixture, faulty in
            let plan = try ErasurePlan(directory: fixture.directory) { _, body in
                let start = body.indices.first { body[$0...].starts(with: name) }
                return start.map { RecordErasure(texts: [$0..<($0 + 5), ($0 + 3)..<($0 + name.count)]) }
            }
            #expect(plan.recordCount == 5 && plan.segmentCount == 3)
            let log = try fixture.open(fileSystem: UnsyncedFileSystem())
            let failing = LogLock(
                descriptor: log.committer.lock.descriptor,
                directory: LogDirectory(path: fixture.directory, fileSystem: faulty)
            )
            do throws(LogError) { try failing.erase(plan) } catch {
                messages.note(error, in: fixture.directory, "erasing")
            }
            await log.close()
        }
        #expect(
            messages.all == [
                "What is to be erased cannot be noted; nothing has been erased",
                "A segment cannot be read; nothing has been overwritten",
                "A segment cannot be overwritten; the next start goes on", "What was erased cannot be noted as done",
                // A file that ends too soon is not the one that was searched.
                "What is to be erased is not of this log; nothing has been overwritten",
            ]
        )
    }

    @Test func `what the log cannot write it says by code`() async throws {
        let messages = Messages()
        let fixture = LogFixture()
        try await fill(fixture, 2)
        Files.write(Array(Files.bytes(fixture.path(1)).dropLast(9)), to: fixture.path(1))
        let faulty = FaultyFileSystem()
        faulty.set(FaultyFileSystem.Fault(kind: .create, index: 0, isSticky: true, effect: .error(ENOSPC)))
        var options = EventLog.Options()
        options.takeoverRetryInterval = .seconds(3_600)
        options.observe = { observation in
            if case .failed(let error) = observation {
                messages.note(error, in: fixture.directory, code: .unavailable, "observed")
            }
        }
        let log = try fixture.open(options, fileSystem: faulty)
        #expect(log.recovery.tornTail?.copiedTo == nil)
        let error = await #expect(throws: LogError.self) { try await log.append(LogFixture.entry(body(7))) }
        #expect(error?.hint?.contains("Make room") == true)
        await log.close()
        let again = try fixture.open(options, fileSystem: faulty)
        await again.close()
        faulty.set(nil)
        let last = try fixture.open(options, fileSystem: faulty)
        faulty.failNext(.synchronizeData, .error(EIO))
        let failed = await #expect(throws: LogError.self) { try await last.append(LogFixture.entry(body(7))) }
        #expect(failed?.hint?.contains("Check the disk") == true)
        await last.close()
        #expect(messages.all == ["A new segment cannot be created", "Records cannot be made durable"])
    }

    @Test func `a torn first record without room for its copy is replaced with its segment`() async throws {
        let fixture = LogFixture()
        try await fill(fixture, 1)
        let header = try #require(Files.bytes(fixture.path(1)).firstIndex(of: UInt8(ascii: "\n")))
        Files.write(Array(Files.bytes(fixture.path(1)).prefix(header + 20)), to: fixture.path(1))
        let faulty = FaultyFileSystem()
        faulty.set(FaultyFileSystem.Fault(kind: .create, index: 0, isSticky: true, effect: .error(ENOSPC)))
        var options = EventLog.Options()
        options.takeoverRetryInterval = .zero
        let log = try fixture.open(options, fileSystem: faulty)
        #expect(log.recovery.tornTail != nil && log.recovery.tornTail?.copiedTo == nil)
        faulty.set(nil)
        #expect(try await log.append(LogFixture.entry(body(2))) == .accepted(sequence: 1))
        await log.close()
        #expect(Files.names("\(fixture.directory)/aside").count == 1)
        #expect(try fixture.read().bodies == [body(2)])
        #expect(try fixture.read().damages.isEmpty)
    }

    @Test func `an entry that no record can hold is refused before anything is done`() async throws {
        let fixture = LogFixture()
        let log = try fixture.open()
        var early = LogFixture.entry("1")
        early.receivedAt = Timestamp(microseconds: -62_167_219_200_000_001)
        var late = early
        late.receivedAt = Timestamp(microseconds: 253_402_300_800_000_000)
        var large = LogFixture.entry("1")
        large.deduplicationKey = nil
        // Never touched, so that it takes no memory.
        large.body = [UInt8](unsafeUninitializedCapacity: 1 << 30) { _, count in count = 1 << 30 }
        for entry in [early, late, large] {
            let error = await #expect(throws: LogError.self) { try await log.append(entry) }
            #expect(error?.code == .invalidEntry)
        }
        #expect(log.statistics.activity?.queuedBytes == 0 && log.durableEnd.sequence == 0)
        await log.close()
    }

    @Test func `the lock is asked for, and an erasure left to who has it`() async throws {
        let fixture = LogFixture()
        #expect(try !LogLock.isHeld(directory: fixture.directory))
        let log = try fixture.open()
        #expect(try LogLock.isHeld(directory: fixture.directory))
        Files.write([1], to: "\(fixture.directory)/\(PendingErasure.fileName)")
        try LogLock.finishErasure(directory: fixture.directory)
        #expect(Files.names(fixture.directory).contains(PendingErasure.fileName))
        let error = #expect(throws: LogError.self) { try fixture.open() }
        #expect(error?.code == .locked && error?.path == fixture.directory && error?.hint != nil)
        #expect(error?.description.hasPrefix("locked: Another process has the log open (") == true)
        await log.close()
    }

    @Test func `an event that became durable on its way to the queue is a duplicate`() async throws {
        let log = try LogFixture().open()
        _ = try await log.append(LogFixture.entry(body(1)))
        let key = LogFixture.entry(body(1)).deduplicationKey
        let admission = log.committer.queue.admit(body: [], key: key) { _ in Issue.record("it was queued") }
        if case .answered(let answer) = admission {
            #expect(try answer.get() == .duplicate(sequence: 1))
        } else {
            Issue.record("it was queued")
        }
        await log.close()
    }

    @Test func `a bad line that claims an absurd number does not use numbers up`() async throws {
        let fixture = LogFixture()
        try await fill(fixture, 2, segmentBytes: 1 << 20)
        let absurd = #"{"sequence":999999999999999999,"batch":999999999999999999,"x":1}"#
        Files.write(Files.bytes(fixture.path(1)) + Array("\(absurd)\n".utf8), to: fixture.path(1))
        let log = try fixture.open()
        guard case .accepted(let sequence) = try await log.append(LogFixture.entry(body(3))) else {
            Issue.record("a duplicate")
            return
        }
        #expect(sequence <= 4)
        await log.close()
        #expect(try fixture.read().bodies == [1, 2, 3].map(body))
    }

    @Test(arguments: ["v1=\u{1}", "v1=\\x", "v1=\\u0020", "v1=\\u00", "v1=", "v1=\\"])
    func `a signature that the writer does not write makes no record`(_ signature: String) throws {
        let isWhole = signature == "v1="
        let head =
            #"{"sequence":1,"batch":1,"received_at":"2026-11-22T08:16:08.123Z","source":"meter","connection":"acme","#
            + #""signature":"\#(signature)"#
        for end in [#"","event":1,"crc":"00000000"}"#, #","event":1,"crc":'00000000'}"#, #" ,'crc':"00000000"}"#] {
            Array("\(head)\(end)".utf8).withUnsafeBytes { line in
                let record = LogRecord(line: line, segment: 1, offset: 0)
                #expect((record != nil) == (isWhole && end.hasPrefix("\"")), "\(head)\(end)")
            }
        }
    }

    @Test func `damage says where it is, what it cost and when`() {
        var damage = LogDamage(kind: .segmentShort, segment: 7, line: 3, offset: 512, byteCount: 0)
        #expect("\(damage)" == "segment_short in segment 7, line 3, byte 512, 0 bytes")
        damage.sequences = 8...9
        damage.since = LogFixture.time
        damage.until = LogFixture.time
        #expect("\(damage)".hasSuffix(", records 8 to 9, received after \(LogFixture.time), before \(LogFixture.time)"))
    }

    @Test func `damage behind the place where reading begins has its line, and a reader may stop at any`() async throws
    {
        let fixture = LogFixture()
        try await fill(fixture, 4, segmentBytes: 1 << 20)
        let places = try fixture.read().records.map(\.position)
        var bytes = Files.bytes(fixture.path(1))
        bytes[places[1].offset + 60] ^= 1
        Files.write(bytes, to: fixture.path(1))
        let reading = try Reading(directory: fixture.directory, after: places[0])
        #expect(reading.damages.map(\.line) == [4] && reading.sequences == [2, 4])
        var count = 0
        let reached = try LogReader(directory: fixture.directory).read(after: nil) { item in
            if case .damage = item { return false }
            count += 1
            return true
        }
        #expect(count == 2 && reached == places[1])

        try await fill(fixture, 9, segmentBytes: 1)
        Files.remove(fixture.path(1))
        let start = try LogReader(directory: fixture.directory).read(after: nil) { _ in false }
        #expect(start == nil)
        let last = try #require(Files.names(fixture.directory).compactMap { Int($0.prefix(20)) }.max())
        Files.write(Array(Files.bytes(fixture.path(last)).dropLast(3)), to: fixture.path(last))
        let verification = try LogVerifier(directory: fixture.directory).verify()
        #expect(verification.tornTail?.segment == last && !verification.isIntact)
        let plan = try ErasurePlan(directory: fixture.directory) { _, _ in nil }
        #expect(plan.damages.count == 2 && plan.recordCount == 0)
    }

    @Test func `a file is known by what the system says of it`() throws {
        let fixture = LogFixture()
        let path = fixture.temporary.path("file")
        #expect(FileStamp(path) == nil && FileStatus(descriptor: -1) == nil)
        Files.write([1], to: path)
        chmod(path, 0o640)
        let file = open(path, O_RDONLY)
        let directory = open(fixture.temporary.path, O_RDONLY)
        defer { for descriptor in [file, directory] { close(descriptor) } }
        let status = try #require(FileStatus(descriptor: file))
        #expect(status.isRegularFile && status.mode == 0o640)
        #expect(FileStatus(descriptor: directory)?.isRegularFile == false)
        let stamp = FileStamp(path)
        #expect(stamp != nil && FileStamp(path) == stamp)
        Files.write([1, 2], to: path)
        #expect(FileStamp(path) != stamp)
    }
}
