/// The calls that wait for their turn, and the timer that looks after them. Guarded by its budget's lock.
struct CallQueue: Sendable {
    enum Outcome: Sendable {
        /// With what held the call back last; nil where nothing did.
        case go(CallTicket, after: APIObservation.WaitReason?)
        case cancelled
        case tooLong(APIObservation.WaitReason, Duration)
    }

    struct Waiter: Sendable {
        let id: Int
        let priority: APIBudget.Priority
        let continuation: CheckedContinuation<Outcome, Never>
        var reason: APIObservation.WaitReason?
    }

    var gate: CallGate
    var statistics = APIStatistics()
    private let longestWait: Duration
    private var probes: [Waiter] = []
    private var normals: [Waiter] = []
    private var settled: [(Waiter, Outcome)] = []
    private var lastID = 0

    /// When the next call may leave; nil where none waits for time to pass.
    private var wakeAt: ContinuousClock.Instant?
    private var timer: (instant: ContinuousClock.Instant, task: Task<Void, Never>)?

    init(options: APIBudget.Options, random: any RandomNumberGenerator & Sendable) {
        gate = CallGate(options: options, random: random)
        longestWait = options.longestWait
    }

    var waiting: Int { probes.count + normals.count }

    mutating func makeID() -> Int {
        lastID += 1
        return lastID
    }

    mutating func add(_ waiter: Waiter) {
        if waiter.priority == .probe { probes.append(waiter) } else { normals.append(waiter) }
    }

    /// Does nothing where the call has left or failed already.
    mutating func cancel(_ id: Int) {
        for line in [\CallQueue.probes, \.normals] {
            guard let index = self[keyPath: line].firstIndex(where: { $0.id == id }) else { continue }
            settled.append((self[keyPath: line].remove(at: index), .cancelled))
        }
    }

    /// Lets out what may leave now; the caller resumes those that it returns.
    mutating func settle(at now: ContinuousClock.Instant) -> [(Waiter, Outcome)] {
        wakeAt = nil
        settle(\.probes, at: now)
        settle(\.normals, at: now)
        defer { settled = [] }
        return settled
    }

    private mutating func settle(_ line: WritableKeyPath<CallQueue, [Waiter]>, at now: ContinuousClock.Instant) {
        while let first = self[keyPath: line].first {
            switch gate.admit(first.priority, at: now) {
            case .go(let ticket):
                self[keyPath: line].removeFirst()
                statistics.calls += 1
                if first.reason != nil { statistics.waits += 1 }
                settled.append((first, .go(ticket, after: first.reason)))
            case .wait(let reason, let instant):
                if let instant, instant - now > longestWait {
                    for waiter in self[keyPath: line] { settled.append((waiter, .tooLong(reason, instant - now))) }
                    self[keyPath: line] = []
                    return
                }
                self[keyPath: line][0].reason = reason
                // Whoever came last waits behind the first.
                let last = self[keyPath: line].count - 1
                if self[keyPath: line][last].reason == nil { self[keyPath: line][last].reason = reason }
                if let instant { wakeAt = min(wakeAt ?? instant, instant) }
                return
            }
        }
    }

    /// Sees to a timer that fires when the next call may leave, or before.
    mutating func setTimer(_ start: (ContinuousClock.Instant) -> Task<Void, Never>) {
        guard let wakeAt else {
            timer?.task.cancel()
            timer = nil
            return
        }
        if let timer, timer.instant <= wakeAt { return }
        timer?.task.cancel()
        timer = (wakeAt, start(wakeAt))
    }

    mutating func timerFired(_ instant: ContinuousClock.Instant) {
        if timer?.instant == instant { timer = nil }
    }
}
