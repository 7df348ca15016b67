import EventLog
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// Reading ahead of whoever counts.
struct ScanAheadTests {
    @Test func `what is read ahead is what the log holds, in its order`() async throws {
        let fixture = try await LoggedHistory(seed: 31)
        let last = fixture.recordCount - 3
        var expected: [Int] = []
        _ = try fixture.reader.read(after: nil) { item in
            if case .record(let record) = item, record.sequence <= last { expected.append(record.sequence) }
            return true
        }
        let ahead = ScanAhead(fixture.reader, after: nil, to: last)
        var read: [Int] = []
        var batchCount = 0
        var batch: ScannedBatch?
        try ahead.next(&batch)
        while let next = batch {
            batchCount += 1
            let isAll = next.forEach { record, _ in
                read.append(record.pointee.position.sequence)
                return true
            } damage: { _ in
            }
            #expect(isAll)
            try ahead.next(&batch)
        }
        ahead.stop()
        #expect(read == expected)
        // Or nothing would have been handed over while more was read.
        #expect(batchCount > 1)
    }

    @Test(arguments: 0..<4)
    func `stopped with batches on their way, it ends and lets go of them`(_ taken: Int) async throws {
        let fixture = try await LoggedHistory(seed: 32)
        // For more batches than are taken.
        try await fixture.append(600)
        let ahead = ScanAhead(fixture.reader, after: nil, to: nil)
        var batch: ScannedBatch?
        for _ in 0..<taken { try ahead.next(&batch) }
        ahead.stop()
        #expect(taken == 0 || batch != nil)
    }

    @Test func `batches of large bodies keep what is counted of them, not their room`() async throws {
        let directory = TemporaryDirectory()
        let path = DataDirectory(directory.path).log
        let log = try await onOwnThread("log") {
            try EventLog.open(directory: path, now: { Timestamp.now }, deduplicationKey: { _ in nil })
        }
        let large = String(repeating: "x", count: 900_000)
        let bodies = (0..<6).map { number in
            Array(#"{"type":"job-completed","note":"\#(large)","job":{"id":"j\#(number)","name":"build"}}"#.utf8)
        }
        for body in bodies {
            _ = try await log.append(LogEntry(receivedAt: .now, source: .webhook, connection: "acme", body: body))
        }
        await log.close()
        let ahead = ScanAhead(LogReader(directory: path), after: nil, to: nil)
        defer { ahead.stop() }
        var names: [String] = []
        var batch: ScannedBatch?
        try ahead.next(&batch)
        while let next = batch {
            _ = next.forEach { record, bytes in
                #expect(bytes.count < 300_000)
                let body = UnsafeRawBufferPointer(rebasing: bytes[record.pointee.body])
                names.append(record.pointee.event.job.id?.string(in: body) ?? "")
                return true
            } damage: { _ in
            }
            try ahead.next(&batch)
        }
        #expect(names == (0..<6).map { "j\($0)" })
    }
}
