import Glibc
import Testing
import Wire

@testable import EventLog

/// Parts of workloads.
extension LogRun {
    static let name = "ann@example.com"

    /// A closed log with these many records, a batch each.
    func log(records count: Int, erasable: Int = 0) async throws {
        let log = try open()
        for number in 0..<count { await append(log, number + 1...number + 1) }
        for number in 0..<erasable { await append(log, #"{"n":\#(number),"who":"\#(LogRun.name)"}"#) }
        await log.close()
    }

    private func place(of sequence: Int) throws -> LogPosition {
        try #require(try fixture.read().records.first { $0.sequence == sequence }?.position)
    }

    /// Cuts the last record, which was promised to nobody then.
    func tear(_ sequence: Int) throws {
        let position = try place(of: sequence)
        let path = fixture.path(position.segment)
        Files.write(Array(Files.bytes(path).dropLast(10)), to: path)
        change { $0.promised[sequence] = nil }
    }

    /// Makes records unreadable.
    ///
    /// - Parameter withTrailer: So that nothing proves the line behind them.
    func destroy(_ sequences: [Int], withTrailer: Bool = false) throws {
        for position in try sequences.map(place(of:)) {
            let path = fixture.path(position.segment)
            var bytes = Files.bytes(path)
            let start = bytes[..<(position.offset - 1)].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            bytes[start + 60] ^= 1
            if withTrailer { bytes[position.offset - 4] ^= 1 }
            Files.write(bytes, to: path)
            change { $0.destroyed.insert(position.sequence) }
        }
    }

    /// Erases a name from all records that hold it, as the service does.
    func erase() async throws {
        let log = try open()
        let plan = try ErasurePlan(directory: fixture.directory, fileSystem: fileSystem) { record, body in
            let (bytes, name) = (Array(body), Array(LogRun.name.utf8))
            let start = bytes.indices.first { bytes[$0...].starts(with: name) }
            return start.map { RecordErasure(texts: [$0..<($0 + name.count)]) }
        }
        try noteErased(plan)
        do throws(LogError) {
            try await log.erase(plan)
            change { $0.isErased = true }
        } catch {
            #expect(error.code == .unusable, "seed \(seed)")
        }
        // A service goes on with its log whatever became of this.
        await log.close()
    }

    /// Compresses what is sealed, as the service does.
    func compress(_ log: EventLog) throws {
        try expectUnusable { _ = try log.compressSealed() }
    }

    /// Makes all of it plain, as the command does.
    func expand() throws {
        let lock = try LogLock.acquire(directory: fixture.directory, fileSystem: fileSystem)
        defer { lock.release() }
        try expectUnusable { _ = try lock.expand() }
    }

    private func noteErased(_ plan: ErasurePlan) throws {
        var lines: [ErasurePlan.Line: [UInt8]] = [:]
        for patch in plan.patches {
            var line = lines[patch.line] ?? []
            if line.isEmpty {
                let directory = LogDirectory(path: fixture.directory, fileSystem: fileSystem.base)
                let file = try SegmentFile(patch.line.segment, in: directory)
                line = try file.bytes(at: patch.line.start, count: patch.line.count)
            }
            line.replaceSubrange(patch.offset..<(patch.offset + patch.bytes.count), with: patch.bytes)
            lines[patch.line] = line
        }
        for (place, line) in lines {
            line.withUnsafeBytes { bytes in
                guard let record = LogRecord(line: bytes, segment: place.segment, offset: place.start) else {
                    Issue.record("seed \(seed): no record at byte \(place.start)")
                    return
                }
                let body = record.withBody { String(decoding: $0, as: UTF8.self) }
                change { $0.erased[record.sequence] = body }
            }
        }
    }

    /// What readers are shown through the durable end counts as promised.
    func readBothWays(through end: LogPosition) throws {
        let reader = LogReader(directory: fixture.directory, fileSystem: fileSystem)
        let show: (LogItem) -> Bool = { [self] item in
            switch item {
            case .record(let record):
                note(record.sequence, record.withBody { String(decoding: $0, as: UTF8.self) }, isNew: false)
            case .damage(let damage), .tornTail(let damage):
                Issue.record("\(workload.name), seed \(seed): \(damage)")
            }
            return true
        }
        try expectUnusable {
            let reached = try reader.read(after: nil, through: end, show)
            #expect(reached ?? .start == end || end.sequence == 0)
        }
        try expectUnusable {
            let reading = try reader.readBackward(through: end, show)
            #expect(reading.searchedTo == 1)
        }
    }

    func verify() throws {
        try expectUnusable {
            let verification = try LogVerifier(directory: fixture.directory, fileSystem: fileSystem).verify()
            #expect(verification.recordCount == 5 && verification.damages.map(\.sequences) == [3...3])
            #expect(!verification.isIntact)
        }
        try expectUnusable {
            let statistics = try LogStatistics.read(directory: fixture.directory, fileSystem: fileSystem)
            #expect(statistics.recordCount == 6)
        }
        try expectUnusable {
            let isHeld = try LogLock.isHeld(directory: fixture.directory, fileSystem: fileSystem)
            #expect(!isHeld)
        }
        try expectUnusable {
            try LogLock.finishErasure(directory: fixture.directory, fileSystem: fileSystem)
        }
    }

    /// A reader fails by its own error only.
    private func expectUnusable(_ body: () throws -> Void) throws {
        do { try body() } catch let error as LogError {
            #expect(error.code == .unusable && fileSystem.hasStruck, "\(workload.name), seed \(seed): \(error)")
        }
    }
}
