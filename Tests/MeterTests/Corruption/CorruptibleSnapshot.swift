import EventLog
import Foundation
import GRDB
import TestSupport
import Testing
import Usage

@testable import Meter

/// A log, and the `usage.sqlite` of it with its write-ahead log as a kill leaves them.
struct CorruptibleSnapshot {
    enum Outcome: String {
        /// Found out, by which the store is made anew.
        case damaged = "found"
        /// Not to be gone on from, by its version or its position: made anew, too.
        case unfit = "not taken up"
        /// The truth, since what changed is nothing that is read, or is read from the log instead.
        case same = "of no effect"
        case anotherNumber = "another number"
    }

    let seed: UInt64
    private let fixture: LoggedHistory
    /// The canonical snapshot.
    let truth: String
    let file: [UInt8]
    let writeAheadLog: [UInt8]

    var data: DataDirectory { fixture.data }

    init(seed: UInt64) async throws {
        self.seed = seed
        fixture = try await LoggedHistory(seed: seed)
        let data = fixture.data
        let half = fixture.recordCount * 2 / 3
        _ = try Replay(data).run(to: half, isDryRun: false, readsRows: false, progress: { _ in true })
        // The rest is in the write-ahead log, in several transactions.
        let store = try #require(try UsageStore(path: data.usage, purpose: .service))
        var projection = try Projection(store: store, reader: fixture.reader)
        for step in 1...4 {
            try projection.advance(to: half + (fixture.recordCount - half) * step / 4)
        }
        file = [UInt8](try Data(contentsOf: URL(filePath: data.usage)))
        writeAheadLog = [UInt8](try Data(contentsOf: URL(filePath: data.usage + "-wal")))
        truth = String(decoding: try store.snapshot().canonicalBytes(), as: UTF8.self)
        try store.close()
        #expect(truth == String(decoding: try fixture.directSnapshot().canonicalBytes(), as: UTF8.self))
        #expect(file.count > 20 * 4096 && !writeAheadLog.isEmpty)
    }

    /// Puts the files back as they were.
    func restore() throws {
        for suffix in ["", "-wal", "-shm"] { unlink(data.usage + suffix) }
        try Data(file).write(to: URL(filePath: data.usage))
        try Data(writeAheadLog).write(to: URL(filePath: data.usage + "-wal"))
    }

    /// The same, with all that the write-ahead log has moved into the file.
    func restoreAsOneFile() throws {
        try restore()
        let database = try DatabaseQueue(path: data.usage)
        try database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
        try database.close()
        #expect(access(data.usage + "-wal", F_OK) != 0)
    }

    /// Flips a bit of a file that is there.
    func change(_ suffix: String, at place: Int, flipping bit: UInt8) throws {
        let descriptor = open(data.usage + suffix, O_RDWR)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var byte: UInt8 = 0
        try #require(pread(descriptor, &byte, 1, off_t(place)) == 1)
        byte ^= bit
        try #require(pwrite(descriptor, &byte, 1, off_t(place)) == 1)
    }

    /// What becomes of the files with a bit flipped, as a service takes them up.
    func outcome(_ suffix: String, _ place: Int, flipping bit: UInt8) throws -> Outcome {
        try restore()
        try change(suffix, at: place, flipping: bit)
        return try outcome()
    }

    /// What becomes of the files as they are.
    func outcome() throws -> Outcome {
        do {
            guard let store = try UsageStore(path: data.usage, purpose: .service) else { return .unfit }
            defer { try? store.close() }
            var projection = try Projection(store: store, reader: fixture.reader)
            try projection.checkPosition()
            try projection.advance(to: nil)
            let bytes = try store.snapshot().canonicalBytes()
            return String(decoding: bytes, as: UTF8.self) == truth ? .same : .anotherNumber
        } catch  where SnapshotDamage.isDamage(error) {
            return .damaged
        } catch let error as LogError where error.code == .positionNotFound {
            return .unfit
        }
    }
}
