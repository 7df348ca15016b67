import TestSupport
import Testing
import Usage
import Wire

/// Provisional against settled: the figures of the snapshot, and parts that add up to the difference.
struct SettlementReportTests {
    private static let range = ReportRange(Day("2025-12-30")!...Day("2026-01-10")!)

    private func snapshot(_ events: [TestEvent]) throws -> Snapshot {
        var tables = UsageTables()
        var reducer = try Reducer(storage: tables)
        for event in events { try reducer.fold(event, storage: tables) }
        tables.apply(reducer.takeChanges())
        return tables.snapshot(position: nil)
    }

    private func integer(_ value: ReportTable.Value) -> Int? {
        if case .integer(let integer) = value { return integer }
        return nil
    }

    @Test(arguments: 0..<60)
    func `the parts add up to the difference, and the percentage is that of the settled credits`(_ round: UInt64) throws
    {
        let seed = TestSeed.of(round: round)
        var random = RandomEvents(seed: seed)
        let snapshot = try snapshot(random.events(count: 160, runCount: 40))
        let table = SettlementReport.table(SettlementReportTests.range, of: snapshot)
        let names = [
            "runs", "credits_provisional", "credits_compute", "credits_settled", "difference",
            "difference_by_machines", "difference_by_rates", "difference_by_features", "difference_percent",
            "explanation",
        ]
        let columns = try names.map { try #require(table.column($0)) }
        #expect(table.rows.count == snapshot[.settlements].count && !table.rows.isEmpty, "seed \(seed)")
        for (row, source) in zip(table.rows, snapshot[.settlements]) {
            let values = columns.dropLast(2).map { integer(row[$0]) ?? .min }
            #expect(values[0...3].elementsEqual((0...3).map { source.tally[$0] }), "seed \(seed)")
            #expect(values[4] == values[3] - values[1], "seed \(seed)")
            #expect(values[5...7].reduce(0, +) == values[4], "seed \(seed)")
            #expect(values[7] == values[3] - values[2], "seed \(seed)")
            if values[3] == 0 {
                #expect(row[columns[8]] == .none, "seed \(seed)")
            } else {
                let exact = Double(values[4]) * 10_000 / Double(values[3])
                #expect(abs(Double(try #require(integer(row[columns[8]]))) - exact) <= 0.500001, "seed \(seed)")
            }
            let isExplained = row[columns[9]] != .none
            #expect(isExplained == values[5...7].contains { $0 != 0 }, "seed \(seed)")
        }
    }

    @Test func `what another machine, another rate and other features make of a difference is told apart`() throws {
        // Docker medium costs 10 credits a minute, docker large 20.
        func run(_ id: String, day: Int64, minutes: Int64, _ content: Int?) -> TestEvent {
            let started = RandomEvents.firstInstant + day * 24 * RandomEvents.hour
            return TestEvent(
                kind: .job,
                source: content == nil ? .webhook : .export,
                connection: "acme",
                id: id,
                run: id,
                pipelineCreatedAt: started,
                happenedAt: started + minutes * 60_000_000,
                startedAt: started,
                stoppedAt: started + minutes * 60_000_000,
                status: "success",
                projectID: "00000000-0000-4000-8000-000000000001",
                slug: "github/o/r",
                workflow: "build",
                job: "test",
                settled: content.map { TestEvent.Settled(content: $0, exportedAt: started + 1) }
            )
        }
        // The first content is a minute of docker medium at the card's rate.
        let snapshot = try snapshot([
            run("run-1", day: 0, minutes: 1, 0), run("run-2", day: 1, minutes: 1, 0),
            run("run-3", day: 2, minutes: 1, 1),
        ])
        let table = SettlementReport.table(SettlementReportTests.range, of: snapshot)
        let columns = try ["difference", "difference_by_machines", "explanation"].map { try #require(table.column($0)) }
        #expect(table.rows.count == 3)
        #expect(table.rows[0][columns[0]] == .integer(0) && table.rows[1][columns[2]] == .none)
        // Four large machines: at the card's rates 80 credits, not the 10 of the day before; charged was nothing but Docker layer
        // caching.
        #expect(table.rows[2][columns[1]] == .integer(70_000))
        #expect(table.rows[2][columns[2]] == .text("other features than compute"))
    }
}
