import NIOCore

#if SABOTAGE
    import Wire
#endif

/// Where one connection's requests stand, as a state machine: told what happened, it says what to do. It holds no
/// clock, no socket and no bytes.
struct Reception {
    /// Why a request is refused.
    enum Refusal: Hashable, Sendable {
        case malformed
        case incompleteBody
        case requestLineTooLong
        case headersTooLarge
        case bodyTooLarge
        case timeout
    }

    enum Action: Equatable {
        case proceed
        /// Answer with the refusal, then linger.
        case answer(Refusal)
        /// Say nothing more, and read on for a while so that the client can read what was said.
        case linger
        case close
    }

    private enum Phase: Equatable {
        /// Between requests.
        case idle
        /// Receiving a request's line and header fields.
        case head
        /// Receiving a request's body.
        case body(receivedBytes: Int)
        /// Refused, and answers to earlier requests are still to be written before the refusal.
        case refusing(Refusal, answersBefore: Int)
        /// The last answer is written; what comes is dropped.
        case lingering(until: NIODeadline)
        case closed
    }

    private let limits: ReceiverLimits
    private var phase = Phase.idle
    private var lastActivity: NIODeadline
    private var requestStart: NIODeadline
    /// Bytes that came since the parser last gave something out. It holds no more than these.
    private var unparsedByteCount = 0
    /// Bytes of the request's line so far, as they came.
    private var lineByteCount = 0
    private var isLineComplete = false
    /// Requests handed on whose answers are not written.
    private var unansweredCount = 0
    private var isAnswerStarted = false
    /// Whether the connection ends with the newest request.
    private var isLast = false

    init(limits: ReceiverLimits, now: NIODeadline) {
        #if SABOTAGE
            var limits = limits
            if Sabotage.plants("body-limit-off-by-one") { limits.maximumBodyBytes -= 1 }
            if Sabotage.plants("receive-time-not-limited") { limits.receiveTime = .hours(1) }
        #endif
        self.limits = limits
        lastActivity = now
        requestStart = now
    }

    /// Whether what comes in is dropped, and what handlers write as well.
    var isRefused: Bool {
        switch phase {
        case .refusing, .lingering, .closed: true
        // Behind the last request nothing is a request any more.
        case .idle: isLast
        case .head, .body: false
        }
    }

    /// Whether answers by handlers still go out.
    var takesAnswers: Bool {
        switch phase {
        case .idle, .head, .body, .refusing: true
        case .lingering, .closed: false
        }
    }

    var isLingering: Bool {
        if case .lingering = phase { true } else { false }
    }

    /// Whether a request's body is awaited and no answer to an earlier one is outstanding.
    var mayContinue: Bool {
        if case .body = phase { unansweredCount == 1 } else { false }
    }

    // MARK: What comes in

    /// Bytes came and go to the parser next.
    ///
    /// - Parameter lineFeed: Where the first line feed among them is.
    mutating func receivedBytes(_ count: Int, lineFeed: Int?, at now: NIODeadline) {
        lastActivity = now
        if phase == .idle {
            phase = .head
            requestStart = now
            lineByteCount = 0
            isLineComplete = false
        }
        unparsedByteCount += count
        if !isLineComplete {
            lineByteCount += lineFeed ?? count
            isLineComplete = lineFeed != nil
        }
    }

    /// The parser has seen the bytes.
    mutating func parsedBytes() -> Action {
        guard !isRefused, unparsedByteCount > maximumUnparsedByteCount else { return .proceed }
        return refuse(overflow)
    }

    /// The parser gave out a request's head.
    ///
    /// - Parameters:
    ///   - isFramingClear: Whether there is one way only to tell where the body ends.
    ///   - isLast: Whether the connection ends with this request.
    mutating func receivedHead(
        requestLineBytes: Int,
        headerCount: Int,
        headerBytes: Int,
        bodyBytes: Int?,
        isFramingClear: Bool = true,
        isLast: Bool = false,
        at now: NIODeadline
    ) -> Action {
        guard !isRefused else { return .proceed }
        unparsedByteCount = 0
        // A pipelined request came with the bytes of the one before.
        if phase == .idle { requestStart = now }
        guard requestLineBytes <= limits.maximumRequestLineBytes else { return refuse(.requestLineTooLong) }
        guard headerCount <= limits.maximumHeaderCount, headerBytes <= limits.maximumHeaderBytes else {
            return refuse(.headersTooLarge)
        }
        guard isFramingClear else { return refuse(.malformed) }
        if let bodyBytes, bodyBytes > limits.maximumBodyBytes { return refuse(.bodyTooLarge) }
        self.isLast = isLast
        phase = .body(receivedBytes: 0)
        unansweredCount += 1
        return .proceed
    }

