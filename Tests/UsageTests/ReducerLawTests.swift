import FakeCircleCI
import TestSupport
import Testing
import Usage
import Wire

/// Promises 2 and 3: a snapshot is a function of the set of events, and counts runs, not deliveries.
struct ReducerLawTests {
    @Test(arguments: 0..<150)
    func `counters equal a naive recount of the set of events`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        var random = RandomEvents(seed: seed)
        let events = random.events(count: 160, runCount: 40)
        let snapshot = try folded(events).snapshot(position: nil)
        let expected = NaiveRecount(Set(events))
        #expect(snapshot.rateCard == expected.rateCard, "seed \(seed)")
        for table in UsageTable.stored where table != .features {
            var rows: [String: [Int]] = [:]
            for row in snapshot[table] {
                rows[key(row, table)] = table.valueColumns.indices.map { row.tally[$0] }
                guard table.hasDurations else { continue }
                let durations = (expected.durations[table]?[key(row, table)] ?? []).sorted()
                #expect(row.tally.durations.count == durations.count, "seed \(seed)")
                for percent in [50, 95] where !durations.isEmpty {
                    let exact = durations[max(1, (durations.count * percent + 99) / 100) - 1]
                    let shown = row.tally.durations.percentile(percent)
                    #expect(abs(shown - exact) * 100 <= exact * 2, "seed \(seed)")
                }
            }
            let nonzero = (expected.rows[table] ?? [:]).filter { $0.value.contains { $0 != 0 } }
            #expect(rows == nonzero, "seed \(seed), table \(table)")
        }
        expectFeatures(snapshot, expected, seed)
    }

    /// Features hold, besides what is settled, the provisional runs: what the job rows have and the settled rows lack.
    private func expectFeatures(_ snapshot: Snapshot, _ expected: NaiveRecount, _ seed: UInt64) {
        var settled: [String: [Int]] = [:]
        var provisionalRuns = 0
        for row in snapshot[.features] {
            let values = UsageTable.features.valueColumns.indices.map { row.tally[$0] }
            settled[key(row, .features)] = values
        }
        for (key, values) in expected.rows[.features] ?? [:] where values.contains(where: { $0 != 0 }) {
            // A provisional run may be taken to run on the same machine.
            #expect(settled[key]?[2] == values[2], "seed \(seed)")
            #expect(settled[key].map { $0[0] >= values[0] } ?? false, "seed \(seed)")
        }
        let compute = snapshot[.features].filter { $0.key.texts[1] == "compute" }.reduce(0) { $0 + $1.tally[0] }
        let settledCompute = (expected.rows[.features] ?? [:]).filter { $0.key.contains(Hex.encode("compute".utf8)) }
            .reduce(0) { $0 + $1.value[0] }
        provisionalRuns = compute - settledCompute
        let coverage = snapshot[.coverage].reduce((runs: 0, settled: 0)) {
            ($0.runs + $1.tally[0], $0.settled + $1.tally[4])
        }
        #expect(provisionalRuns == coverage.runs - coverage.settled, "seed \(seed)")
    }

    @Test(arguments: 0..<150)
    func `any order, repetition, cut, restart and loss of memory gives the same canonical bytes`(_ round: UInt64) throws
    {
        let seed = TestSeed.of(round: round)
        var random = RandomEvents(seed: seed)
        let events = random.events(count: 120, runCount: 30)
        let expected = try folded(events).snapshot(position: nil).canonicalBytes()
        for _ in 0..<3 {
            var deliveries = events
            for _ in 0..<Int.random(in: 0..<60, using: &random.generator) { deliveries.append(random.pick(events)) }
            deliveries.shuffle(using: &random.generator)
            var tables = UsageTables()
            var reducer = try Reducer(storage: tables, maximumHeldRuns: 5)
            for delivery in deliveries {
                try reducer.fold(delivery, storage: tables)
                if random.chance(20) {
                    tables.apply(reducer.takeChanges())
                    if random.chance(50) { reducer.releaseMemory() }
                    if random.chance(30) { reducer = try Reducer(storage: tables, maximumHeldRuns: 5) }
                }
            }
            tables.apply(reducer.takeChanges())
            // Shown by its seed alone: to say where so many bytes differ takes a minute.
            let isSame = tables.snapshot(position: nil).canonicalBytes() == expected
            #expect(isSame, "seed \(seed)")
        }
    }

    @Test func `a repeated delivery changes no counter and stores nothing`() throws {
        var random = RandomEvents(seed: 7)
        let events = random.events(count: 50, runCount: 20)
        var tables = UsageTables()
        var reducer = try Reducer(storage: tables)
        for event in events { try reducer.fold(event, storage: tables) }
        tables.apply(reducer.takeChanges())
        for event in events.shuffled(using: &random.generator) { try reducer.fold(event, storage: tables) }
        let changes = reducer.takeChanges()
        #expect(changes.rows.values.allSatisfy { $0.isEmpty })
        #expect(changes.partitions.isEmpty)
    }

    @Test func `memory let go is bounded by the allowed number of runs`() throws {
        var random = RandomEvents(seed: 11)
        var tables = UsageTables()
        var reducer = try Reducer(storage: tables, maximumHeldRuns: 50)
        for _ in 0..<40 {
            for event in random.events(count: 60, runCount: 30) { try reducer.fold(event, storage: tables) }
            tables.apply(reducer.takeChanges())
            reducer.releaseMemory()
            #expect(reducer.heldRunCount <= 50)
        }
    }

    private func folded(_ events: [TestEvent]) throws -> UsageTables {
        var tables = UsageTables()
        var reducer = try Reducer(storage: tables)
        for event in events { try reducer.fold(event, storage: tables) }
        tables.apply(reducer.takeChanges())
        return tables
    }

    private func key(_ row: Snapshot.Row, _ table: UsageTable) -> String {
        let day = table.isMonthly ? row.key.day.month : "\(row.key.day)"
        return ([row.key.connection, day] + row.key.texts).map { Hex.encode($0.utf8) }.joined(separator: "\t")
    }
}
