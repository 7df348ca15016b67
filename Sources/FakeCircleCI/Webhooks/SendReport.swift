public import CircleCI

/// A delivery that the receiver has taken: 2xx.
public struct Acknowledgement: Sendable {
    /// What the receiver said of it.
    public enum Answer: Hashable, Sendable {
        /// Written to the log under this sequence.
        case accepted(sequence: Int)
        /// On the log already.
        case duplicate
        /// Signed, but no JSON object: kept aside.
        case quarantined
        /// 2xx, without a word that is known.
        case other
    }

    public let delivery: GeneratedDelivery
    /// The delivery's place in the history.
    public let index: Int
    /// 0 for the first sending, then counted up for each duplicate of the fault plan.
    public let copy: Int
    /// How often it was posted until it was taken.
    public let tryCount: Int
    public let status: Int
    public let answer: Answer
}

/// What became of a history's deliveries.
public struct SendReport: Hashable, Sendable {
    /// Deliveries taken from the history.
    public var deliveryCount = 0
    /// Deliveries that the fault plan dropped.
    public var droppedCount = 0
    /// Further copies that the fault plan made.
    public var duplicateCount = 0
    /// Requests, retries included.
    public var tryCount = 0
    /// Copies that were taken in the end.
    public var acknowledgedCount = 0
    public var acceptedAnswerCount = 0
    public var duplicateAnswerCount = 0
    public var quarantinedAnswerCount = 0
    /// Copies that were given up after the last try.
    public var givenUpCount = 0
    /// Copies that were not sent, or not again, because their webhook was deleted.
    public var unregisteredCount = 0
    /// Answers by status.
    public var answerCounts: [Int: Int] = [:]
    /// Requests without an answer, by reason.
    public var failureCounts: [CircleCIError.Code: Int] = [:]
    /// Whether the sending was cancelled before the end.
    public var isCancelled = false

    public init() {}

    mutating func add(_ other: SendReport) {
        deliveryCount += other.deliveryCount
        droppedCount += other.droppedCount
        duplicateCount += other.duplicateCount
        tryCount += other.tryCount
        acknowledgedCount += other.acknowledgedCount
        acceptedAnswerCount += other.acceptedAnswerCount
        duplicateAnswerCount += other.duplicateAnswerCount
        quarantinedAnswerCount += other.quarantinedAnswerCount
        givenUpCount += other.givenUpCount
        unregisteredCount += other.unregisteredCount
        answerCounts.merge(other.answerCounts, uniquingKeysWith: +)
        failureCounts.merge(other.failureCounts, uniquingKeysWith: +)
        isCancelled = isCancelled || other.isCancelled
    }

    mutating func count(_ answer: Acknowledgement.Answer) {
        acknowledgedCount += 1
        switch answer {
        case .accepted: acceptedAnswerCount += 1
        case .duplicate: duplicateAnswerCount += 1
        case .quarantined: quarantinedAnswerCount += 1
        case .other: break
        }
    }
}
