public import Wire

/// What a budget tells its observer, for metrics. Endpoints are templates such as `/project/{slug}/pipeline`.
public enum APIObservation: Hashable, Sendable {
    /// A call ended. The status is nil where no answer came.
    case call(endpoint: String, status: Int?, duration: Duration)
    /// A call had to wait before it was sent, or a failed one before it was sent again.
    case waited(reason: WaitReason, duration: Duration)
    /// An answer stated the time, as ``ClockReading`` reads it: so far is the clock here ahead of CircleCI's, negative where
    /// behind.
    case clock(ahead: Duration)
    /// A call was not sent: it would have had to wait longer than ``APIBudget/Options/longestWait``.
    case refused(endpoint: String, reason: WaitReason)

    public enum WaitReason: String, Hashable, Sendable, CaseIterable {
        /// As many calls as may run at a time were running.
        case concurrency
        /// CircleCI's limit, as its headers state it, was used up down to the reserve.
        case limit
        /// CircleCI had answered 429.
        case refusal
        /// The own ceiling of calls per second.
        case ceiling
        /// The backoff before another try of a call that failed.
        case retry
    }
}

/// What a budget did so far, and whether calls have to wait now.
public struct APIStatistics: Hashable, Sendable {
    /// Calls that were sent, further tries included.
    public var calls = 0
    /// Waits that were over when a call was sent.
    public var waits = 0
    /// Calls that CircleCI answered with 429.
    public var refusals = 0
    /// Until when CircleCI's limit holds calls back; nil while it does not.
    public var limitedUntil: Timestamp?

    public init(calls: Int = 0, waits: Int = 0, refusals: Int = 0, limitedUntil: Timestamp? = nil) {
        self.calls = calls
        self.waits = waits
        self.refusals = refusals
        self.limitedUntil = limitedUntil
    }

    public var isLimited: Bool { limitedUntil != nil }
}
