import Wire

/// Jobs that never needed half of their machine, the next machine that would do, and what that would save.
///
/// CPU and memory are the usage export's, which measures no run under 15 seconds. They are kept by month, so months that
/// the range touches count whole; credits are those of the range's own days.
public enum RightSizingReport {
    /// With fewer runs than this nothing is advised.
    public static let minimumRunCount = 5

    private static let columns = [
        ReportTable.Column("connection", .text, "Connection"), ReportTable.Column("project", .text, "Project"),
        ReportTable.Column("workflow", .text, "Workflow"), ReportTable.Column("job", .text, "Job"),
        ReportTable.Column("resource_class", .text, "Resource class"),
        ReportTable.Column("smaller_class", .text, "Would do"),
        ReportTable.Column("credits", .credits, "Compute credits"),
        ReportTable.Column("credits_saved", .credits, "Would save"),
        ReportTable.Column("cost_saved", .money, "Would save, cost"),
        ReportTable.Column("currency", .text, "Currency"),
        ReportTable.Column("cpu_median_pct", .percent, "CPU median"),
        ReportTable.Column("cpu_max_pct", .percent, "CPU maximum"),
        ReportTable.Column("ram_median_pct", .percent, "RAM median"),
        ReportTable.Column("ram_max_pct", .percent, "RAM maximum"),
        ReportTable.Column("runs", .count, "Runs measured"),
        ReportTable.Column("executor", .text, "Executor"),
    ]

    /// - Parameter includesAll: whether jobs that need their machine are there too, with nothing advised.
    public static func table(
        _ range: ReportRange,
        includesAll: Bool = false,
        of snapshot: Snapshot
    ) -> ReportTable {
        let credits = computeCredits(range, snapshot)
        var table = ReportTable(columns: columns)
        for (key, use) in uses(range, snapshot).sorted(by: { $0.key < $1.key }) {
            guard use.isIdle || includesAll else { continue }
            let spent = credits[key] ?? Spent()
            let smaller = use.isIdle ? smallerClass(key, use, range, snapshot.rateCard) : nil
            guard smaller != nil || includesAll else { continue }
            let saved = smaller.map { Int((Int128(spent.thousandths) * Int128($0.now - $0.then)) / Int128($0.now)) }
            let money = smaller.flatMap { smaller in
                spent.cost.money.map { money in
                    Money(
                        currency: money.currency,
                        trillionths: money.trillionths * Int128(smaller.now - smaller.then) / Int128(smaller.now)
                    )
                }
            }
            table.append(
                key.texts.prefix(5).map { .text($0) } + [
                    ReportTable.Value(smaller?.name), .integer(spent.thousandths), ReportTable.Value(saved),
                    ReportTable.Value(money), ReportTable.Value(money?.currency),
                    .integer(use.cpuMedian.percentile(50)), .integer(use.cpuMaximum.percentile(100)),
                    .integer(use.memoryMedian.percentile(50)), .integer(use.memoryMaximum.percentile(100)),
                    .integer(use.runs), .text(key.texts[5]),
                ]
            )
        }
        if let saved = table.column("credits_saved") { table.sort(by: saved) }
        return table
    }

    /// How much of a machine a job's runs used; histograms of hundredths of a percent.
    private struct Use {
        var cpuMedian = Histogram()
        var cpuMaximum = Histogram()
        var memoryMedian = Histogram()
        var memoryMaximum = Histogram()
        private var cpuUnderHalf = 0
        private var memoryUnderHalf = 0

        mutating func add(_ tally: Tally, measure: String) {
            switch measure {
            case "cpu_median": cpuMedian.add(tally.durations)
            case "cpu_max":
                cpuMaximum.add(tally.durations)
                cpuUnderHalf += tally[UtilizationColumn.runsUnderHalf]
            case "ram_median": memoryMedian.add(tally.durations)
            case "ram_max":
                memoryMaximum.add(tally.durations)
                memoryUnderHalf += tally[UtilizationColumn.runsUnderHalf]
            default: break
            }
        }

        var runs: Int { max(cpuMaximum.count, memoryMaximum.count) }

        /// Whether every measured run stayed under half, of both; counted exactly, not from the histogram.
        var isIdle: Bool {
            runs >= minimumRunCount && cpuUnderHalf == runs && memoryUnderHalf == runs && cpuMaximum.count == runs
                && memoryMaximum.count == runs
        }

        /// The most that was needed, in hundredths of a percent.
        var maximum: Int { max(cpuMaximum.percentile(100), memoryMaximum.percentile(100)) }
    }

    private struct Spent {
        var thousandths = 0
        var cost = Cost()
    }

    private static func uses(_ range: ReportRange, _ snapshot: Snapshot) -> [GroupKey: Use] {
        var uses: [GroupKey: Use] = [:]
        for row in snapshot[.utilization] where range.containsMonth(row.key) {
            let key = GroupKey(texts: [row.key.connection] + row.key.texts.prefix(5))
            uses[key, default: Use()].add(row.tally, measure: row.key.texts[5])
        }
        return uses
    }

    private static func computeCredits(_ range: ReportRange, _ snapshot: Snapshot) -> [GroupKey: Spent] {
        var credits: [GroupKey: Spent] = [:]
        for row in snapshot[.resources] where range.contains(row.key) {
            let compute = row.tally[ResourceColumn.creditsCompute]
            let key = GroupKey(texts: [row.key.connection] + row.key.texts.prefix(5))
            credits[key, default: Spent()].thousandths += compute
            credits[key, default: Spent()].cost.add(thousandths: compute, on: row.key.day, snapshot.rateCard)
        }
        return credits
    }

    /// A class of the same kind of machine that costs less, and both rates. Rates follow size, so the cheapest whose rate
    /// is at least the needed share of the present one will do; where a step is larger than that, the next smaller one
    /// has half of the machine.
    private static func smallerClass(
        _ key: GroupKey,
        _ use: Use,
        _ range: ReportRange,
        _ card: RateCard
    ) -> (name: String, now: Int, then: Int)? {
        let (resourceClass, executor) = (key.texts[4].lowercased(), key.texts[5])
        let day = range.days.upperBound
        guard let rate = card.thousandthsPerMinute(executor: executor, resourceClass: resourceClass, day: day) else {
            return nil
        }
        let smaller = card.classes(executor: executor, day: day)
            .filter { $0.rate < rate && family(of: $0.name) == family(of: resourceClass) }
            .sorted { ($0.rate, $0.name) < ($1.rate, $1.name) }
        guard let next = smaller.last else { return nil }
        let needed = Int((Int128(rate) * Int128(use.maximum) + 9_999) / 10_000)
        let chosen = smaller.first { $0.rate >= needed } ?? next
        return (chosen.name, rate, chosen.rate)
    }

    /// What stands before a class's size: `arm` of `arm.large`, nothing of `large`.
    private static func family(of resourceClass: String) -> Substring {
        guard let end = resourceClass.utf8.lastIndex(of: UInt8(ascii: ".")) else { return "" }
        return resourceClass[..<end]
    }
}
