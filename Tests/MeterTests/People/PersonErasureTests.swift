import EventLog
import FakeCircleCI
import Foundation
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// A person is erased from a data directory, and nothing else is.
struct PersonErasureTests {
    /// Everything that lies under a directory, by path.
    private func files(_ directory: DataDirectory) -> [String: Data] {
        Dictionary(
            uniqueKeysWithValues: TextFiles.all(in: directory).map {
                ($0, FileManager.default.contents(atPath: $0) ?? Data())
            }
        )
    }

    private func append(_ directory: DataDirectory, _ entries: [LogEntry]) async throws {
        let path = directory.log
        let log = try await onOwnThread("log") {
            try EventLog.open(directory: path, now: { Timestamp.now }, deduplicationKey: { _ in nil })
        }
        for entry in entries { _ = try await log.append(entry) }
        await log.close()
    }

    private func event(_ body: String, _ source: RecordSource) -> LogEntry {
        LogEntry(receivedAt: Timestamp.now, source: source, connection: "acme", body: Array(body.utf8))
    }

    private func apiEvent(_ number: Int, job: String, status: String = "success", login: String) -> String {
        """
        {"id":"0c6e2f4a-1d2b-4c3d-8e9f-00112233\(1000 + number)","type":"job-completed",\
        "happened_at":"2026-11-02T10:00:00Z","job":{"id":"\(job)","name":"b","number":\(number),"status":"\(status)",\
        "started_at":"2026-11-02T09:00:00Z","stopped_at":"2026-11-02T10:00:00Z"},"workflow":{"id":"w","name":"w"},\
        "pipeline":{"id":"p","number":1,"created_at":"2026-11-02T08:00:00Z","trigger":{"actor":{"login":"\(login)"}}},\
        "project":{"id":"11111111-2222-3333-4444-555555555555","slug":"github/o/r"}}
        """
    }

    @Test(arguments: 0..<4)
    func `the person is gone from every file, everybody and everything else counts as before`(_ round: UInt64)
        async throws
    {
        let seed = TestSeed.of(round: round)
        let fixture = try await LoggedHistory(seed: seed, isSigned: true)
        let data = fixture.data
        let before = try #require(try Replay(data).run(to: nil, isDryRun: false, progress: { _ in true }))
        let people = before[.people].map { $0.key.texts[0] }.filter { $0.contains("@") }.sorted()
        let address = try #require(people.first)
        // A reader keeps the write-ahead log of the store in being.
        let reader = try #require(try UsageStore(path: data.usage, purpose: .service))
        try reader.close()
        let quarantine = try Quarantine.open(dataDirectory: data.path)
        for body in ["[\"\(address)\"]", "[\"nobody@example.com\"]"] {
            try await quarantine.keep(
                Quarantine.Delivery(
                    receivedAt: Timestamp.now,
                    connection: "acme",
                    reason: "not_an_object",
                    signature: nil,
                    body: Array(body.utf8)
                )
            )
        }
        let lines = try crcs(data)
        let dry = try PersonErasure(address.uppercased(), in: data).search()
        #expect(try crcs(data) == lines)
        let report = try await PersonErasure(address.uppercased(), in: data).run()
        #expect(report.records > 0 && report.records == dry.records && report.isComplete, "seed \(seed)")
        #expect(report.removedFiles.count == 1 && dry.removedFiles == report.removedFiles)
        // What was there has its checksums, and one record more tells of it.
        #expect(try crcs(data).dropLast() == lines[...], "seed \(seed)")
        let verification = try LogVerifier(directory: data.log).verify()
        #expect(verification.isIntact)
        for (path, bytes) in files(data) {
            let text = String(decoding: bytes, as: UTF8.self).lowercased()
            #expect(!text.contains(address), "\(path), seed \(seed)")
        }
        let after = try #require(try Replay(data).published())
        for table in UsageTable.allCases {
            let isNamed = { (row: Snapshot.Row) in !table.hasProject && row.key.texts.contains(address) }
            let (mine, theirs) = (before[table].filter { !isNamed($0) }, after[table])
            #expect(mine.map(\.key) == theirs.map(\.key), "\(table), seed \(seed)")
            #expect(mine.map(\.tally) == theirs.map(\.tally), "\(table), seed \(seed)")
        }
        #expect(after.tag != before.tag)
        let again = try await PersonErasure(address, in: data).run()
        #expect(again.records == 0 && again.isComplete)
        #expect(try PersonErasure(people.last ?? "", in: data).search().records > 0 || people.count == 1)
    }

