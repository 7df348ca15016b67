import EventLog
import FakeCircleCI
import Usage
import Wire

@testable import Meter

/// Advances at random, as a reducer brings them: runs come, change, are settled and go, on old days, too; projects are
/// renamed, jobs described, days settled, rate cards changed.
struct RandomAdvances {
    private struct Run {
        var connection: String
        var day: Day
        /// An id, or a slug where no event had an id.
        var project: String
        var workflow: String
        var job: String
        var branch: String
        var person: String
        var status: Int
        var milliseconds: Int
        /// What it ran on, as the export tells; nil: not settled.
        var machine: (resourceClass: String, executor: String, parallelism: Int, credits: Int)?
    }

    static let days = Day("2026-01-20")!...Day("2026-04-12")!
    static let connections = ["acme", "globex"]
    static let slugs = ["github/o/a", "github/o/b", "circleci/X/c"]
    private static let projects = ["p-1", "p-2", "p-3", "p-unnamed"] + slugs

    private(set) var random: SeededGenerator
    private var runs: [Run] = []
    private var sequence = 0

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    mutating func next() -> Advance {
        var rows: [UsageTable: [RowKey: Tally]] = [:]
        for _ in 0..<Int.random(in: 1...8, using: &random) { change(&rows) }
        var changes = UsageChanges()
        changes.rows = rows.mapValues { table in
            table.filter { !$0.value.isZero }.map { (key: $0.key, change: $0.value) }
        }
        if happens(4) { changes.projects.append(sighting()) }
        if happens(8) { changes.jobDescriptions = (0..<(happens(5) ? 40 : 2)).map { _ in description() } }
        if happens(8) {
            let day = day()
            changes.settledDays.append(
                SettledDay(connection: pick(RandomAdvances.connections), day: day, exportedAt: at(day.adding(days: 2)))
            )
        }
        if happens(12) { changes.rateCard = card() }
        if sequence == 0 {
            changes.connections = RandomAdvances.connections.map {
                ConnectionState(
                    connection: $0,
                    state: "connected",
                    reason: "",
                    since: at(day()),
                    happenedAt: at(day()),
                    eventID: $0
                )
            }
        }
        sequence += Int.random(in: 1...5, using: &random)
        return Advance(
            changes: changes,
            position: LogPosition(sequence: sequence, crc: UInt32(sequence), batch: sequence, segment: 1, offset: 0)
        )
    }

    mutating func happens(_ times: Int) -> Bool { Int.random(in: 0..<times, using: &random) == 0 }
    mutating func pick<Value>(_ values: [Value]) -> Value { values.randomElement(using: &random)! }

    mutating func day() -> Day {
        let (first, last) = (RandomAdvances.days.lowerBound, RandomAdvances.days.upperBound)
        return Day(daysSinceEpoch: Int32.random(in: first.daysSinceEpoch...last.daysSinceEpoch, using: &random))
    }

    private func at(_ day: Day) -> Timestamp { Timestamp(microseconds: Int64(day.daysSinceEpoch) * 86_400_000_000) }

    private mutating func change(_ rows: inout [UsageTable: [RowKey: Tally]]) {
        if runs.isEmpty || happens(2) {
            let run = run()
            runs.append(run)
            count(run, 1, &rows)
            return
        }
        let place = Int.random(in: runs.indices, using: &random)
        count(runs[place], -1, &rows)
        switch Int.random(in: 0..<4, using: &random) {
        case 0:
            runs.remove(at: place)
            return
        case 1: runs[place].milliseconds = Int.random(in: 0...4_000_000, using: &random)
        case 2: runs[place].machine = nil
        default:
            runs[place].machine = (
                pick(["medium", "large", "xlarge"]), pick(["docker", "linux", "macos"]), pick([1, 1, 2]),
                Int.random(in: -5...90_000, using: &random)
            )
        }
        count(runs[place], 1, &rows)
    }

