import FakeCircleCI
import TestSupport
import Testing
import Usage
import Wire

/// How far projects are reconciled is a function of the set of events, too: after a restart the log alone says it.
struct ReconciliationLawTests {
    struct Said: Hashable {
        var connection: String
        var project: String
        var id: String
        var happenedAt: Int64
        var reconciliation: Reconciliation
    }

    @Test(arguments: 0..<100)
    func `the latest word on each project counts, in any order, repeated, cut and restarted`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        var random = RandomEvents(seed: seed)
        let said = (0..<40).map { _ in ReconciliationLawTests.said(&random) }
        // Worked out the slow way.
        var latest: [String: Said] = [:]
        var missing: [String: Int] = [:]
        for candidate in Set(said) {
            let key = "\(candidate.connection)/\(candidate.project)"
            guard let known = latest[key] else {
                latest[key] = candidate
                continue
            }
            func order(_ said: Said) -> (Int64, [UInt8], [UInt8]) {
                (said.happenedAt, Array(said.id.utf8), said.reconciliation.encoded)
            }
            let (mine, theirs) = (order(known), order(candidate))
            let isLater =
                mine.0 != theirs.0
                ? mine.0 < theirs.0
                : mine.1 != theirs.1
                    ? mine.1.lexicographicallyPrecedes(theirs.1) : mine.2.lexicographicallyPrecedes(theirs.2)
            if isLater { latest[key] = candidate }
        }
        for candidate in latest.values {
            for item in candidate.reconciliation.missing {
                missing["\(candidate.connection)/\(item.day)/\(candidate.project)", default: 0] += 1
            }
        }

        for _ in 0..<3 {
            var deliveries = said + (0..<20).map { _ in random.pick(said) }
            deliveries.shuffle(using: &random.generator)
            var tables = UsageTables()
            var reducer = try Reducer(storage: tables)
            for delivery in deliveries {
                try reducer.fold(delivery, storage: tables)
                guard random.chance(30) else { continue }
                tables.apply(reducer.takeChanges())
                if random.chance(40) { reducer = try Reducer(storage: tables) }
            }
            tables.apply(reducer.takeChanges())
            var marks: [String: Reconciliation] = [:]
            for entry in tables.reconciliations() {
                marks["\(entry.connection)/\(entry.project)"] = entry.reconciliation
            }
            #expect(
                marks.mapValues(\.encoded) == latest.mapValues(\.reconciliation.encoded),
                "seed \(seed)"
            )
            var counted: [String: Int] = [:]
            for row in tables.snapshot(position: nil)[.coverage] {
                counted["\(row.key.connection)/\(row.key.day)/\(row.key.texts[0])"] = row.tally[5]
            }
            #expect(counted == missing, "seed \(seed)")
            for connection in ["acme", "globex"] {
                let numbers = tables.jobNumbers().filter { $0.connection == connection }
                for project in ["p1", "p2"] {
                    let told = Set(
                        said.filter { $0.connection == connection && $0.project == project }
                            .flatMap(\.reconciliation.explained)
                    )
                    let held = numbers.first { $0.project == project }?.numbers ?? NumberSet()
                    #expect(told.allSatisfy { held.contains(UInt32($0)) }, "seed \(seed)")
                    #expect(held.ranges.reduce(0) { $0 + $1.count } == told.count, "seed \(seed)")
                }
            }
        }
    }

    @Test(arguments: 0..<30)
    func `known runs hold what the events of each run said`(_ round: UInt64) throws {
        let seed = TestSeed.of(round: round)
        var random = RandomEvents(seed: seed)
        // What only confirms a settlement names no run, nor do notices.
        let events = random.events(count: 120, runCount: 30).filter {
            $0.settled?.isConfirmation != true && $0.notice == nil
        }
        var tables = UsageTables()
        var reducer = try Reducer(storage: tables)
        for event in events {
            try reducer.fold(event, storage: tables)
            if random.chance(20) { tables.apply(reducer.takeChanges()) }
        }
        tables.apply(reducer.takeChanges())
        let groups = Dictionary(grouping: events) { "\($0.connection)/\($0.kind)/\($0.run)" }
        var count = 0
        for group in groups.values {
            let first = group[0]
            let day = Timestamp(microseconds: first.pipelineCreatedAt).day
            let known = try KnownRun.read(tables.partition(connection: first.connection, day: day), day: day)
            let run = try #require(
                known.first { $0.id == Identity.of(first.run) && ($0.kind == .job) == (first.kind == .job) },
                "seed \(seed)"
            )
            count += 1
            #expect(run.pipelineNumber == group.compactMap(\.pipelineNumber).max().map { Int($0) }, "seed \(seed)")
            #expect(run.number == group.compactMap(\.number).max().map { Int($0) }, "seed \(seed)")
            #expect(run.workflowID == group.compactMap { $0.workflowID.map(Identity.of) }.max(), "seed \(seed)")
            #expect(run.isToldByWebhook == group.contains { $0.source == .webhook }, "seed \(seed)")
            #expect(run.stoppedAt?.microseconds == group.compactMap(\.stoppedAt).max(), "seed \(seed)")
        }
        #expect(count == groups.count)
    }

    private static func said(_ random: inout RandomEvents) -> Said {
        func instant(_ random: inout RandomEvents) -> Timestamp {
            Timestamp(
                microseconds: RandomEvents.firstInstant
                    + Int64.random(in: 0..<5, using: &random.generator) * RandomEvents.hour
            )
        }
        func pipeline(_ random: inout RandomEvents) -> Reconciliation.OpenPipeline {
            let number = Int.random(in: 1..<5, using: &random.generator)
            return Reconciliation.OpenPipeline(id: "pipeline-\(number)", number: number, createdAt: instant(&random))
        }
        var reconciliation = Reconciliation(through: instant(&random))
        for _ in 0..<random.pick([0, 1, 3]) { reconciliation.open.append(pipeline(&random)) }
        for _ in 0..<random.pick([0, 0, 1, 2]) {
            let owner = pipeline(&random)
            reconciliation.missing.append(
                Reconciliation.MissingItem(
                    kind: random.pick(["pipeline", "workflow"]),
                    id: owner.id,
                    pipeline: owner,
                    day: owner.createdAt.day,
                    reason: random.pick(["server_error", "timed_out"])
                )
            )
        }
        if random.chance(20) { reconciliation.refilled = ["1:400"] }
        for _ in 0..<random.pick([0, 2]) {
            reconciliation.explained.append(Int.random(in: 1..<12, using: &random.generator))
        }
        return Said(
            connection: random.pick(["acme", "globex"]),
            project: random.pick(["p1", "p2"]),
            id: "event-\(Int.random(in: 0..<3, using: &random.generator))",
            happenedAt: instant(&random).microseconds,
            reconciliation: reconciliation
        )
    }
}

extension Reducer {
    fileprivate mutating func fold(_ said: ReconciliationLawTests.Said, storage: some UsageStorage) throws {
        let body = Array("\(said.id)\(said.project)".utf8)
        var event = Event()
        event.kind = .projectReconciled
        event.id = JSONText(start: 0, count: said.id.utf8.count, isEscaped: false)
        event.project.id = JSONText(start: said.id.utf8.count, count: said.project.utf8.count, isEscaped: false)
        event.happenedAt = Timestamp(microseconds: said.happenedAt)
        event.reconciliation = said.reconciliation
        let connection = Array(said.connection.utf8)
        try body.withUnsafeBytes { body in
            _ = try connection.withUnsafeBytes { connection in
                try fold(event, in: body, connection: connection, source: .meter, storage: storage)
            }
        }
    }
}
