import EventLog
import Foundation
import GRDB
import ServiceLifecycleTestKit
import TestSupport
import Testing
import Usage

@testable import Meter

/// A snapshot that is made anew takes another's place: nothing of the old one gets into it, and wherever that was cut off,
/// the next start ends it.
struct SnapshotReplacementTests {
    @Test(arguments: ["-journal", "-wal"], [true, false])
    func `what SQLite kept beside an older snapshot is not taken for the new one's`(
        _ suffix: String,
        _ isOldThere: Bool
    ) async throws {
        let fixture = try await LoggedHistory(seed: 51)
        _ = try Replay(fixture.data).run(to: fixture.recordCount / 2, isDryRun: false, progress: { _ in true })
        let path = fixture.data.usage
        let kept = try suffix == "-wal" ? writeAheadLog(fixture) : hotJournal(path)
        try kept.write(to: URL(filePath: path + suffix))
        if !isOldThere { try FileManager.default.removeItem(atPath: path) }
        _ = try Replay(fixture.data).run(to: nil, isDryRun: false, progress: { _ in true })
        for left in ["-journal", "-wal"] { #expect(!FileManager.default.fileExists(atPath: path + left)) }
        let store = try #require(try UsageStore(path: path, purpose: .service))
        try store.check()
        #expect(try store.snapshot().canonicalBytes() == fixture.directSnapshot().canonicalBytes())
        try await fixture.append(1)
        var projection = try Projection(store: store, reader: fixture.reader)
        #expect(try projection.advance(to: nil) == 1)
        #expect(try store.snapshot().canonicalBytes() == fixture.directSnapshot().canonicalBytes())
    }

    /// The write-ahead log of half the history, all of which it holds.
    private func writeAheadLog(_ fixture: LoggedHistory) throws -> Data {
        let store = try #require(try UsageStore(path: fixture.data.usage, purpose: .service))
        defer { try? store.close() }
        var projection = try Projection(store: store, reader: fixture.reader)
        try projection.advance(to: fixture.recordCount * 3 / 4)
        return try Data(contentsOf: URL(filePath: fixture.data.usage + "-wal"))
    }

    /// The journal of a transaction that a kill cut off: whatever file it is found beside gets those pages back.
    private func hotJournal(_ path: String) throws -> Data {
        let queue = try DatabaseQueue(path: path)
        defer { try? queue.close() }
        return try queue.writeWithoutTransaction { database in
            try database.execute(sql: "PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF; BEGIN IMMEDIATE")
            for table in ["jobs", "partitions", "position"] { try database.execute(sql: "DELETE FROM \(table)") }
            let journal = try Data(contentsOf: URL(filePath: path + "-journal"))
            try database.execute(sql: "ROLLBACK")
            return journal
        }
    }

    @Test func `killed while it takes the other's place, it is taken up where it stood`() async throws {
        let fixture = try await LoggedHistory(seed: 52)
        let whole = try Replay(fixture.data).run(to: nil, isDryRun: false, progress: { _ in true })
        // The old one is gone, and of what SQLite kept beside it something is not.
        try FileManager.default.moveItem(atPath: fixture.data.usage, toPath: fixture.data.usagePaused)
        try Data("of the old one".utf8).write(to: URL(filePath: fixture.data.usage + "-wal"))
        var steps = 0
        let replayed = try Replay(fixture.data).run(to: nil, isDryRun: false) { _ in
            steps += 1
            return true
        }
        #expect(steps == 0)
        #expect(replayed?.canonicalBytes() == whole?.canonicalBytes())
        #expect(try Replay(fixture.data).published()?.canonicalBytes() == whole?.canonicalBytes())
        #expect(!FileManager.default.fileExists(atPath: fixture.data.usagePaused))
    }

    @Test(.timeLimit(.minutes(2)))
    func `runs that were stored unreadably are made anew from the log`() async throws {
        let fixture = try await LoggedHistory(seed: 53)
        _ = try Replay(fixture.data).run(to: nil, isDryRun: false, progress: { _ in true })
        let store = try #require(try UsageStore(path: fixture.data.usage, purpose: .service))
        try await store.database.write { try $0.execute(sql: "UPDATE partitions SET runs = x'ff'") }
        try store.close()
        try await fixture.append(1)
        try await fixture.withProjector { projector in
            for await sequence in projector.published.sequences() where sequence > fixture.recordCount { break }
            let published = try await projector.published.snapshot()
            #expect(try published.canonicalBytes() == fixture.directSnapshot().canonicalBytes())
        }
    }

    @Test(arguments: [true, false])
    func `stopped before it began, the projector still publishes what came, but makes no snapshot anew`(
        _ isStored: Bool
    ) async throws {
        let fixture = try await LoggedHistory(seed: 54)
        if isStored { _ = try Replay(fixture.data).run(to: nil, isDryRun: false, progress: { _ in true }) }
        try await fixture.append(3)
        let log = try await fixture.open()
        let projector = try fixture.projector(log)
        try await testGracefulShutdown { stop in
            stop.triggerGracefulShutdown()
            try await projector.run()
        }
        await log.close()
        #expect(projector.published.position?.sequence == (isStored ? fixture.recordCount + 3 : nil))
    }
}
