/// A token bucket that holds a second's calls: at most so many a second in the long run.
struct CallCeiling {
    private let interval: Duration
    private let slack: Duration
    /// When the bucket is full again.
    private var full: ContinuousClock.Instant?

    init(callsPerSecond: Double) {
        interval = .seconds(1 / max(callsPerSecond, 0.001))
        slack = max(.zero, .seconds(1) - interval)
    }

    /// When a call may leave; nil where it may at once.
    func earliestStart(at now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        guard let full else { return nil }
        let earliest = full - slack
        return earliest > now ? earliest : nil
    }

    mutating func start(at now: ContinuousClock.Instant) {
        full = max(full ?? now, now) + interval
    }
}