    mutating func receivedBody(_ count: Int) -> Action {
        guard case .body(let receivedBytes) = phase else { return .proceed }
        unparsedByteCount = 0
        phase = .body(receivedBytes: receivedBytes + count)
        return receivedBytes + count > limits.maximumBodyBytes ? refuse(.bodyTooLarge) : .proceed
    }

    @discardableResult
    mutating func receivedEnd(at now: NIODeadline) -> Action {
        guard case .body = phase else { return .proceed }
        unparsedByteCount = 0
        lastActivity = now
        phase = .idle
        return endIfDone(now)
    }

    /// The parser gave up.
    mutating func failedParsing(isOverflow: Bool, isEndOfInput: Bool) -> Action {
        guard !isRefused else { return .proceed }
        if isOverflow { return refuse(overflow) }
        if case .body = phase, isEndOfInput { return refuse(.incompleteBody) }
        return refuse(.malformed)
    }

    /// The client sends no more. Answers still go out.
    mutating func inputEnded() -> Action {
        guard isLingering else { return .proceed }
        phase = .closed
        return .close
    }

    // MARK: What goes out

    mutating func startedAnswer() { isAnswerStarted = true }

    mutating func finishedAnswer(at now: NIODeadline) -> Action {
        isAnswerStarted = false
        unansweredCount = max(0, unansweredCount - 1)
        lastActivity = now
        if case .refusing(let refusal, let answersBefore) = phase {
            if answersBefore > 1 {
                phase = .refusing(refusal, answersBefore: answersBefore - 1)
                return .proceed
            }
            return lingering(now, .answer(refusal))
        }
        return endIfDone(now)
    }

    /// After the last request's answer the connection ends, whatever the client says.
    private mutating func endIfDone(_ now: NIODeadline) -> Action {
        guard isLast, phase == .idle, unansweredCount == 0 else { return .proceed }
        return lingering(now, .linger)
    }

    // MARK: Time

    /// When ``reached(_:)`` is to be called; nil: nothing waits for the time.
    var deadline: NIODeadline? {
        switch phase {
        case .idle: unansweredCount > 0 ? nil : lastActivity + limits.idleTime
        case .head, .body: min(requestStart + limits.receiveTime, lastActivity + limits.idleTime)
        case .lingering(let until): until
        case .refusing, .closed: nil
        }
    }

    mutating func reached(_ now: NIODeadline) -> Action {
        guard let deadline, now >= deadline else { return .proceed }
        switch phase {
        case .head, .body: return refuse(.timeout, at: now)
        case .idle, .lingering, .refusing, .closed:
            phase = .closed
            return .close
        }
    }

    /// Since when the client is waited for; nil: it waits for an answer, or is on its way out.
    var waitingSince: NIODeadline? {
        switch phase {
        case .idle: unansweredCount > 0 ? nil : lastActivity
        // A body may be that of a request whose answer is under way.
        case .head, .body: unansweredCount > 1 || isAnswerStarted ? nil : requestStart
        case .lingering(let until): until - limits.lingerTime
        case .refusing, .closed: nil
        }
    }

    /// Others are waiting for the place.
    mutating func pushedOut() -> Action {
        guard waitingSince != nil else { return .proceed }
        phase = .closed
        return .close
    }

    // MARK: Refusing

    private var maximumUnparsedByteCount: Int {
        limits.maximumRequestLineBytes + limits.maximumHeaderBytes + limits.maximumHeaderCount
    }

    private var overflow: Refusal {
        if case .body = phase { return .malformed }
        // The line may end with a carriage return.
        return lineByteCount > limits.maximumRequestLineBytes + 1 ? .requestLineTooLong : .headersTooLarge
    }

    private mutating func lingering(_ now: NIODeadline, _ action: Action) -> Action {
        phase = .lingering(until: now + limits.lingerTime)
        return action
    }

    private mutating func refuse(_ refusal: Refusal, at now: NIODeadline? = nil) -> Action {
        var answersBefore = unansweredCount
        if case .body = phase {
            // The request being received was handed on. Nothing more can be said where its answer is under way or out.
            guard unansweredCount > 0, !(isAnswerStarted && unansweredCount == 1) else {
                return lingering(now ?? lastActivity, .linger)
            }
            answersBefore -= 1
        }
        guard answersBefore == 0 else {
            phase = .refusing(refusal, answersBefore: answersBefore)
            return .proceed
        }
        return lingering(now ?? lastActivity, .answer(refusal))
    }
}
