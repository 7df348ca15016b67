import TestSupport
import Testing
import Usage
import Wire

/// Costs as FOCUS has them: by its rules, complete, and exact.
struct FocusReportTests {
    private static let range = ReportRange(Day("2025-12-30")!...Day("2026-01-10")!)

    private func snapshot(_ events: [TestEvent]) throws -> Snapshot {
        var tables = UsageTables()
        var reducer = try Reducer(storage: tables)
        for event in events { try reducer.fold(event, storage: tables) }
        tables.apply(reducer.takeChanges())
        return tables.snapshot(position: nil)
    }

    /// Events without cards but the one given.
    private func events(_ random: inout RandomEvents, card: Int?) -> [TestEvent] {
        var events = random.events(count: 160, runCount: 40).filter { event in
            if case .rateCard? = event.notice { return false }
            return true
        }
        if let card {
            var event = events[0]
            event.source = .meter
            event.settled = nil
            event.notice = .rateCard(card)
            event.happenedAt = RandomEvents.firstInstant
            events.append(event)
        }
        return events
    }

    /// Of a day's credit, in billionths.
    private func price(_ day: String) -> Int128 { day < "2026-01-03" ? 601_237 : 549_999_999 }

    @Test(arguments: 0..<60)
    func `rows follow the specification, and costs add up to the last digit`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        var random = RandomEvents(seed: seed)
        let snapshot = try snapshot(events(&random, card: 2))
        let validator = FocusValidator(csv: try FocusReport.table(FocusReportTests.range, of: snapshot).csv())
        #expect(validator.problems.isEmpty, "seed \(seed)")
        #expect(!validator.rows.isEmpty, "seed \(seed)")

        func text(_ row: [String: String?], _ name: String) -> String { (row[name] ?? nil) ?? "" }
        func number(_ row: [String: String?], _ name: String) -> Int128 {
            FocusValidator.trillionths(text(row, name))
        }
        let (settled, provisional) = (UsageTable.features.valueColumns.firstIndex(of: "credits_settled")!, 3)
        var billed: Int128 = 0
        var expected: Int128 = 0
        for row in snapshot[.features] {
            let credits = row.tally[settled] + row.tally[provisional]
            expected += Int128(credits) * price("\(row.key.day)")
        }
        var parts: [String: Int128] = [:]
        for row in validator.rows {
            billed += number(row, "BilledCost")
            let key =
                ["x_Connection", "ChargePeriodStart", "SubAccountId", "x_Feature", "x_ResourceClass", "x_Executor"]
                .map { text(row, $0) } + [text(row, "x_OperatingSystem"), text(row, "x_Settled")]
            let place = key.joined(separator: "|")
            #expect(parts[place] == nil, "seed \(seed): \(place) is there twice")
            parts[place] = number(row, "x_Credits")
            #expect(number(row, "ConsumedQuantity") >= 0 && number(row, "x_Runs") > 0, "seed \(seed) \(place)")
            for name in ["EffectiveCost", "ContractedCost", "ListCost"] {
                #expect(text(row, name) == text(row, "BilledCost"), "seed \(seed)")
            }
            #expect(text(row, "BillingCurrency") == "EUR")
        }
        #expect(billed == expected, "seed \(seed)")
        // Each part of each row of the snapshot is there, and nothing else.
        for row in snapshot[.features] {
            let texts = row.key.texts
            for (credits, isSettled) in [(row.tally[settled], true), (row.tally[provisional], false)] where credits != 0
            {
                let place = ([row.key.connection, "\(row.key.day)T00:00:00Z"] + texts + ["\(isSettled)"])
                    .joined(separator: "|")
                #expect(parts.removeValue(forKey: place) == Int128(credits) * 1_000_000_000, "seed \(seed) \(place)")
            }
        }
        #expect(parts.isEmpty, "seed \(seed)")
    }

    @Test(arguments: 0..<20)
    func `machine time that is partly settled is two rows, whose seconds and runs add up`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        var random = RandomEvents(seed: seed)
        let snapshot = try snapshot(events(&random, card: 2))
        let table = try FocusReport.table(FocusReportTests.range, of: snapshot)
        let columns = try ["x_Feature", "x_Settled", "x_Runs", "ConsumedQuantity"].map {
            try #require(table.column($0))
        }
        var runs = 0
        for row in table.rows {
            guard case .text("compute") = row[columns[0]], case .bool(let isSettled) = row[columns[1]],
                case .integer(let count) = row[columns[2]], case .integer(let milliseconds) = row[columns[3]]
            else { continue }
            #expect(count > 0 && milliseconds >= 0, "seed \(seed)")
            if isSettled { runs += count }
        }
        // Settled runs whose compute cost nothing have no row.
        let settled = snapshot[.resources].filter { $0.tally[3] != 0 }.reduce(0) { $0 + $1.tally[0] }
        #expect(runs >= settled, "seed \(seed)")
    }

    @Test func `without a contract nothing is made up: the days are named, and what to add`() throws {
        var random = RandomEvents(seed: 5)
        let snapshot = try snapshot(events(&random, card: 0))
        let error = #expect(throws: FocusReport.NoPrice.self) {
            try FocusReport.table(FocusReportTests.range, of: snapshot)
        }
        let days = Set(snapshot[.features].filter { $0.tally[2] != 0 || $0.tally[3] != 0 }.map(\.key.day)).sorted()
        #expect(error?.days == days && error?.hasContract == false && !days.isEmpty)
        #expect(error?.description.contains("has no contract for \(days[0])") == true)
        #expect(
            error?.hint.contains("\"contract\":{\"currency\":\"USD\",\"periods\":[{\"from\":\"\(days[0])\"") == true
        )
    }

    @Test func `of days in succession the error names the first and the last`() throws {
        var random = RandomEvents(seed: 6)
        let snapshot = try snapshot(events(&random, card: nil))
        let error = #expect(throws: FocusReport.NoPrice.self) {
            try FocusReport.table(FocusReportTests.range, of: snapshot)
        }
        let ranges = try #require(error?.ranges)
        let listed = ranges.flatMap { range in
            (range.lowerBound.daysSinceEpoch...range.upperBound.daysSinceEpoch).map { Day(daysSinceEpoch: $0) }
        }
        #expect(listed == error?.days)
        for (first, second) in zip(ranges, ranges.dropFirst()) {
            #expect(first.upperBound.daysSinceEpoch + 1 < second.lowerBound.daysSinceEpoch)
        }
    }

    @Test func `a range without credits is an empty table, contract or not`() throws {
        let empty = Snapshot(SnapshotParts())
        let table = try FocusReport.table(FocusReportTests.range, of: empty)
        #expect(table.rows.isEmpty)
        #expect(FocusValidator(csv: table.csv()).problems.isEmpty)
    }
}
