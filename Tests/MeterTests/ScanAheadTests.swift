import EventLog
import Testing

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

    @Test(arguments: 0..<3)
    func `stopped with batches on their way, it ends and lets go of them`(_ taken: Int) async throws {
        let fixture = try await LoggedHistory(seed: 32)
        let ahead = ScanAhead(fixture.reader, after: nil, to: nil)
        var batch: ScannedBatch?
        for _ in 0..<taken { try ahead.next(&batch) }
        ahead.stop()
        #expect(taken == 0 || batch != nil)
    }
}