    private mutating func run() -> Run {
        Run(
            connection: pick(RandomAdvances.connections),
            day: day(),
            project: pick(RandomAdvances.projects),
            workflow: pick(["build", "deploy", "caf\u{e9}", "cafe\u{301}"]),
            job: pick(["test", "lint"]),
            branch: pick(["main", "", "<b>\"x\"</b>"]),
            person: pick(["ann@example.com", "login:ann", "user:u-1", "renovate[bot]"]),
            status: Int.random(in: 0..<5, using: &random),
            milliseconds: Int.random(in: 0...400_000, using: &random)
        )
    }

    /// In the order of ``UsageTable/valueColumns``.
    private func count(_ run: Run, _ sign: Int, _ rows: inout [UsageTable: [RowKey: Tally]]) {
        func add(_ table: UsageTable, _ texts: [String], _ values: [Int]) {
            let day = table.isMonthly ? run.day.firstOfMonth : run.day
            var durations = Histogram()
            if table.hasDurations { durations.add(milliseconds: run.milliseconds, count: sign) }
            rows[table, default: [:]][RowKey(connection: run.connection, day: day, texts: texts), default: Tally()]
                .add(Tally(values: values.map { $0 * sign }, durations: durations))
        }
        let byStatus = (0..<5).map { $0 == run.status ? 1 : 0 }
        let credits = run.machine?.credits ?? 0
        add(.jobs, [run.project, run.workflow, run.job], byStatus + [run.milliseconds, 1, 0, 0, credits])
        add(.workflows, [run.project, run.workflow], byStatus + [0, run.milliseconds])
        add(.branches, [run.project, run.branch], [1, run.milliseconds])
        add(.coverage, [run.project], [1, 1, 0, 0, run.machine == nil ? 0 : 1, run.status == 4 ? 1 : 0, 0])
        add(.activity, [run.person, run.status < 2 ? "author" : "trigger"], [1, 0, 0, 0])
        add(.people, [run.person], [1, 0, 0, 0])
        guard let machine = run.machine else { return }
        let kind = [machine.resourceClass, machine.executor, "linux"]
        add(
            .resources,
            [run.project, run.workflow, run.job] + kind,
            [1, run.milliseconds, run.milliseconds * machine.parallelism, credits, credits]
        )
        add(.features, [run.project, "compute"] + kind, [1, run.milliseconds, credits])
        add(.features, [run.project, "dlc", "", "", ""], [1, run.milliseconds, 7])
        add(.featurePeople, ["compute", run.person], [1, credits])
    }

    private mutating func sighting() -> ProjectName {
        ProjectName(
            connection: pick(RandomAdvances.connections),
            id: pick(["p-1", "p-2", "p-3"]),
            slug: pick(RandomAdvances.slugs),
            name: pick(["a", "b", ""]),
            lastSeen: at(day())
        )
    }

    private mutating func description() -> JobDescription {
        JobDescription(
            connection: pick(RandomAdvances.connections),
            project: pick(RandomAdvances.projects),
            workflow: pick(["build", "deploy"]),
            job: pick(["test", "lint"]),
            resourceClass: pick(["medium", "large"]),
            executor: "docker",
            parallelism: pick([1, 4]),
            happenedAt: at(day())
        )
    }

    private mutating func card() -> RateCardState {
        let from = day()
        let prices = [
            Contract.Period(from: Day("2020-01-01")!, to: from, billionthsPerCredit: 601_237),
            Contract.Period(from: from.adding(days: pick([1, 1, 9])), to: nil, billionthsPerCredit: 549_999_999),
        ]
        return RateCardState(
            card: RateCard(
                source: "card \(sequence)",
                published: from,
                defaultMachine: RateCard.Machine(executor: "docker", resourceClass: pick(["medium", "large"])),
                periods: [
                    RateCard.Period(
                        from: from,
                        thousandthsPerMinute: ["docker": ["medium": 1000 + sequence, "large": 7000 + sequence]]
                    )
                ],
                contract: happens(2) ? nil : Contract(currency: "EUR", periods: prices)
            ),
            happenedAt: at(day()),
            eventID: "card-\(sequence)"
        )
    }
}
