public import Wire

/// A UTC day of which a usage export held every run of a connection.
public struct SettledDay: Hashable, Sendable {
    public var connection: String
    public var day: Day
    /// When the latest such export was made.
    public var exportedAt: Timestamp

    public init(connection: String, day: Day, exportedAt: Timestamp) {
        self.connection = connection
        self.day = day
        self.exportedAt = exportedAt
    }
}

/// What CircleCI's job details say of the machine that a job asks for; of each job the latest word.
public struct JobDescription: Hashable, Sendable {
    public var connection: String
    /// As in the rows: the project's id, its slug where no event had an id.
    public var project: String
    public var workflow: String
    public var job: String
    public var resourceClass: String
    public var executor: String
    public var parallelism: Int
    /// When the described run was.
    public var happenedAt: Timestamp

    public init(
        connection: String,
        project: String,
        workflow: String,
        job: String,
        resourceClass: String,
        executor: String,
        parallelism: Int,
        happenedAt: Timestamp
    ) {
        self.connection = connection
        self.project = project
        self.workflow = workflow
        self.job = job
        self.resourceClass = resourceClass
        self.executor = executor
        self.parallelism = parallelism
        self.happenedAt = happenedAt
    }

    /// The job, on every day: texts that are equal only by canonical equivalence are two jobs.
    var key: RowKey {
        RowKey(connection: connection, day: Day(daysSinceEpoch: 0), texts: [project, workflow, job])
    }

    /// By time, then by what is said, so that any set of descriptions has one latest.
    func precedes(_ other: JobDescription) -> Bool {
        if happenedAt != other.happenedAt { return happenedAt < other.happenedAt }
        if resourceClass != other.resourceClass { return resourceClass.precedesInBytes(other.resourceClass) }
        if executor != other.executor { return executor.precedesInBytes(other.executor) }
        return parallelism < other.parallelism
    }
}

/// The rate card that the latest `rate-card-changed` event holds.
public struct RateCardState: Sendable {
    public var card: RateCard
    public var happenedAt: Timestamp
    public var eventID: String

    public init(card: RateCard, happenedAt: Timestamp, eventID: String) {
        self.card = card
        self.happenedAt = happenedAt
        self.eventID = eventID
    }

    /// By time, then id, then what is said, so that any set of events has one latest card.
    func precedes(_ other: RateCardState) -> Bool {
        if happenedAt != other.happenedAt { return happenedAt < other.happenedAt }
        if eventID != other.eventID { return eventID.precedesInBytes(other.eventID) }
        return card.words.precedesInBytes(other.card.words)
    }
}

extension RateCard {
    /// All that the card says, in a fixed order.
    fileprivate var words: String {
        var words = [source, published.description, defaultMachine.executor, defaultMachine.resourceClass]
        for period in periods {
            words.append(period.from.description)
            for (executor, classes) in period.thousandthsPerMinute.sorted(by: { $0.key.precedesInBytes($1.key) }) {
                for (name, rate) in classes.sorted(by: { $0.key.precedesInBytes($1.key) }) {
                    words += [executor, name, "\(rate)"]
                }
            }
        }
        for period in contract?.periods ?? [] {
            words += [
                contract?.currency ?? "", period.from.description, period.to?.description ?? "",
                "\(period.billionthsPerCredit)",
            ]
        }
        return words.joined(separator: "\u{0}")
    }
}

/// What is known besides runs that credits depend on. Like a run it is a function of the set of events.
struct SettlementLedger: Sendable {
    private struct DayKey: Hashable, Sendable {
        var connection: String
        var day: Day
    }

    private var days: [DayKey: Timestamp] = [:]
    private var changedDays: Set<DayKey> = []
    private var descriptions: [RowKey: JobDescription] = [:]
    private var changedDescriptions: Set<RowKey> = []
    private var rateCard: RateCardState?
    private var isRateCardChanged = false

    mutating func restore(_ day: SettledDay) {
        days[DayKey(connection: day.connection, day: day.day)] = day.exportedAt
    }

    mutating func restore(_ description: JobDescription) { descriptions[description.key] = description }
    mutating func restore(_ state: RateCardState) { rateCard = state }

    mutating func see(_ candidate: SettledDay) {
        let key = DayKey(connection: candidate.connection, day: candidate.day)
        if let known = days[key], known >= candidate.exportedAt { return }
        days[key] = candidate.exportedAt
        changedDays.insert(key)
    }

    mutating func see(_ candidate: JobDescription) {
        let key = candidate.key
        if let known = descriptions[key], !known.precedes(candidate) { return }
        descriptions[key] = candidate
        changedDescriptions.insert(key)
    }

    mutating func see(_ candidate: RateCardState) {
        if let rateCard, !rateCard.precedes(candidate) { return }
        rateCard = candidate
        isRateCardChanged = true
    }

    mutating func takeChanges(into changes: inout UsageChanges) {
        changes.settledDays = changedDays.compactMap { key in
            days[key].map { SettledDay(connection: key.connection, day: key.day, exportedAt: $0) }
        }
        changes.jobDescriptions = changedDescriptions.compactMap { descriptions[$0] }
        changes.rateCard = isRateCardChanged ? rateCard : nil
        changedDays.removeAll()
        changedDescriptions.removeAll()
        isRateCardChanged = false
    }
}
