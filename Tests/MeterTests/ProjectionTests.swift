import CircleCI
import EventLog
import FakeCircleCI
import Foundation
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// The log, the reducer and `usage.sqlite` together.
struct ProjectionTests {
    @Test(arguments: 0..<6)
    func `cut, restarted or made anew, the stored snapshot is the same bytes`(_ round: UInt64) async throws {
        let seed = TestSeed.of(round: round)
        var random = SeededGenerator(seed: seed)
        let fixture = try await LoggedHistory(seed: seed)
        let direct = try fixture.directSnapshot().canonicalBytes()
        // Advances of random lengths, now and then from a store that was closed and opened again.
        var store = try #require(try UsageStore(path: fixture.data.usage, purpose: .rebuild))
        try store.close()
        store = try #require(try UsageStore(path: fixture.data.usage, purpose: .service))
        var projection = try Projection(store: store, reader: fixture.reader)
        var sequence = 0
        while sequence < fixture.recordCount {
            sequence += Int.random(in: 1...400, using: &random)
            try projection.advance(to: sequence)
            guard Bool.random(using: &random) else { continue }
            try store.close()
            store = try #require(try UsageStore(path: fixture.data.usage, purpose: .service))
            projection = try Projection(store: store, reader: fixture.reader)
        }
        #expect(try store.snapshot().canonicalBytes() == direct, "seed \(seed)")
        try store.close()
        let replayed = try Replay(fixture.data).run(to: nil, isDryRun: false, progress: { _ in true })
        #expect(replayed?.canonicalBytes() == direct, "seed \(seed)")
        #expect(try Replay(fixture.data).published()?.canonicalBytes() == direct, "seed \(seed)")
    }

    @Test func `after a restart only the tail is folded`() async throws {
        let fixture = try await LoggedHistory(seed: 21)
        let store = try #require(try UsageStore(path: fixture.data.usage, purpose: .rebuild))
        var projection = try Projection(store: store, reader: fixture.reader)
        #expect(try projection.advance(to: fixture.recordCount - 7) == fixture.recordCount - 7)
        try store.close()
        let reopened = try #require(try UsageStore(path: fixture.data.usage, purpose: .service))
        var second = try Projection(store: reopened, reader: fixture.reader)
        #expect(try second.advance(to: nil) == 7)
    }

    @Test func `a dry run leaves the published snapshot alone and shows every difference`() async throws {
        let fixture = try await LoggedHistory(seed: 22)
        let half = try #require(
            try Replay(fixture.data).run(to: fixture.recordCount / 2, isDryRun: false, progress: { _ in true })
        )
        let whole = try #require(try Replay(fixture.data).run(to: nil, isDryRun: true, progress: { _ in true }))
        #expect(try Replay(fixture.data).published()?.canonicalBytes() == half.canonicalBytes())
        #expect(!FileManager.default.fileExists(atPath: fixture.data.usageDryRun))
        let lines = SnapshotDifference(half, whole).lines
        #expect(!lines.isEmpty)
        #expect(lines.contains { !$0.isFirst })
        #expect(SnapshotDifference(whole, whole).lines.isEmpty)
    }

    @Test func `an interrupted replay leaves the published snapshot as it was and goes on the next time`() async throws
    {
        let fixture = try await LoggedHistory(seed: 23)
        _ = try Replay(fixture.data).run(to: 5, isDryRun: false, progress: { _ in true })
        let before = try Data(contentsOf: URL(filePath: fixture.data.usage))
        #expect(try Replay(fixture.data).run(to: nil, isDryRun: false, progress: { _ in false }) == nil)
        #expect(try Data(contentsOf: URL(filePath: fixture.data.usage)) == before)
        #expect(!FileManager.default.fileExists(atPath: fixture.data.usageRebuild))
        let stopped = try #require(try UsageStore(path: fixture.data.usagePaused, purpose: .resume))
        let reached = try #require(try stopped.position()).sequence
        try stopped.close()
        #expect(reached > 0)
        let resumed = try Replay(fixture.data).run(to: nil, isDryRun: false, progress: { _ in true })
        #expect(resumed?.canonicalBytes() == (try fixture.directSnapshot().canonicalBytes()))
        #expect(!FileManager.default.fileExists(atPath: fixture.data.usagePaused))
    }

    @Test func `damage at the end of the log is published once and holds nothing up`() async throws {
        let fixture = try await LoggedHistory(seed: 25)
        // Two batches behind each other, and the newline between their lines gone.
        for _ in 0..<2 { try await fixture.append(1) }
        let segment = URL(filePath: "\(fixture.data.log)/00000000000000000001.ndjson")
        var bytes = [UInt8](try Data(contentsOf: segment))
        let end = try #require(bytes.dropLast().lastIndex(of: UInt8(ascii: "\n")))
        bytes[end] = UInt8(ascii: "x")
        try Data(bytes).write(to: segment)
        let store = try #require(try UsageStore(path: fixture.data.usage, purpose: .rebuild))
        var projection = try Projection(store: store, reader: fixture.reader)
        #expect(try projection.advance(to: nil) == fixture.recordCount)
        #expect(try projection.advance(to: nil) == 0)
        #expect(try store.damageMessages().count == 1)
    }

    @Test func `a position that is not on the log is found out`() async throws {
        let fixture = try await LoggedHistory(seed: 24)
        let store = try #require(try UsageStore(path: fixture.data.usage, purpose: .rebuild))
        var projection = try Projection(store: store, reader: fixture.reader)
        try projection.advance(to: nil)
        try projection.checkPosition()
        // The log's last lines go, on a boundary between two lines, where the log alone cannot tell.
        let segment = "\(fixture.data.log)/00000000000000000001.ndjson"
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: segment)))
        let cut = try #require(bytes.dropLast().lastIndex(of: UInt8(ascii: "\n")))
        try Data(bytes[...cut]).write(to: URL(filePath: segment))
        let error = #expect(throws: LogError.self) { try projection.checkPosition() }
        #expect(error?.code == .positionNotFound)
    }
}