    @Test func `the person is gone from a compressed log, which is compressed again`() async throws {
        let directory = TemporaryDirectory()
        let data = DataDirectory(directory.path)
        var options = EventLog.Options()
        options.maximumSegmentBytes = 4_000
        let log = try await onOwnThread("log") { [options] in
            try EventLog.open(directory: data.log, options: options, now: { .now }, deduplicationKey: { _ in nil })
        }
        for number in 1...40 {
            let author = number % 11 == 0 ? "ann@example.com" : "bo@example.com"
            let body = apiEvent(number, job: "j\(number)", login: "somebody").replacing(
                #""trigger":"#,
                with: #""vcs":{"commit":{"author":{"name":"A","email":"\#(author)"}}},"trigger":"#
            )
            _ = try await log.append(event(body, .api))
        }
        _ = try await onOwnThread("log") { try log.compressSealed() }
        await log.close()
        let lines = try crcs(data)
        let person = try #require(PersonText(PersonIdentity("ann@example.com")))
        let holding = { try TextFiles.all(under: data.log).filter { try TextFiles.holds($0, person) } }
        let segments = try holding()
        #expect(segments.count == 3 && segments.allSatisfy { $0.hasSuffix(".ndjson.zst") })
        let kept = try #require(FileManager.default.contents(atPath: segments[0]))
        let report = try await PersonErasure("ann@example.com", in: data).run()
        #expect(report.records == 3 && report.segments == 3 && report.isComplete)
        #expect(try crcs(data).dropLast() == lines[...])
        #expect(try holding().isEmpty)
        for path in segments { #expect(!FileManager.default.fileExists(atPath: path), "\(path)") }

        // A file beside the plain one does not count, and is named all the same.
        try kept.write(to: URL(filePath: segments[0]))
        let rest = try await PersonErasure("ann@example.com", in: data).run()
        #expect(rest.records == 0 && rest.remainingFiles == [segments[0]])
        try kept.dropLast(kept.count / 2).write(to: URL(filePath: segments[0]))
        #expect(try await PersonErasure("ann@example.com", in: data).run().unsearchedFiles == [segments[0]])
        let again = try await onOwnThread("log") { () -> CompressionReport in
            let lock = try LogLock.acquire(directory: data.log)
            defer { lock.release() }
            return try lock.compressSealed()
        }
        #expect(again.segments.count == 3)
        #expect(try holding().isEmpty)
        #expect(try await PersonErasure("ann@example.com", in: data).run().isComplete)
        #expect(try LogVerifier(directory: data.log).verify().isIntact)
    }

    @Test func `a login is erased with the digits of an id that decides nothing, and kept where it decides`()
        async throws
    {
        let directory = TemporaryDirectory()
        let data = DataDirectory(directory.path)
        try await append(
            data,
            [
                event(apiEvent(1, job: "j1", login: "Ann"), .api), event(apiEvent(1, job: "j1", login: "ann"), .api),
                event(apiEvent(2, job: "j2", login: "ann"), .api),
                event(apiEvent(3, job: "j2", status: "failed", login: "ann"), .api),
                event(apiEvent(4, job: "j4", login: "bo"), .api),
                event(apiEvent(5, job: "j5", login: "a-rather-long-login"), .api),
            ]
        )
        let before = try #require(try Replay(data).run(to: nil, isDryRun: false, progress: { _ in true }))
        let lines = try crcs(data)
        let report = try await PersonErasure("login:ann", in: data).run()
        #expect(report.records == 2)
        #expect(report.keptSequences == [3, 4])
        #expect(!report.isComplete)
        let long = try await PersonErasure("login:a-rather-long-login", in: data).run()
        #expect(long.records == 1 && long.isComplete)
        #expect(try crcs(data).dropLast(2) == lines[...])
        let after = try #require(try Replay(data).published())
        #expect(after[.jobs].map(\.tally) == before[.jobs].map(\.tally))
        #expect(after[.people].map(\.key.texts) == [["login:ann"], ["login:bo"]])
    }

    @Test func `nobody else is counted in the place of who was erased`() async throws {
        let directory = TemporaryDirectory()
        let data = DataDirectory(directory.path)
        let body = apiEvent(1, job: "j1", login: "the-one-who-triggered").replacing(
            #""trigger":"#,
            with: #""vcs":{"commit":{"author":{"name":"Ann","email":"ann@example.com"}}},"trigger":"#
        )
        try await append(data, [event(body, .api)])
        let before = try #require(try Replay(data).run(to: nil, isDryRun: false, progress: { _ in true }))
        #expect(before[.people].map(\.key.texts) == [["ann@example.com"]])
        #expect(try await PersonErasure("ann@example.com", in: data).run().isComplete)
        let after = try #require(try Replay(data).published())
        #expect(after[.people].isEmpty)
        #expect(after[.activity].map(\.key.texts) == [["login:the-one-who-triggered", "trigger"]])
        #expect(after[.jobs].map(\.tally) == before[.jobs].map(\.tally))
    }

    @Test func `whoever is interrupted has told of it before`() async throws {
        let directory = TemporaryDirectory()
        let data = DataDirectory(directory.path)
        try await append(data, [event(apiEvent(1, job: "j1", login: "a-rather-long-login"), .api)])
        let log = try await onOwnThread("log") {
            try EventLog.open(directory: data.log, now: { Timestamp.now }, deduplicationKey: { _ in nil })
        }
        // What is to be erased cannot be noted.
        let obstacle = "\(data.log)/erasure.pending.tmp/full"
        try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: true)
        await #expect(throws: LogError.self) {
            try await PersonErasure("login:a-rather-long-login", in: data).run(log) { _ in }
        }
        await log.close()
        var bodies: [String] = []
        _ = try LogReader(directory: data.log).read(after: nil) { item in
            if case .record(let record) = item {
                bodies.append(record.withBody { String(decoding: $0, as: UTF8.self) })
            }
            return true
        }
        #expect(bodies.count == 2 && bodies[0].contains("a-rather-long-login"))
        #expect(bodies.last?.contains("\"person-erased\"") == true)
    }

    @Test func `what a login cannot be looked for in is not taken for searched`() async throws {
        let directory = TemporaryDirectory()
        let data = DataDirectory(directory.path)
        try await append(data, [event(apiEvent(1, job: "j1", login: "a-rather-long-login"), .api)])
        let aside = "\(data.log)/aside"
        try FileManager.default.createDirectory(atPath: aside, withIntermediateDirectories: true)
        try Data("{\"login\":\"a-rather".utf8).write(to: URL(filePath: "\(aside)/tail"))
        let quarantine = try Quarantine.open(dataDirectory: data.path)
        for body in ["a-rather-long-login, no JSON", "nobody, no JSON", "[{\"login\":\"a-rather-long-login\"}]"] {
            try await quarantine.keep(
                Quarantine.Delivery(
                    receivedAt: Timestamp.now,
                    connection: "acme",
                    reason: "not_an_object",
                    signature: nil,
                    body: Array(body.utf8)
                )
            )
        }
        let report = try await PersonErasure("login:a-rather-long-login", in: data).run()
        #expect(report.records == 1 && report.removedFiles.count == 1)
        #expect(report.unsearchedFiles.count == 2 && report.unsearchedFiles.last == "\(aside)/tail")
        #expect(!report.isComplete)
    }

    @Test func `signatures that went are counted apart, and the people file is left to people`() async throws {
        let directory = TemporaryDirectory()
        let data = DataDirectory(directory.path("data"))
        let demo = try await ChildProcess.run([
            "demo", "--exit-when-sent", "--days", "1", "--pipelines-per-day", "4", "--rate", "1000", "--data-dir",
            data.path, "--webhook-address", "127.0.0.1:0", "--dashboard-address", "127.0.0.1:0",
        ])
        #expect(demo.status == 0, "\(demo.output)")
        let snapshot = try #require(try Replay(data).run(to: nil, isDryRun: false, progress: { _ in true }))
        let address = try #require(snapshot[.people].map { $0.key.texts[0] }.first { $0.contains("@") })
        let before = try await ChildProcess.run(["log", "verify", "--signatures", "--data-dir", data.path])
        #expect(before.status == 0, "\(before.output)")
        #expect(before.output.contains(" 0 not, 0 erased,"))
        let file = #"{"aliases":[{"name":"A","identities":["\#(address)"]}]}"#
        try Data(file.utf8).write(to: URL(filePath: data.people))
        let erased = try await ChildProcess.run(
            ["people", "erase", "-", "--data-dir", data.path],
            input: address + "\n"
        )
        #expect(erased.status == 0, "\(erased.output)")
        #expect(erased.output.contains("people.json names it"))
        let after = try await ChildProcess.run(["log", "verify", "--signatures", "--json", "--data-dir", data.path])
        #expect(after.status == 0, "\(after.output)")
        #expect(after.output.contains("\"intact\":true") && after.output.contains("\"mismatches\":[]"))
        #expect(!after.output.contains("\"erased\":0"))
        let replayed = try await ChildProcess.run(["replay", "--dry-run", "--diff", "--data-dir", data.path])
        #expect(replayed.status == 0, "\(replayed.output)")
        let nobody = try await ChildProcess.run(["people", "erase", "x", "--data-dir", data.path])
        #expect(nobody.status == 2, "\(nobody.output)")
    }

    @Test func `while a service has the log, nothing is erased`() async throws {
        let fixture = try await LoggedHistory(seed: 41)
        let lock = try LogLock.acquire(directory: fixture.data.log)
        let lines = try crcs(fixture.data)
        let refused = try await ChildProcess.run([
            "people", "erase", "ann@example.com", "--data-dir", fixture.data.path,
        ])
        #expect(refused.status == 1)
        #expect(refused.output.contains("stop it first"))
        lock.release()
        #expect(try crcs(fixture.data) == lines)
    }

    /// The checksum of every record, all of which have to be readable.
    private func crcs(_ directory: DataDirectory) throws -> [UInt32] {
        var crcs: [UInt32] = []
        _ = try LogReader(directory: directory.log).read(after: nil) { item in
            if case .record(let record) = item { crcs.append(record.crc) } else { Issue.record("\(item)") }
            return true
        }
        return crcs
    }
}
