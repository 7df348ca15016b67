import EventLog
import FakeCircleCI
import Foundation
import GRDB
import Glibc
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// Flipped bits in `usage.sqlite` and its write-ahead log. What is derived from the log may be lost, and may never be
/// another number.
struct SnapshotCorruptionTests {
    /// Flips of each seed in the file's header, anywhere in the file, and in the write-ahead log.
    private static let flipCounts = (header: 40, file: 120, writeAheadLog: 60)

    @Test(.timeLimit(.minutes(600)))
    func `a flipped bit in usage.sqlite is found or does not count: the snapshot is the truth or is made anew`()
        async throws
    {
        let campaign = Campaign("snapshot-corruption", unit: "snapshots", short: 1)
        while let seed = campaign.nextSeed() {
            var random = SeededGenerator(seed: seed)
            let snapshot = try await CorruptibleSnapshot(seed: seed)
            let counts = SnapshotCorruptionTests.flipCounts
            for _ in 0..<counts.header { try flip("", in: 0..<100, snapshot, &random, campaign) }
            for _ in 0..<counts.file {
                try flip("", in: snapshot.file.indices, snapshot, &random, campaign)
            }
            for _ in 0..<counts.writeAheadLog {
                try flip("-wal", in: snapshot.writeAheadLog.indices, snapshot, &random, campaign)
            }
        }
        campaign.finish()
    }

    @Test(.timeLimit(.minutes(600)))
    func `a page of which any one bit has flipped is never handed out`() async throws {
        let campaign = Campaign("snapshot-pages", unit: "snapshots", short: 1)
        while let seed = campaign.nextSeed() {
            let snapshot = try await CorruptibleSnapshot(seed: seed)
            try snapshot.restoreAsOneFile()
            try flipEveryBit(of: snapshot, campaign)
            // A file that does not say that it has checksums is not taken up.
            for byte in StoredPages.bytesThatSayChecksums {
                for bit in 0..<8 {
                    let outcome = try snapshot.outcome("", byte, flipping: 1 << UInt8(bit))
                    #expect(outcome != .anotherNumber, "seed \(seed): byte \(byte), bit \(bit)")
                    campaign.count("bits that say that there are checksums: \(outcome.rawValue)")
                }
            }
        }
        campaign.finish()
    }

    /// Of all pages in the long form, else of three.
    private func flipEveryBit(of snapshot: CorruptibleSnapshot, _ campaign: Campaign) throws {
        var random = SeededGenerator(seed: snapshot.seed)
        let pages = try StoredPages(path: snapshot.data.usage)
        let numbers = (0..<pages.count).shuffled(using: &random)
        for number in Campaign.isAskedFor("snapshot-pages") ? numbers[...] : numbers.prefix(3) {
            #expect(pages.isRead(number), "seed \(snapshot.seed): page \(number), as it was written")
            var (triedCount, handedOutCount) = (0, 0)
            for byte in 0..<StoredPages.pageBytes
            where number > 0 || !StoredPages.bytesThatSayChecksums.contains(byte) {
                for bit in 0..<8 {
                    triedCount += 1
                    if try pages.isRead(number, flipping: 1 << UInt8(bit), of: byte) { handedOutCount += 1 }
                }
            }
            #expect(handedOutCount == 0, "seed \(snapshot.seed): page \(number)")
            campaign.count("pages")
            campaign.count("bits of them", triedCount)
        }
    }

    private func flip(
        _ suffix: String,
        in range: Range<Int>,
        _ snapshot: CorruptibleSnapshot,
        _ random: inout SeededGenerator,
        _ campaign: Campaign
    ) throws {
        let place = Int.random(in: range, using: &random)
        let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
        let outcome = try snapshot.outcome(suffix, place, flipping: bit)
        let name = suffix.isEmpty ? "usage.sqlite" : "its write-ahead log"
        #expect(outcome != .anotherNumber, "seed \(snapshot.seed): \(name), byte \(place), bit \(bit)")
        campaign.count("flips in \(name): \(outcome.rawValue)")
    }

    @Test func `a number changed behind its checksum is found by the reader, and by reading every page`() async throws {
        let snapshot = try await CorruptibleSnapshot(seed: TestSeed.of(round: 0))
        try snapshot.restoreAsOneFile()
        // A page of a table, somewhere in its middle.
        try snapshot.change("", at: snapshot.file.count / 2, flipping: 4)
        let published = PublishedSnapshot()
        let path = snapshot.data.usage
        try await published.replace { try UsageStore(path: path, purpose: .service) }
        let error = await expectError(.damagedSnapshot) { try await published.read(or: ()) { try $0.check() } }
        #expect(error?.location == path && error?.hint?.contains("circlemeter replay") == true)
        #expect(published.isDamaged)
        try await published.replace { nil }
        #expect(!published.isDamaged, "another store is not the damaged one")
    }

    @Test func `the file is a plain SQLite database, and one that another program wrote to is made anew`() async throws
    {
        let snapshot = try await CorruptibleSnapshot(seed: TestSeed.of(round: 1))
        try snapshot.restoreAsOneFile()
        let script = """
            import sqlite3, sys
            database = sqlite3.connect(sys.argv[1])
            print(database.execute("PRAGMA integrity_check").fetchone()[0])
            database.execute("UPDATE jobs SET success = success + 1")
            database.commit()
            """
        let python = try Program.run("/usr/bin/env", ["python3", "-c", script, snapshot.data.usage])
        #expect(python.output == "ok\n" && python.status == 0)
        #expect(try snapshot.outcome() == .damaged)
    }

    /// The page that what is read at the start lies on, and others.
    @Test(.timeLimit(.minutes(5)), arguments: 1...3)
    func `a service on a damaged snapshot makes it anew by itself`(_ quarter: Int) async throws {
        let snapshot = try await CorruptibleSnapshot(seed: 386_559_854)
        try snapshot.restoreAsOneFile()
        try snapshot.change("", at: snapshot.file.count * quarter / 4, flipping: 1)
        let service = try ChildProcess(
            [
                "serve", "--data-dir", snapshot.data.path, "--webhook-address", "127.0.0.1:0", "--dashboard-address",
                "127.0.0.1:0", "--reconcile-every", "off", "--settle-every", "off",
            ]
        )
        _ = try await service.line(after: "dashboard: ")
        while true {
            let answer = try await ChildProcess.run(["snapshot", "--data-dir", snapshot.data.path])
            if answer.status == 0 {
                #expect(answer.output == snapshot.truth)
                if isWhole(snapshot) { break }
            } else {
                #expect(answer.output.contains("damaged_snapshot"), "\(answer.output)")
            }
            // Whoever reads the damaged page says so, and the service looks at that every two seconds.
            try await Task.sleep(for: .milliseconds(100))
        }
        service.send(SIGTERM)
        #expect(await service.status() == 0)
    }

    private func isWhole(_ snapshot: CorruptibleSnapshot) -> Bool {
        guard let store = try? UsageStore(path: snapshot.data.usage, purpose: .reading) else { return false }
        defer { try? store.close() }
        return (try? store.check()) != nil
    }
}
