import CircleCI
import Dispatch
import EventLog
import FakeCircleCI
import HTTPTypes
import TestSupport
import Testing
import Usage
import Wire

@testable import Meter

/// Searching the log, held against reading all of it forwards, and effects against counting with and without.
struct LogSearchTests {
    /// The filter, said in the plainest way: what the record's JSON says.
    private static func fits(_ record: LogRecord, _ query: LogQuery) -> Bool {
        func equal(_ first: String?, _ second: String) -> Bool { first?.utf8.elementsEqual(second.utf8) ?? false }
        let summary = RecordSummary(record)
        let projectID = record.withBody { body in
            (try? EventScanner.event(in: body)).flatMap { $0.project.id?.string(in: body) }
        }
        return (query.connection.map { $0 == record.connection } ?? true)
            && (query.source.map { $0 == record.source } ?? true)
            && (query.type.map { equal(summary.type, $0) } ?? true)
            && (query.status.map { equal(summary.status, $0) } ?? true)
            && (query.run.map { equal(summary.run, $0) } ?? true)
            && (query.project.map { equal(summary.project, $0) || equal(projectID, $0) } ?? true)
            && (query.from.map { $0 <= record.receivedAt.day } ?? true)
            && (query.to.map { record.receivedAt.day <= $0 } ?? true)
    }

    private static func query(_ runs: [String], _ random: inout SeededGenerator) -> LogQuery {
        var query = LogQuery()
        func maybe<Value>(_ values: [Value]) -> Value? {
            Int.random(in: 0..<4, using: &random) == 0 ? values.randomElement(using: &random) : nil
        }
        query.connection = maybe(["acme", "globex", "nobody"])
        query.source = maybe([.webhook, .api, .export, .meter])
        query.type = maybe(["job-completed", "workflow-completed", "project-reconciled", "job-settled", "nothing"])
        query.status = maybe(["success", "failed", "canceled"])
        query.project = maybe(["github/acme/webshop", "github/o/r1", "project-0"])
        query.run = maybe(Array(runs.prefix(5)))
        query.from = maybe([Day("2026-11-02")!, Day("2026-11-03")!])
        query.to = maybe([Day("2026-11-02")!, Day("2026-11-03")!])
        query.limit = Int.random(in: 1...40, using: &random)
        return query
    }

