public import Wire

/// The `usage` of a settlement event: one row of CircleCI's usage export, as far as counters need it. Texts are offsets
/// into the event's body.
public struct EventUsage: Sendable {
    /// What a feature cost, in thousandths of a credit.
    public struct FeatureCredits: Sendable {
        /// `compute`, `dlc`, `user`, ...: the column's name without `_CREDITS`.
        public var feature: JSONText
        public var thousandths: Int64

        public init(feature: JSONText, thousandths: Int64) {
            self.feature = feature
            self.thousandths = thousandths
        }
    }

    /// Of a CPU or of memory, in hundredths of a percent.
    public struct Utilization: Hashable, Sendable {
        public var median: Int64?
        public var maximum: Int64?

        public init(median: Int64? = nil, maximum: Int64? = nil) {
            self.median = median
            self.maximum = maximum
        }
    }

    public var resourceClass: JSONText?
    public var executor: JSONText?
    public var operatingSystem: JSONText?
    public var parallelism: Int64?
    /// Without the total.
    public var credits: [FeatureCredits] = []
    /// Thousandths of a credit.
    public var totalCredits: Int64?
    public var cpu = Utilization()
    public var memory = Utilization()
    /// CircleCI's id of who triggered the pipeline.
    public var userID: JSONText?
    public var isUnregistered: Bool?

    public init() {}
}

/// One run of a `usage-confirmed` event.
public struct Confirmation: Sendable {
    public var job: JSONText
    /// Of the row that an earlier export had of it.
    public var content: UInt128

    public init(job: JSONText, content: UInt128) {
        self.job = job
        self.content = content
    }
}
