/// Decides when calls may leave. No clock, lock or task inside: the owner tells the time and does the waiting.
struct CallGate {
    typealias Instant = ContinuousClock.Instant

    enum Admission {
        case go(CallTicket)
        /// Until the instant, or nil: until a call ends. The end of any call can change either.
        case wait(APIObservation.WaitReason, until: Instant?)
    }

    private let options: APIBudget.Options
    private var windows = RateWindows()
    private var ceiling: CallCeiling?
    private var random: any RandomNumberGenerator & Sendable
    private var probes = 0
    /// Whether an answer has come: until then calls leave one at a time, as the limits are unknown.
    private var isAnswered = false

    private var heldUntil: Instant?
    private var refusalsInARow = 0
    /// The last call that had been let out when CircleCI last refused one.
    private var lastBeforeRefusal = 0
    private var lastNumber = 0

    init(options: APIBudget.Options, random: any RandomNumberGenerator & Sendable) {
        self.options = options
        self.random = random
        ceiling = options.callsPerSecond.map(CallCeiling.init)
    }

    private var normals: Int { windows.running - probes }

    /// Long waits come first, so that a call that cannot leave for long is known to be one.
    mutating func admit(_ priority: APIBudget.Priority, at now: Instant) -> Admission {
        let isProbe = priority == .probe
        if let heldUntil, heldUntil > now { return .wait(.refusal, until: heldUntil) }
        if let instant = windows.earliestStart(reserve: isProbe ? 0 : options.reserve, at: now) {
            return .wait(.limit, until: instant)
        }
        // A probe has a place of its own beside the others, so that it never waits for them.
        if isProbe ? probes > 0 : normals >= (isAnswered ? options.concurrency : 1) {
            return .wait(.concurrency, until: nil)
        }
        if !isProbe, let instant = ceiling?.earliestStart(at: now) { return .wait(.ceiling, until: instant) }
        ceiling?.start(at: now)
        let ticket = windows.start(isProbe: isProbe)
        lastNumber = ticket.number
        if isProbe { probes += 1 }
        return .go(ticket)
    }

    /// - Parameters:
    ///   - status: Nil where no answer came.
    ///   - retryAfter: As the answer asks.
    mutating func end(
        _ ticket: CallTicket,
        status: Int?,
        told: [RateWindowName: RateNumbers],
        retryAfter: Duration?,
        at now: Instant
    ) {
        windows.end(ticket, told: told, at: now)
        if ticket.isProbe { probes -= 1 }
        guard let status else { return }
        isAnswered = true
        guard status == 429 else {
            if ticket.number > lastBeforeRefusal { refusalsInARow = 0 }
            return
        }
        // Calls that were under way together are refused together: that is one refusal.
        if ticket.number > lastBeforeRefusal || refusalsInARow == 0 { refusalsInARow += 1 }
        lastBeforeRefusal = lastNumber
        // At least half of it: one wait for all calls must not come out at nearly nothing.
        let backoff = options.backoff.bound(failures: refusalsInARow) * Double.random(in: 0.5..<1, using: &random)
        let wait = max(backoff, min(retryAfter ?? .zero, options.longestRetryAfter))
        heldUntil = max(heldUntil ?? now, now + wait)
    }

    /// Until when CircleCI's limits hold normal calls back; nil while they do not.
    mutating func limitedUntil(at now: Instant) -> Instant? {
        let limit = windows.earliestStart(reserve: options.reserve, at: now)
        let held = heldUntil.flatMap { $0 > now ? $0 : nil }
        return [limit, held].compactMap(\.self).max()
    }

    /// A wait before another try of a call that failed.
    mutating func retryWait(failures: Int) -> Duration {
        options.backoff.wait(failures: failures, &random)
    }
}
