import Wire

/// What runs cost before the usage export says so: their minutes at the rate of the machine that their job ran on the
/// last time the export told it, on an earlier day; else that job details tell; else the rate card's default.
///
/// The same estimate is made for runs that are settled, from what was known on the days before them: what it differs
/// from the settled credits is how far off the provisional figure was.
struct ProvisionalCredits {
    /// What a job runs on.
    private struct Machine {
        var resourceClass: String
        var executor: String
        var operatingSystem: String
        /// Parallelism as a fraction: machine time over time.
        var machineTime: Int
        var time: Int
    }

    struct Estimate {
        /// Of the runs that are not settled.
        var runs: Int
        var duration: Int
        var credits: Int
        /// Of those that are.
        var settledRuns: Int
        var settledCredits: Int
        /// `resource_class`, `executor`, `operating_system`.
        var machine: [String]
    }

    private let card: RateCard
    private var described: [RowKey: JobDescription] = [:]
    private var machines: [RowKey: Machine] = [:]
    /// The settled rows of the day that is walked over, of each job.
    private var settled: [RowKey: [Snapshot.Row]] = [:]
    /// The rate that was looked up last: many jobs run on one machine.
    private var lastRate: (executor: String, resourceClass: String, day: Day, thousandthsPerMinute: Int)?

    /// - Parameters:
    ///   - descriptions: with projects as the rows show them.
    ///   - earlier: the resource rows of the last day of each job before those that are walked over.
    init(card: RateCard, descriptions: [JobDescription], earlier: [Snapshot.Row]) {
        self.card = card
        for description in descriptions {
            let job = description.key
            if let known = described[job], !known.precedes(description) { continue }
            described[job] = description
        }
        for (job, rows) in Dictionary(grouping: earlier, by: { ProvisionalCredits.job($0.key) }) {
            let lastDay = rows.lazy.map(\.key.day).max()
            machines[job] = ProvisionalCredits.machine(rows.filter { $0.key.day == lastDay })
        }
    }

    /// Estimates every job row, in order.
    /// - Parameters:
    ///   - jobs: sorted by key.
    ///   - resources: of the same days, sorted by key.
    mutating func walk(
        jobs: [Snapshot.Row],
        resources: [Snapshot.Row],
        _ body: (Snapshot.Row, Estimate) -> Void
    ) {
        var nextResource = 0
        var index = 0
        while index < jobs.count {
            let (connection, day) = (jobs[index].key.connection, jobs[index].key.day)
            // Every settled run is in a job row, so no day has resources alone; those before are passed over all the same.
            while nextResource < resources.count, resources[nextResource].key.day(isBefore: connection, day) {
                nextResource += 1
            }
            settled.removeAll(keepingCapacity: true)
            while nextResource < resources.count, resources[nextResource].key.connection == connection,
                resources[nextResource].key.day == day
            {
                let resource = resources[nextResource]
                settled[ProvisionalCredits.job(resource.key), default: []].append(resource)
                nextResource += 1
            }
            while index < jobs.count, jobs[index].key.connection == connection, jobs[index].key.day == day {
                body(jobs[index], estimate(jobs[index]))
                index += 1
            }
            for (job, rows) in settled { machines[job] = ProvisionalCredits.machine(rows) }
        }
    }

    /// A job's key on every day: texts that are equal only by canonical equivalence are two jobs.
    private static func job(_ key: RowKey) -> RowKey {
        // Of a job's row, those are all texts that there are.
        let texts = key.texts.count == 3 ? key.texts : Array(key.texts.prefix(3))
        return RowKey(connection: key.connection, day: Day(daysSinceEpoch: 0), texts: texts)
    }

    private mutating func estimate(_ row: Snapshot.Row) -> Estimate {
        let job = ProvisionalCredits.job(row.key)
        let rows = settled.isEmpty ? [] : settled[job] ?? []
        let known = machines.isEmpty ? nil : machines[job]
        let machine = known ?? described[job].map(ProvisionalCredits.machine) ?? defaultMachine
        let rate = rate(of: machine, on: row.key.day)
        func credits(_ duration: Int) -> Int {
            // 128 bits, since milliseconds times milliseconds times a rate is more than 64.
            let product = Int128(duration) * Int128(rate) * Int128(machine.machineTime)
            let divisor = Int128(60_000) * Int128(max(1, machine.time))
            return Int(clamping: (product + divisor / 2) / divisor)
        }
        let settledDuration = rows.reduce(0) { $0 + $1.tally[ResourceColumn.duration] }
        let settledRuns = rows.reduce(0) { $0 + $1.tally[ResourceColumn.runs] }
        let runs = (JobColumn.success...JobColumn.other).reduce(0) { $0 + row.tally[$1] }
        let duration = row.tally[JobColumn.duration] - settledDuration
        return Estimate(
            runs: runs - settledRuns,
            duration: duration,
            credits: credits(duration),
            settledRuns: settledRuns,
            settledCredits: credits(settledDuration),
            machine: [machine.resourceClass, machine.executor, machine.operatingSystem]
        )
    }

    /// Thousandths of a credit a minute; 0 where the card does not say it.
    private mutating func rate(of machine: Machine, on day: Day) -> Int {
        if let last = lastRate, last.day == day, last.executor == machine.executor,
            last.resourceClass == machine.resourceClass
        {
            return last.thousandthsPerMinute
        }
        let rate = card.thousandthsPerMinute(
            executor: machine.executor,
            resourceClass: machine.resourceClass,
            day: day
        )
        lastRate = (machine.executor, machine.resourceClass, day, rate ?? 0)
        return rate ?? 0
    }

    private var defaultMachine: Machine {
        Machine(
            resourceClass: card.defaultMachine.resourceClass,
            executor: card.defaultMachine.executor,
            operatingSystem: "",
            machineTime: 1,
            time: 1
        )
    }

    private static func machine(_ description: JobDescription) -> Machine {
        Machine(
            resourceClass: description.resourceClass,
            executor: description.executor,
            operatingSystem: "",
            machineTime: description.parallelism,
            time: 1
        )
    }

    /// The machine that most of a day's runs of a job ran on; of equals the first by name.
    private static func machine(_ rows: [Snapshot.Row]) -> Machine? {
        let most = rows.min { first, second in
            let counts = (first.tally[ResourceColumn.runs], second.tally[ResourceColumn.runs])
            return counts.0 != counts.1 ? counts.0 > counts.1 : first.key < second.key
        }
        guard let most else { return nil }
        let hasTime = most.tally[ResourceColumn.duration] > 0
        return Machine(
            resourceClass: most.key.texts[3],
            executor: most.key.texts[4],
            operatingSystem: most.key.texts[5],
            machineTime: hasTime ? most.tally[ResourceColumn.machine] : 1,
            time: hasTime ? most.tally[ResourceColumn.duration] : 1
        )
    }
}

extension RowKey {
    fileprivate func day(isBefore connection: String, _ day: Day) -> Bool {
        self.connection == connection ? self.day < day : self.connection.precedesInBytes(connection)
    }
}
