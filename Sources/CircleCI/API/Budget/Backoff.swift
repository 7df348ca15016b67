/// Waits that double with each failure, up to a bound.
public struct APIBackoff: Hashable, Sendable {
    /// The longest wait after the first failure.
    public var base: Duration
    /// The longest wait after any.
    public var cap: Duration

    public init(base: Duration = .milliseconds(500), cap: Duration = .seconds(60)) {
        self.base = base
        self.cap = cap
    }

    /// The longest wait after so many failures in a row; at least one.
    func bound(failures: Int) -> Duration {
        // Beyond 2^30 any base has passed any cap that makes sense, and a duration cannot overflow.
        min(cap, base * (1 << min(max(failures, 1) - 1, 30)))
    }

    /// Any wait up to the bound ("full jitter"), so that callers that failed together do not come back together.
    func wait(failures: Int, _ random: inout some RandomNumberGenerator) -> Duration {
        bound(failures: failures) * Double.random(in: 0..<1, using: &random)
    }
}
