public import Wire

/// What runs of one group add up to. Credits are thousandths of a credit.
public struct UsageTotals: Sendable {
    public private(set) var runs = 0
    public private(set) var success = 0
    public private(set) var failed = 0
    public private(set) var canceled = 0
    public private(set) var durationMilliseconds = 0
    public private(set) var creditsSettled = 0
    public private(set) var creditsProvisional = 0
    /// Of both, at the price of each day.
    private var cost = Cost()
    public private(set) var durations = Histogram()

    public init() {}

    public var credits: Int { creditsSettled + creditsProvisional }

    /// Nil where the rate card has no contract, or none for one of the days with credits.
    public var money: Money? { cost.money }

    /// `settled`, `provisional`, or `mixed`; nil where there are no credits, as by branch.
    public var state: String? {
        if creditsProvisional == 0 { return creditsSettled == 0 ? nil : "settled" }
        return creditsSettled == 0 ? "provisional" : "mixed"
    }

    mutating func add(_ row: Snapshot.Row, of table: UsageTable, rateCard: RateCard) {
        let tally = row.tally
        switch table {
        case .jobs:
            for column in JobColumn.success...JobColumn.other { runs += tally[column] }
            success += tally[JobColumn.success]
            failed += tally[JobColumn.failed]
            canceled += tally[JobColumn.canceled]
            durationMilliseconds += tally[JobColumn.duration]
            addCredits(
                tally[JobColumn.creditsSettled],
                tally[JobColumn.creditsProvisional],
                on: row.key.day,
                rateCard
            )
            durations.add(tally.durations)
        case .branches:
            runs += tally[BranchColumn.runs]
            durationMilliseconds += tally[BranchColumn.duration]
        case .features:
            runs += tally[FeatureColumn.runs]
            durationMilliseconds += tally[FeatureColumn.duration]
            addCredits(
                tally[FeatureColumn.creditsSettled],
                tally[FeatureColumn.creditsProvisional],
                on: row.key.day,
                rateCard
            )
        default: preconditionFailure("\(table.rawValue) holds no runs by status")
        }
    }

    mutating func add(_ other: UsageTotals) {
        addCounts(of: other)
        durations.add(other.durations)
    }

    /// All but the durations.
    mutating func addCounts(of other: UsageTotals) {
        runs += other.runs
        success += other.success
        failed += other.failed
        canceled += other.canceled
        durationMilliseconds += other.durationMilliseconds
        creditsSettled += other.creditsSettled
        creditsProvisional += other.creditsProvisional
        cost.add(other.cost)
    }

    var withoutDurations: UsageTotals {
        var totals = self
        totals.durations = Histogram()
        return totals
    }

    mutating func setDurations(_ durations: Histogram) { self.durations = durations }

    private mutating func addCredits(_ settled: Int, _ provisional: Int, on day: Day, _ rateCard: RateCard) {
        creditsSettled += settled
        creditsProvisional += provisional
        cost.add(thousandths: settled + provisional, on: day, rateCard)
    }
}

/// What credits of several days cost. A sum that leaves out days without a price would look like all of it.
public struct Cost: Sendable {
    private var sum: Money?
    private var isUnpriced = false

    public init() {}

    /// Nil where there is nothing to pay for, or no contract covers one of the days.
    public var money: Money? { isUnpriced ? nil : sum }

    public mutating func add(thousandths: Int, on day: Day, _ rateCard: RateCard) {
        guard thousandths != 0 else { return }
        guard let money = rateCard.money(thousandths: thousandths, on: day) else {
            isUnpriced = true
            return
        }
        sum = Money(currency: money.currency, trillionths: (sum?.trillionths ?? 0) + money.trillionths)
    }

    mutating func add(_ other: Cost) {
        isUnpriced = isUnpriced || other.isUnpriced
        guard let more = other.sum else { return }
        sum = Money(currency: more.currency, trillionths: (sum?.trillionths ?? 0) + more.trillionths)
    }
}
