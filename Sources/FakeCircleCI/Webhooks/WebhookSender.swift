public import CircleCI
import Wire

/// Sends the deliveries of a history as CircleCI would, with the faults of a plan.
public struct WebhookSender: Sendable {
    /// Where an organization's deliveries go.
    public struct Target: Sendable {
        public let url: String
        public let signing: WebhookPoster.Signing

        public init(url: String, signing: WebhookPoster.Signing) {
            self.url = url
            self.signing = signing
        }
    }

    public struct Options: Sendable {
        /// How many deliveries are on their way at a time. With more than one, neighbours overtake each other.
        public var concurrency = 8
        public var pace = Pace.unlimited
        public var faults = FaultPlan()
        public var retries = RetryPlan()
        /// Of one request.
        public var timeout: Duration = .seconds(10)

        public init() {}
    }

    private let poster: WebhookPoster
    private let target: @Sendable (GeneratedDelivery) -> Target?
    private let options: Options

    /// - Parameter targets: By organization; those of organizations beyond the last go to the last.
    public init(poster: WebhookPoster, targets: [Target], options: Options = Options()) {
        precondition(!targets.isEmpty)
        self.init(poster: poster, options: options) { targets[min($0.organizationIndex, targets.count - 1)] }
    }

    /// - Parameter target: Asked before every try, since a webhook can be changed between two. Nil: there is none any
    ///   more, and the delivery is given up.
    init(poster: WebhookPoster, options: Options, target: @escaping @Sendable (GeneratedDelivery) -> Target?) {
        precondition(options.concurrency > 0)
        self.poster = poster
        self.target = target
        self.options = options
    }

    /// Sends all of `deliveries` and returns what became of them. Cancelled, it stops where it is and says so; what was
    /// on its way may or may not have arrived.
    ///
    /// - Parameter onAcknowledged: Called for each delivery that was taken, from several tasks at once; the next
    ///   delivery of that task waits for it.
    public func send(
        _ deliveries: some Sequence<GeneratedDelivery> & Sendable,
        onAcknowledged: @escaping @Sendable (Acknowledgement) async -> Void = { _ in }
    ) async -> SendReport {
        let source = PostingSource(deliveries, plan: options.faults)
        let start = ContinuousClock.now
        return await withTaskGroup(of: SendReport.self) { group in
            for _ in 0..<options.concurrency {
                group.addTask { await work(source, since: start, onAcknowledged) }
            }
            var report = SendReport()
            for await part in group { report.add(part) }
            await source.count(into: &report)
            return report
        }
    }

    /// One of the concurrent senders: posts until nothing is left.
    private func work(
        _ source: PostingSource<some Sequence<GeneratedDelivery> & Sendable>,
        since start: ContinuousClock.Instant,
        _ onAcknowledged: @Sendable (Acknowledgement) async -> Void
    ) async -> SendReport {
        var report = SendReport()
        do {
            while let (posting, position, elapsed) = await source.next() {
                try Task.checkCancellation()
                let offset = options.pace.offset(position: position, elapsedMicroseconds: elapsed)
                if offset > .zero { try await Task.sleep(until: start + offset, clock: .continuous) }
                if let acknowledgement = try await post(posting, &report) { await onAcknowledged(acknowledgement) }
            }
        } catch {
            report.isCancelled = true
        }
        return report
    }

    /// Posts until the receiver takes it; nil where it never does.
    private func post(_ posting: Posting, _ report: inout SendReport) async throws -> Acknowledgement? {
        let delivery = posting.delivery
        let seed = options.faults.seed ^ UInt64(posting.index) << 8 ^ UInt64(posting.copy)
        var random = SeededGenerator(seed: seed)
        for number in 1...options.retries.maximumTryCount {
            guard let target = target(delivery) else {
                report.unregisteredCount += 1
                return nil
            }
            report.tryCount += 1
            do throws(CircleCIError) {
                let answer = try await poster.post(
                    delivery.body,
                    eventType: delivery.eventType,
                    to: target.url,
                    signing: target.signing,
                    timeout: options.timeout
                )
                report.answerCounts[answer.status, default: 0] += 1
                if answer.isAcknowledged {
                    let word = Acknowledgement.Answer(answer.body)
                    report.count(word)
                    return Acknowledgement(
                        delivery: delivery,
                        index: posting.index,
                        copy: posting.copy,
                        tryCount: number,
                        status: answer.status,
                        answer: word
                    )
                }
            } catch {
                guard error.code != .cancelled else { throw error }
                report.failureCounts[error.code, default: 0] += 1
            }
            guard number < options.retries.maximumTryCount else { break }
            try await Task.sleep(for: options.retries.delay(after: number, fraction: random.fraction()))
        }
        report.givenUpCount += 1
        return nil
    }
}

/// Hands out postings to the concurrent senders, each once.
private actor PostingSource<Deliveries: Sequence<GeneratedDelivery> & Sendable> {
    private var postings: FaultyDeliveries<Deliveries.Iterator>
    private var position = 0
    private var firstSentAt: Timestamp?

    init(_ deliveries: Deliveries, plan: FaultPlan) {
        postings = FaultyDeliveries(deliveries.makeIterator(), plan: plan)
    }

    /// The next posting, its place in the order of sending, and its time after the first one's in microseconds.
    func next() -> (Posting, position: Int, elapsedMicroseconds: Int64)? {
        guard let posting = postings.next() else { return nil }
        let sentAt = posting.delivery.sentAt
        let first = firstSentAt ?? sentAt
        firstSentAt = first
        position += 1
        return (posting, position - 1, sentAt.microseconds - first.microseconds)
    }

    func count(into report: inout SendReport) {
        report.deliveryCount = postings.deliveryCount
        report.droppedCount = postings.droppedCount
        report.duplicateCount = postings.duplicateCount
    }
}
