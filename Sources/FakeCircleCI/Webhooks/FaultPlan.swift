/// What goes wrong on the way of deliveries. One seed, one course of events.
public struct FaultPlan: Sendable {
    public var seed: UInt64 = 0
    /// Share of the deliveries that are never sent: CircleCI has no redelivery, so these are lost.
    public var dropRate = 0.0
    /// Share of the deliveries that are sent again although they were taken.
    public var duplicateRate = 0.0
    /// A delivery that is duplicated is sent again up to this many times.
    public var maximumDuplicateCount = 2
    /// How many places a delivery can come too late or too early. Duplicates come up to this many, and twenty, later.
    public var reorderWindow = 0

    /// Nothing goes wrong.
    public init() {}
}

/// What is done about a delivery that is not taken. CircleCI's own rules are unknown; these are a guess.
public struct RetryPlan: Sendable {
    /// The first included.
    public var maximumTryCount = 5
    /// Doubles with each try, and is shortened by up to half, so that retries do not come in step.
    public var firstDelay: Duration = .milliseconds(200)
    public var maximumDelay: Duration = .seconds(5)

    public init() {}

    /// - Parameters:
    ///   - number: Of the try that failed, from 1.
    ///   - fraction: From 0 up to 1: how much of the half is taken off.
    func delay(after number: Int, fraction: Double) -> Duration {
        let doubled = firstDelay * (1 << min(number - 1, 30))
        return min(doubled, maximumDelay) * (1 - fraction / 2)
    }
}

/// How fast deliveries are sent.
public enum Pace: Sendable {
    /// As fast as they are taken.
    case unlimited
    /// At most so many a second.
    case perSecond(Double)
    /// As their own times say, so many times as fast.
    case timeline(speed: Double)

    /// When to send, after the start.
    /// - Parameters:
    ///   - position: In the order of sending, from 0.
    ///   - elapsedMicroseconds: From the first delivery's time to this one's.
    func offset(position: Int, elapsedMicroseconds: Int64) -> Duration {
        switch self {
        case .unlimited: .zero
        case .perSecond(let rate): .seconds(Double(position) / rate)
        case .timeline(let speed): .microseconds(Int64(Double(max(0, elapsedMicroseconds)) / speed))
        }
    }
}

/// A delivery on its way.
struct Posting: Sendable {
    let delivery: GeneratedDelivery
    /// Its place in the history.
    let index: Int
    /// 0 for the first, then counted up for each duplicate.
    let copy: Int
}

/// Deliveries with the faults of a plan: dropped, duplicated, in another order. Holds as many as can change places.
struct FaultyDeliveries<Base: IteratorProtocol<GeneratedDelivery>>: IteratorProtocol {
    private var base: Base
    private let plan: FaultPlan
    private var random: SeededGenerator
    private var waiting = TimeQueue<Double, Posting>()
    private var index = 0
    private var isExhausted = false
    private(set) var droppedCount = 0
    private(set) var duplicateCount = 0

    /// How many deliveries were taken from the history.
    var deliveryCount: Int { index }

    init(_ base: Base, plan: FaultPlan) {
        self.base = base
        self.plan = plan
        random = SeededGenerator(seed: plan.seed ^ 0x6661_756c)
    }

    mutating func next() -> Posting? {
        // Nothing that is still to come can get a place before `index`.
        while !isExhausted, waiting.firstKey.map({ $0 >= Double(index) }) ?? true { take() }
        return waiting.removeFirst()
    }

    private mutating func take() {
        guard let delivery = base.next() else {
            isExhausted = true
            return
        }
        let isDropped = random.chance(plan.dropRate)
        let isDuplicated = random.chance(plan.duplicateRate)
        let copyCount = random.integer(in: 1...max(1, plan.maximumDuplicateCount))
        // Two deliveries change places only where these are less than a window and one apart.
        let place = Double(index) + random.fraction() * Double(plan.reorderWindow + 1)
        if isDropped {
            droppedCount += 1
        } else {
            waiting.add(Posting(delivery: delivery, index: index, copy: 0), at: place)
            for copy in 0..<(isDuplicated ? copyCount : 0) {
                let later = place + random.fraction() * Double(plan.reorderWindow + 20)
                waiting.add(Posting(delivery: delivery, index: index, copy: copy + 1), at: later)
                duplicateCount += 1
            }
        }
        index += 1
    }
}
