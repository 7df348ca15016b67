import EventLog
import FakeCircleCI
import Foundation
import Logging
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// How persons are called in what is stored.
struct PersonPolicyTests {
    private let key = PersonKey(Secret(Array(repeating: 7, count: 32)))

    private func file(_ text: String) throws -> PeopleFile { try PeopleFile(Array(text.utf8)) }

    private func policy(_ text: String) throws -> PersonPolicy { PersonPolicy(try file(text), key: key) }

    @Test func `a pseudonym is the same for what rules take for one person, and programs keep their names`() throws {
        let policy = try policy(#"{"mode":"pseudonymous","bots":["ci@example.com"],"not_bots":["renovate@x.org"]}"#)
        let ann = try #require(policy.name("ann@example.com"))
        #expect(ann.wholeMatch(of: /person-[0-9a-f]{16}/) != nil)
        #expect(policy.name("ann+ci@example.com") == ann)
        #expect(policy.name("bob@example.com") != ann)
        let login = try #require(policy.name("login:Ann"))
        #expect(login.wholeMatch(of: /login:person-[0-9a-f]{16}/) != nil)
        #expect(policy.name("12345+ann@users.noreply.github.com") == login)
        #expect(policy.name("user:7")?.wholeMatch(of: /user:person-[0-9a-f]{16}/) != nil)
        #expect(policy.name("1+dependabot[bot]@users.noreply.github.com")?.contains("dependabot") == true)
        #expect(policy.name("ci@example.com") == "ci@example.com")
        #expect(policy.name("renovate@x.org")?.hasPrefix("person-") == true)
        let other = PersonPolicy(
            try file(#"{"mode":"pseudonymous"}"#),
            key: PersonKey(Secret(Array(repeating: 8, count: 32)))
        )
        #expect(other.name("ann@example.com") != ann)
    }

    @Test func `who only reads makes no key, and reports of people wait for the snapshot of the policy`() throws {
        let temporary = TemporaryDirectory()
        let directory = DataDirectory(temporary.path("data"))
        try directory.make()
        func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted() }
        try Data(#"{"mode":"pseudonymous"}"#.utf8).write(to: URL(filePath: directory.people))
        let reading = try PersonPolicy.forReading(directory, environment: [:])
        #expect(try names() == ["people.json"])
        // Of names as they are, when pseudonyms are asked for.
        let snapshot = Snapshot(SnapshotParts())
        #expect(throws: MeterError.self) { try reading.check(snapshot) }
        try PersonPolicy.plain.check(snapshot)
        // With the service's key the names are the service's.
        let environment = [MasterKey.settingName: String(repeating: "ab", count: 32)]
        let service = try PersonPolicy.load(directory, environment: environment)
        let reader = try PersonPolicy.forReading(directory, environment: environment)
        #expect(reader.fingerprint == service.fingerprint && reader.name("a@b.c") == service.name("a@b.c"))
        let error = #expect(throws: MeterError.self) { try PersonPolicy.forReading(directory, environment: [:]) }
        #expect(error?.code == .invalidMasterKey)
        #expect(try names() == ["people.json", "person-key"])
    }

    @Test func `aliases hold for pseudonyms, and their name is one`() throws {
        let policy = try policy(
            #"""
            {"mode":"pseudonymous","aliases":[{"name":"Ann Doe","identities":["ann@example.com","user:7"]}]}
            """#
        )
        let alias = try #require(policy.rules.aliases.first)
        #expect(alias.identities.map(\.text) == ["ann@example.com", "user:7"].compactMap(policy.name))
        #expect(alias.name.hasPrefix("person-"))
    }

    @Test func `the fingerprint changes with what is stored, and with nothing else`() throws {
        let base = try policy(#"{"mode":"pseudonymous"}"#).fingerprint
        #expect(
            try policy(#"{"mode":"pseudonymous","aliases":[{"name":"A","identities":["a@b.c"]}]}"#).fingerprint == base
        )
        #expect(try policy(#"{"mode":"pseudonymous","bots":["a@b.c"]}"#).fingerprint != base)
        #expect(try policy(#"{"mode":"pseudonymous","not_bots":["a@b.c"]}"#).fingerprint != base)
        #expect(try policy(#"{"mode":"plain","bots":["a@b.c"]}"#).fingerprint == "plain")
        #expect(try policy(#"{"mode":"off"}"#).fingerprint == "off")
        #expect(try policy(#"{"mode":"off"}"#).name("ann@example.com") == nil)
        #expect(!base.contains("ann"))
    }

    @Test func `in every mode the log gives the same counters but for persons`() async throws {
        let fixture = try await LoggedHistory(seed: 31)
        let plain = try #require(try Replay(fixture.data).run(to: nil, isDryRun: false, progress: { _ in true }))
        #expect(plain[.people].contains { $0.key.texts[0].contains("@") })
        for mode in ["pseudonymous", "off"] {
            try write(#"{"mode":"\#(mode)"}"#, fixture.data)
            let shown = try #require(try Replay(fixture.data).run(to: nil, isDryRun: false, progress: { _ in true }))
            for table in UsageTable.allCases where table.hasProject {
                #expect(shown[table].map(\.key) == plain[table].map(\.key), "\(mode) \(table)")
                #expect(shown[table].map(\.tally) == plain[table].map(\.tally), "\(mode) \(table)")
            }
            let jobs = { (snapshot: Snapshot) in snapshot[.people].reduce(0) { $0 + $1.tally[0] } }
            #expect(jobs(shown) == (mode == "off" ? 0 : jobs(plain)))
            // What is on disk has no address of a person, and a dry run finds no difference.
            let bytes = try Data(contentsOf: URL(filePath: fixture.data.usage))
            for row in plain[.people] where !PeopleRules().isBot(PersonIdentity(row.key.texts[0])) {
                #expect(bytes.range(of: Data(row.key.texts[0].utf8)) == nil, "\(mode)")
            }
            let dry = try #require(try Replay(fixture.data).run(to: nil, isDryRun: true, progress: { _ in true }))
            #expect(dry.canonicalBytes() == shown.canonicalBytes())
            #expect(shown.tag != plain.tag)
        }
    }

    @Test func `a key for pseudonyms stays the same when the master key is replaced`() async throws {
        let fixture = try await LoggedHistory(seed: 32)
        try write(#"{"mode":"pseudonymous"}"#, fixture.data)
        let before = try PersonPolicy.load(fixture.data, environment: [:])
        let sealed = try Data(contentsOf: URL(filePath: fixture.data.personKey))
        try await OfflineConnections.rotateMasterKey(directory: fixture.data, environment: [:])
        #expect(try Data(contentsOf: URL(filePath: fixture.data.personKey)) != sealed)
        let after = try PersonPolicy.load(fixture.data, environment: [:])
        #expect(after.fingerprint == before.fingerprint)
        #expect(after.name("ann@example.com") == before.name("ann@example.com"))
    }

    @Test(.timeLimit(.minutes(5)))
    func `a running service takes up another mode, and goes on as before while the file has a mistake`()
        async throws
    {
        let fixture = try await LoggedHistory(seed: 33)
        try write(#"{"mode":"plain"}"#, fixture.data)
        let path = fixture.data.log
        let log = try await onOwnThread("log") {
            try EventLog.open(directory: path, now: { Timestamp.now }, deduplicationKey: { _ in nil })
        }
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let source = try PeopleSource(fixture.data, environment: [:], logger: logger)
        let projector = Projector(directory: fixture.data, log: log, people: source, logger: logger)
        let running = Task { try await projector.run() }
        var sequences = projector.published.sequences().makeAsyncIterator()
        while let sequence = await sequences.next(), sequence < fixture.recordCount {}
        let plain = try await projector.published.snapshot()
        #expect(plain.personPolicy == "plain" && !plain[.people].isEmpty)
        try write(#"{"mode":"nonsense"}"#, fixture.data)
        #expect(source.current().fingerprint == "plain")
        try write(#"{"mode":"off"}"#, fixture.data)
        // The first making of the snapshot may not have returned yet.
        while true {
            do {
                try await projector.rebuild { _ in }
                break
            } catch let error as MeterError where error.code == .replayUnderWay {
                await Task.yield()
            }
        }
        let off = try await projector.published.snapshot()
        #expect(off.personPolicy == "off" && off[.people].isEmpty)
        #expect(off[.jobs].map(\.tally) == plain[.jobs].map(\.tally))
        running.cancel()
        _ = await running.result
        await log.close()
        // A snapshot of another mode is not taken up by a start.
        try write(#"{"mode":"plain"}"#, fixture.data)
        let again = try await onOwnThread("log") {
            try EventLog.open(directory: path, now: { Timestamp.now }, deduplicationKey: { _ in nil })
        }
        let second = Projector(
            directory: fixture.data,
            log: again,
            people: try PeopleSource(fixture.data, environment: [:], logger: logger),
            logger: logger
        )
        let restarted = Task { try await second.run() }
        for await tag in second.published.sequences().map({ _ in second.published.tag }) where tag == plain.tag {
            break
        }
        #expect(try await second.published.snapshot().canonicalBytes() == plain.canonicalBytes())
        restarted.cancel()
        _ = await restarted.result
        await again.close()
    }

    @Test func `a service does not start with a people file that has a mistake, and says where`() async throws {
        let fixture = try await LoggedHistory(seed: 34)
        try write(#"{"mode":"nonsense"}"#, fixture.data)
        let serve = try await ChildProcess.run([
            "serve", "--data-dir", fixture.data.path, "--webhook-address", "127.0.0.1:0", "--dashboard-address",
            "127.0.0.1:0",
        ])
        #expect(serve.status == 1)
        #expect(serve.output.contains("mode: unknown; known are plain, pseudonymous, off"))
        #expect(serve.output.contains(fixture.data.people))
        let check = try await ChildProcess.run(["people", "check", "--data-dir", fixture.data.path])
        #expect(check.status == 1)
        #expect(check.output.contains("mode: unknown"))
        try write(#"{"bots":["ci@example.com"]}"#, fixture.data)
        let good = try await ChildProcess.run(["people", "check", "--data-dir", fixture.data.path])
        #expect(good.status == 0)
        #expect(good.output.contains("mode plain, 0 aliases of 0 identities, 1 programs"))
    }

    private func write(_ text: String, _ directory: DataDirectory) throws {
        try Data(text.utf8).write(to: URL(filePath: directory.people), options: .atomic)
    }
}
