import EventLog
import Foundation
import GRDB
import Logging
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// The snapshot's rows and its position are one, whatever fails and whoever counted before.
struct ProjectionTransactionTests {
    @Test(arguments: ["jobs", "workflows", "partitions", "records", "position"])
    func `an advance that fails in any table changes none, and is made up for`(_ table: String) async throws {
        let fixture = try await LoggedHistory(seed: 41)
        let half = fixture.recordCount / 2
        _ = try Replay(fixture.data).run(to: half, isDryRun: false, progress: { _ in true })
        let store = try #require(try UsageStore(path: fixture.data.usage, purpose: .service))
        let before = try store.snapshot().canonicalBytes()
        try await store.database.write { database in
            try database.execute(
                sql: "CREATE TRIGGER refusal BEFORE INSERT ON \(table) BEGIN SELECT RAISE(ABORT, 'no room'); END"
            )
        }
        var failing = try Projection(store: store, reader: fixture.reader)
        #expect(throws: DatabaseError.self) { try failing.advance(to: nil) }
        #expect(try store.position()?.sequence == half)
        #expect(try store.snapshot().canonicalBytes() == before)
        try await store.database.write { try $0.execute(sql: "DROP TRIGGER refusal") }
        var projection = try Projection(store: store, reader: fixture.reader)
        try projection.advance(to: nil)
        #expect(try store.snapshot().canonicalBytes() == fixture.directSnapshot().canonicalBytes())
    }

    @Test(.timeLimit(.minutes(2)))
    func `what another reducer counted is counted anew, not gone on with`() async throws {
        let fixture = try await LoggedHistory(seed: 42)
        _ = try Replay(fixture.data).run(to: nil, isDryRun: false, progress: { _ in true })
        let older = try #require(try UsageStore(path: fixture.data.usage, purpose: .service))
        try await older.database.write { database in
            try database.execute(sql: "UPDATE jobs SET success = success + 1")
            try database.execute(sql: "PRAGMA user_version = \(UsageSchema.userVersion - 1)")
        }
        try older.close()
        try await fixture.append(1)
        try await fixture.withProjector { projector in
            for await sequence in projector.published.sequences() where sequence > fixture.recordCount { break }
            let published = try await projector.published.snapshot()
            #expect(try published.canonicalBytes() == fixture.directSnapshot().canonicalBytes())
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `what is written and not yet durable is not counted`() async throws {
        let fixture = try await LoggedHistory(seed: 43)
        _ = try Replay(fixture.data).run(to: nil, isDryRun: false, progress: { _ in true })
        let log = try await fixture.open()
        // The record that another log would have gone on with, as if its sync were under way.
        let other = try await LoggedHistory(seed: 43)
        try FileManager.default.removeItem(atPath: other.data.log)
        try FileManager.default.copyItem(atPath: fixture.data.log, toPath: other.data.log)
        try await other.append(1)
        let segment = "00000000000000000001.ndjson"
        let written = try Data(contentsOf: URL(filePath: "\(other.data.log)/\(segment)"))
        try written.write(to: URL(filePath: "\(fixture.data.log)/\(segment)"))
        let readable = try fixture.reader.read(after: nil) { _ in true }
        #expect(readable?.sequence == fixture.recordCount + 1)

        let projector = try fixture.projector(log)
        let running = Task { try await projector.run() }
        // Once it is closed, the projector catches up and ends.
        await log.close()
        try await running.value
        #expect(projector.published.position?.sequence == fixture.recordCount)
    }
}
