import Testing
import Usage
import Wire

/// The service's own words: of each the latest counts, in whatever order they come.
struct NoticeFoldTests {
    /// An event whose texts stand in its body.
    private static func event(_ kind: Event.Kind, _ texts: [String], _ body: inout [UInt8]) -> (Event, [JSONText]) {
        var event = Event()
        event.kind = kind
        let places = texts.map { text in
            defer { body += Array(text.utf8) }
            return JSONText(start: body.count, count: text.utf8.count, isEscaped: false)
        }
        return (event, places)
    }

    private static func fold(
        _ reducer: inout Reducer,
        _ tables: UsageTables,
        _ kind: Event.Kind,
        _ texts: [String],
        source: RecordSource = .meter,
        _ fill: (inout Event, [JSONText]) -> Void
    ) throws -> Reducer.Outcome {
        var body: [UInt8] = []
        var (event, places) = event(kind, texts, &body)
        fill(&event, places)
        return try body.withUnsafeBytes { body in
            try Array("acme".utf8).withUnsafeBytes { connection in
                try reducer.fold(event, in: body, connection: connection, source: source, storage: tables)
            }
        }
    }

    /// Time, id, state, reason, since.
    private typealias Word = (at: Int64, id: String, state: String, reason: String, since: Int64)

    private static func state(after words: [Word]) throws -> ConnectionState? {
        var tables = UsageTables()
        var reducer = try Reducer(storage: tables)
        for word in words {
            let outcome = try fold(&reducer, tables, .connectionChanged, [word.id, word.state, word.reason]) {
                $0.id = $1[0]
                $0.connection.state = $1[1]
                $0.connection.reason = $1[2]
                $0.connection.since = Timestamp(microseconds: word.since)
                $0.happenedAt = Timestamp(microseconds: word.at)
            }
            #expect(outcome == .notice)
            // What a restart reads is what was stored.
            tables.apply(reducer.takeChanges())
            reducer = try Reducer(storage: tables)
        }
        return tables.connections().first
    }

    @Test func `a connection's latest word counts in any order: by time, id, state, reason, since`() throws {
        let words: [Word] = [
            (1, "z", "silent", "z", 9), (2, "a", "silent", "z", 9), (2, "b", "connected", "z", 9),
            (2, "b", "expiring", "a", 9), (2, "b", "expiring", "b", 3), (2, "b", "expiring", "b", 4),
        ]
        for order in [words, words.reversed(), words.shuffled(), words + words] {
            let state = try #require(try NoticeFoldTests.state(after: order))
            #expect(state.happenedAt.microseconds == 2 && state.eventID == "b" && state.state == "expiring")
            #expect(state.reason == "b" && state.since.microseconds == 4 && state.connection == "acme")
        }
    }

    @Test func `days that an export holds are settled up to the first that is not`() throws {
        var tables = UsageTables()
        var reducer = try Reducer(storage: tables)
        for days in [Day("2026-01-01")!...Day("2026-01-03")!, Day("2026-01-05")!...Day("2026-01-06")!] {
            let outcome = try NoticeFoldTests.fold(&reducer, tables, .usageSettled, []) { event, _ in
                event.settledDays = days
                event.exportedAt = Timestamp("2026-01-06T12:00:00Z")
            }
            #expect(outcome == .notice)
        }
        _ = try NoticeFoldTests.fold(&reducer, tables, .connectionChanged, ["i", "connected"]) {
            $0.id = $1[0]
            $0.connection.state = $1[1]
            $0.happenedAt = Timestamp(microseconds: 1)
        }
        tables.apply(reducer.takeChanges())
        #expect(tables.settledDays().count == 5)
        let snapshot = tables.snapshot(position: SnapshotPosition(sequence: 3, crc: 7))
        #expect(snapshot.connections.first?.settledThrough == Day("2026-01-03")!)
        #expect(tables.settledDays().contains { $0.day == Day("2026-01-06")! }, "of which the rest came later")
        let text = String(decoding: snapshot.canonicalBytes(), as: UTF8.self)
        #expect(text.contains(#""log":{"sequence":3,"crc":"00000007"}"#) && text.contains(#""connection":"acme""#))
    }

    @Test func `a word that lacks what it is about is unreadable, and one from a delivery is unknown`() throws {
        let tables = UsageTables()
        var reducer = try Reducer(storage: tables)
        for kind in [Event.Kind.connectionChanged, .usageSettled, .projectReconciled, .rateCardChanged] {
            #expect(try NoticeFoldTests.fold(&reducer, tables, kind, []) { _, _ in } == .unreadable, "\(kind)")
            let outcome = try NoticeFoldTests.fold(&reducer, tables, kind, [], source: .webhook) { _, _ in }
            #expect(outcome == .unknown, "\(kind)")
        }
        let far = try NoticeFoldTests.fold(&reducer, tables, .usageSettled, []) { event, _ in
            event.settledDays = Day("2020-01-01")!...Day("2026-01-01")!
            event.exportedAt = Timestamp(microseconds: 9)
        }
        #expect(far == .unreadable, "no export holds six years")
        #expect(reducer.takeChanges().settledDays.isEmpty)
    }
}
