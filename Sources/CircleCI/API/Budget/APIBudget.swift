import NIOHTTP1
import Synchronization
import Wire

/// How many calls a key may make, and when: one for each key, shared by all that call with it.
///
/// Calls leave in the order in which they asked. At most ``Options/concurrency`` run at a time, and one probe beside
/// them; until the first answer has come, one. What answers say of limits is kept, in both families of headers: the one
/// that allows less counts. Where the last ``Options/reserve`` calls of a limit are left, only probes leave; after a
/// 429 nobody does for as long as it asks.
public final class APIBudget: Sendable {
    public enum Priority: Hashable, Sendable {
        case normal
        /// `/me`, which says whether a key is dead: goes first, may use the reserve.
        case probe
    }

    public struct Options: Hashable, Sendable {
        /// Calls at a time.
        public var concurrency: Int
        /// Calls of each limit that only probes may use; a quarter of the limit where that is less.
        public var reserve: Int
        /// The own ceiling; nil for none.
        public var callsPerSecond: Double?
        /// After 429s without a wait of their own, and before further tries.
        public var backoff: APIBackoff
        /// The longest wait that a `Retry-After` can ask for.
        public var longestRetryAfter: Duration
        /// A call that would have to wait longer for CircleCI's limits fails instead.
        public var longestWait: Duration

        public init(
            concurrency: Int = 4,
            reserve: Int = 5,
            callsPerSecond: Double? = 10,
            backoff: APIBackoff = APIBackoff(),
            longestRetryAfter: Duration = .seconds(900),
            longestWait: Duration = .seconds(300)
        ) {
            self.concurrency = max(1, concurrency)
            self.reserve = max(0, reserve)
            self.callsPerSecond = callsPerSecond
            self.backoff = backoff
            self.longestRetryAfter = longestRetryAfter
            self.longestWait = longestWait
        }
    }

    public let options: Options
    let clock: APIClock
    private let observe: @Sendable (APIObservation) -> Void
    private let queue: Mutex<CallQueue>

    /// - Parameters:
    ///   - random: Of the backoffs.
    ///   - observe: Called for each observation, on any thread; must return quickly.
    public init(
        options: Options = Options(),
        clock: APIClock = .system,
        random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(),
        observe: @escaping @Sendable (APIObservation) -> Void = { _ in }
    ) {
        self.options = options
        self.clock = clock
        self.observe = observe
        queue = Mutex(CallQueue(options: options, random: random))
    }

    public var statistics: APIStatistics {
        let now = clock.now()
        let (statistics, limitedUntil) = queue.withLock { ($0.statistics, $0.gate.limitedUntil(at: now)) }
        var result = statistics
        if let limitedUntil {
            let left = limitedUntil - now
            result.limitedUntil = Timestamp(
                microseconds: clock.wallTime().microseconds + Int64((left / .microseconds(1)).rounded(.up))
            )
        }
        return result
    }

    /// Calls that wait for their turn now.
    var waiting: Int { queue.withLock { $0.waiting } }

    /// A call that was let out; to be given back by ``end(_:answer:)``, whatever came of it.
    struct Call: Sendable {
        let endpoint: String
        let ticket: CallTicket
        let startedAt: ContinuousClock.Instant
    }

    /// Waits until a call may leave.
    ///
    /// - Throws: `cancelled`; `rate_limited` where the wait would be longer than ``Options/longestWait``.
    func begin(_ endpoint: String, _ priority: Priority) async throws(CircleCIError) -> Call {
        let asked = clock.now()
        let id = queue.withLock { $0.makeID() }
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                advance { queue in
                    queue.add(CallQueue.Waiter(id: id, priority: priority, continuation: continuation))
                    // The handler may have run before there was a waiter to cancel.
                    if Task.isCancelled { queue.cancel(id) }
                }
            }
        } onCancel: {
            advance { $0.cancel(id) }
        }
        switch outcome {
        case .go(let ticket, let reason):
            let now = clock.now()
            if let reason { observe(.waited(reason: reason, duration: now - asked)) }
            return Call(endpoint: endpoint, ticket: ticket, startedAt: now)
        case .cancelled:
            throw CircleCIError(.cancelled, "The call was cancelled while it waited")
        case .tooLong(let reason, let wait):
            observe(.refused(endpoint: endpoint, reason: reason))
            throw CircleCIError(
                .rateLimited,
                "CircleCI's rate limit holds all calls of this key back",
                hint: "calls go on by themselves in \(wait.components.seconds + 1) s"
            )
        }
    }

    /// Ends a call.
    ///
    /// - Parameters:
    ///   - answer: Nil where none came.
    ///   - hasOwnLimit: Whether what the answer says of limits holds for calls of this kind alone.
    func end(_ call: Call, answer: (status: Int, headers: HTTPHeaders)?, hasOwnLimit: Bool = false) {
        let (now, wallTime) = (clock.now(), clock.wallTime())
        let told = hasOwnLimit ? [:] : answer.map { RateHeaders($0.headers).windows } ?? [:]
        let isOfKey = !(hasOwnLimit && answer?.status == 429)
        let retryAfter = answer.flatMap { RateHeaders.retryAfter($0.headers, wallTime: wallTime) }
        advance { queue in
            if answer?.status == 429 { queue.statistics.refusals += 1 }
            queue.gate.end(
                call.ticket,
                status: isOfKey ? answer?.status : nil,
                told: told,
                retryAfter: retryAfter,
                at: now
            )
        }
        let duration = now - call.startedAt
        observe(.call(endpoint: call.endpoint, status: answer?.status, duration: duration))
        if let answer, let ahead = ClockReading.ahead(answer.headers, wallTime: wallTime, duration: duration) {
            observe(.clock(ahead: ahead))
        }
    }

    /// Waits before another try of a call that failed.
    ///
    /// - Parameter atLeast: What `Retry-After` asks for, if anything.
    /// - Throws: `cancelled`.
    func waitBeforeRetry(failures: Int, atLeast: Duration?) async throws(CircleCIError) {
        let drawn = queue.withLock { $0.gate.retryWait(failures: failures) }
        let wait = max(drawn, min(atLeast ?? .zero, options.longestRetryAfter, options.longestWait))
        do {
            try await clock.sleep(wait)
        } catch {
            throw CircleCIError(.cancelled, "The call was cancelled while it waited")
        }
        observe(.waited(reason: .retry, duration: wait))
    }

    /// Changes the queue, lets out what may leave now, and sees to it that somebody looks again when more may.
    private func advance(_ change: (inout CallQueue) -> Void) {
        let now = clock.now()
        let settled = queue.withLock { queue in
            change(&queue)
            let settled = queue.settle(at: now)
            queue.setTimer { instant in
                Task { [clock] in
                    // Cancelled where an earlier look is due; that one sees to the rest.
                    guard (try? await clock.sleep(instant - now)) != nil else { return }
                    self.advance { $0.timerFired(instant) }
                }
            }
            return settled
        }
        // Outside the lock: what is resumed may come back at once.
        for (waiter, outcome) in settled { waiter.continuation.resume(returning: outcome) }
    }
}
