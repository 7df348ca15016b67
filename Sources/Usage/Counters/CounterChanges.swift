import Wire

/// The key of a row while it is counted: symbols instead of texts, unused ones none.
struct SymbolKey: SymbolMapKey {
    var connection: Symbol
    var day: Day
    var first = Symbol.none
    var second = Symbol.none
    var third = Symbol.none
    var fourth = Symbol.none
    var fifth = Symbol.none
    var sixth = Symbol.none

    @inline(__always)
    func hash(_ mixing: Mixing) -> UInt32 {
        mixing.hash(
            UInt64(connection.index) << 32 | UInt64(UInt32(bitPattern: day.daysSinceEpoch)),
            UInt64(first.index) << 32 | UInt64(second.index),
            UInt64(third.index) << 32 | UInt64(fourth.index),
            UInt64(fifth.index) << 32 | UInt64(sixth.index)
        )
    }
}

/// Changes of counters since they were last taken. A run that changes is taken out as it was and put in as it is, so
/// that adding changes to what was published before equals counting from scratch.
struct CounterChanges: Sendable {
    private var tables = (0..<UsageTable.allCases.count).map { _ in SymbolMap<SymbolKey, Tally>() }

    var rowCount: Int { tables.reduce(0) { $0 + $1.count } }

    /// Adds (`sign` 1) or takes out (`sign` -1) a run.
    mutating func count(_ run: RunSummary, connection: Symbol, words: CounterWords, sign: Int) {
        switch run.kind {
        case .job:
            countJob(run, connection: connection, sign: sign)
            if let settlement = run.settlement {
                countSettlement(settlement, of: run, connection: connection, words: words, sign: sign)
            }
        case .workflow: countWorkflow(run, connection: connection, sign: sign)
        }
        countPeople(run, connection: connection, words: words, sign: sign)
    }

    private mutating func countJob(_ run: RunSummary, connection: Symbol, sign: Int) {
        let duration = run.durationMilliseconds * sign
        change(
            .jobs,
            SymbolKey(connection: connection, day: run.day, first: run.project, second: run.workflow, third: run.job)
        ) { tally in
            tally[JobColumn.of(run.status)] += sign
            tally[JobColumn.duration] += duration
            if run.isNamed(by: .webhook) { tally[JobColumn.webhook] += sign }
            if run.isNamed(by: .api) { tally[JobColumn.api] += sign }
            if run.isNamed(by: .export) { tally[JobColumn.export] += sign }
            if let settlement = run.settlement {
                tally[JobColumn.creditsSettled] += Int(settlement.totalCredits) * sign
            }
            tally.durations.add(milliseconds: run.durationMilliseconds, count: sign)
        }
        change(
            .branches,
            SymbolKey(connection: connection, day: run.day, first: run.project, second: run.branch)
        ) { tally in
            tally[BranchColumn.runs] += sign
            tally[BranchColumn.duration] += duration
        }
        change(.coverage, SymbolKey(connection: connection, day: run.day, first: run.project)) { tally in
            tally[CoverageColumn.runs] += sign
            if run.isNamed(by: .webhook) {
                tally[CoverageColumn.webhook] += sign
            } else if run.isNamed(by: .api) {
                tally[CoverageColumn.apiOnly] += sign
            } else {
                tally[CoverageColumn.exportOnly] += sign
            }
            if run.settlement != nil { tally[CoverageColumn.settled] += sign }
            tally[CoverageColumn.corrections] += run.corrections * sign
        }
    }

    private mutating func countWorkflow(_ run: RunSummary, connection: Symbol, sign: Int) {
        change(
            .workflows,
            SymbolKey(connection: connection, day: run.day, first: run.project, second: run.workflow)
        ) { tally in
            tally[WorkflowColumn.of(run.status)] += sign
            tally[WorkflowColumn.duration] += run.durationMilliseconds * sign
            tally.durations.add(milliseconds: run.durationMilliseconds, count: sign)
        }
    }

    /// Adds (`sign` 1) or takes out (`sign` -1) an item that could not be fetched.
    mutating func countMissing(connection: Symbol, project: Symbol, day: Day, sign: Int) {
        change(.coverage, SymbolKey(connection: connection, day: day, first: project)) { tally in
            tally[CoverageColumn.missing] += sign
        }
    }

    mutating func change(_ table: UsageTable, _ key: SymbolKey, _ body: (inout Tally) -> Void) {
        tables[table.position].change(key, initially: Tally(), body)
    }

    /// Takes the changes of a table.
    mutating func take(_ table: UsageTable, _ body: (SymbolKey, Tally) -> Void) {
        tables[table.position].forEach { key, tally in if !tally.isZero { body(key, tally) } }
        tables[table.position].removeAll()
    }
}

extension UsageTable {
    /// The table's place in an array of all tables.
    var position: Int {
        switch self {
        case .jobs: 0
        case .workflows: 1
        case .branches: 2
        case .people: 3
        case .features: 4
        case .coverage: 5
        case .resources: 6
        case .utilization: 7
        case .featurePeople: 8
        case .activity: 9
        case .identityPairs: 10
        case .settlements: 11
        }
    }
}