    @Test(arguments: 0..<4)
    func `pages put together are all that fits, in one search or cut into many`(_ round: UInt64) async throws {
        let seed = TestSeed.of(round: round)
        var random = SeededGenerator(seed: seed)
        let fixture = try await SearchedLog(seed: seed)
        let whole = fixture.search()
        let cut = fixture.search(LogSearch.Bounds(bytes: 1, duration: .seconds(60)))
        for turn in 0..<12 {
            var query = LogSearchTests.query(fixture.runs, &random)
            query.after = Int.random(in: 0..<3, using: &random) == 0 ? 50 : 0
            var wanted: [Int] = []
            try fixture.read { record in
                if record.sequence > query.after, LogSearchTests.fits(record, query) {
                    wanted.insert(record.sequence, at: 0)
                }
            }
            var found: [Int] = []
            repeat {
                let page = try await (turn < 11 ? whole : cut).search(query)
                #expect(page.records.count <= query.limit, "seed \(seed)")
                #expect(page.damages.isEmpty, "seed \(seed)")
                found += page.records.map(\.sequence)
                if let next = page.next { try #require(next < query.before ?? .max, "seed \(seed)") }
                query.before = page.next
                // Meanwhile the log grows, which changes nothing of what was there.
                if turn == 3 {
                    _ = try await fixture.log.append(
                        LogEntry(receivedAt: .now, source: .webhook, connection: "acme", body: Array("{}".utf8))
                    )
                }
            } while query.before != nil
            #expect(found == wanted, "seed \(seed), turn \(turn)")
        }
        await fixture.log.close()
    }

    @Test func `a search that stops early says how far it came`() async throws {
        let fixture = try await SearchedLog(seed: 5)
        let search = fixture.search(LogSearch.Bounds(bytes: 1, duration: .seconds(60)))
        var query = LogQuery()
        query.type = "nothing"
        let first = try await search.search(query)
        #expect(first.records.isEmpty)
        #expect(first.next == first.searchedTo && first.searchedTo == first.end.sequence)
        await fixture.log.close()
    }

    @Test func `what is more than can wait in line is refused`() async throws {
        let line = WaitingLine(label: "test", width: 1, maximumWaiting: 0)
        let (started, starting) = AsyncStream.makeStream(of: Void.self)
        let gate = DispatchSemaphore(value: 0)
        async let first: Int = line.run {
            starting.yield()
            gate.wait()
            return 1
        }
        for await _ in started { break }
        let problem = await #expect(throws: HTTPProblem.self) { try await line.run { 2 } }
        #expect(problem?.code == "busy" && problem?.headers[.retryAfter] == "1")
        gate.signal()
        #expect(try await first == 1)
        #expect(try await line.run { 3 } == 3)
    }

    @Test(arguments: 0..<4)
    func `what a record changed is the difference between counting with and without it`(_ round: UInt64) async throws {
        let seed = TestSeed.of(round: round)
        var random = SeededGenerator(seed: seed)
        let fixture = try await SearchedLog(seed: seed)
        // The usual two seconds are for somebody who waits, not for a machine that does other things.
        let search = fixture.search(LogSearch.Bounds(duration: .seconds(3600)))
        let count = fixture.log.durableEnd.sequence
        let chosen = Set((0..<40).map { _ in Int.random(in: 1...count, using: &random) })
        var differences: [Int: [String]] = [:]
        var tables = UsageTables()
        var reducer = try Reducer(storage: tables)
        try fixture.read { record in
            let before = tables
            _ = try record.withBody { body in
                guard let event = try? EventScanner.event(in: body) else { return }
                try reducer.fold(
                    event,
                    in: body,
                    connection: record.connectionText.raw(in: record.line),
                    source: record.source,
                    storage: tables
                )
            }
            let changes = reducer.takeChanges()
            tables.apply(changes)
            guard chosen.contains(record.sequence) else { return }
            // Under the names that projects go by afterwards.
            var names = UsageChanges()
            names.projects = tables.projects()
            var without = before
            without.apply(names)
            differences[record.sequence] = LogSearchTests.difference(
                without.snapshot(position: nil),
                tables.snapshot(position: nil)
            )
        }
        var changed = 0
        for sequence in chosen.sorted() {
            let story = try #require(try await search.record(sequence, personName: { $0 }))
            #expect(story.effect.isComplete)
            let lines = story.effect.changes.flatMap { row in
                row.values.filter { LogSearchTests.isCounted($0.column, row.table) }
                    .map { "\(row.table) \(row.key) \($0.column) \($0.change)" }
            }
            #expect(lines.sorted() == differences[sequence], "seed \(seed), record \(sequence)")
            if !lines.isEmpty { changed += 1 }
        }
        #expect(changed > 5 && changed < chosen.count, "seed \(seed)")
        await fixture.log.close()
    }

    /// A snapshot adds what is provisional to the use of features, which is derived of all runs.
    private static func isCounted(_ column: String, _ table: UsageTable) -> Bool {
        table != .features || column == "credits_settled"
    }

    /// Each value that differs, but for those that are derived of all runs.
    private static func difference(_ first: Snapshot, _ second: Snapshot) -> [String] {
        var lines: [String] = []
        for table in UsageTable.stored {
            let mine = Dictionary(uniqueKeysWithValues: first[table].map { ($0.key, $0.tally) })
            let theirs = Dictionary(uniqueKeysWithValues: second[table].map { ($0.key, $0.tally) })
            for key in Set(mine.keys).union(theirs.keys) {
                for (column, name) in table.valueColumns.enumerated() where isCounted(name, table) {
                    let change = (theirs[key]?[column] ?? 0) - (mine[key]?[column] ?? 0)
                    if change != 0 { lines.append("\(table) \(key) \(name) \(change)") }
                }
            }
        }
        return lines.sorted()
    }

    @Test func `a repetition says which record it repeats, an old version which one had come before`() async throws {
        let directory = TemporaryDirectory()
        let path = directory.path("log")
        let log = try await onOwnThread("log") {
            try EventLog.open(directory: path, now: { .now }, deduplicationKey: { _ in nil })
        }
        let store = try await ConnectionStore.open(dataDirectory: directory.path, vault: Vault(.random()))
        func body(_ id: String, stoppedAt: String) -> [UInt8] {
            Array(
                """
                {"id":"\(id)","type":"workflow-completed","happened_at":"\(stoppedAt)","project":{"id":"p","slug":"gh/o/r"},\
                "workflow":{"id":"w","name":"main","status":"canceled","created_at":"2026-11-02T10:00:00Z",\
                "stopped_at":"\(stoppedAt)"},"pipeline":{"created_at":"2026-11-02T10:00:00Z"}}
                """.utf8
            )
        }
        let late = body("late", stoppedAt: "2026-11-02T10:05:00Z")
        for event in [late, late, body("early", stoppedAt: "2026-11-02T10:01:00Z")] {
            let entry = LogEntry(receivedAt: .now, source: .webhook, connection: "acme", body: event)
            _ = try await log.append(entry)
        }
        let search = LogSearch(log: log, connections: store, directory: path)
        let first = try #require(try await search.record(1, personName: { $0 }))
        #expect(first.effect.changes.map(\.table) == [.workflows])
        #expect(first.effect.changes.first?.key.texts == ["github/o/r", "main"])
        #expect(first.runRecords.map(\.sequence) == [1, 2, 3])
        #expect(
            withoutIsolates(RecordWords(first).headline)
                .contains("workflow main of github/o/r: canceled after 5 min 0 s")
        )
        let again = try #require(try await search.record(2, personName: { $0 }))
        #expect(RecordWords(again).changeNotes == ["Nothing: the same event is record 1 already."])
        let early = try #require(try await search.record(3, personName: { $0 }))
        #expect(
            RecordWords(early).changeNotes
                == ["Nothing: a later version of this run had come before (record 1)."]
        )
        #expect(try await search.record(4, personName: { $0 }) == nil)
        #expect(try await search.record(0, personName: { $0 }) == nil)
        await log.close()
    }
}
