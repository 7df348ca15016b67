import AsyncHTTPClient
import CircleCI
import Synchronization
public import Wire

/// What became of the deliveries of a while.
public struct SiteSendReport: Sendable {
    public var counts = SendReport()
    /// What the receivers took: 2xx.
    public var acknowledged: Set<DeliveredEvent> = []
    /// Events for which no webhook was registered when they were due: nobody is ever told.
    public var unheardCount = 0

    public init() {}
}

extension FakeSite {
    /// Posts what became due since the last time, up to `instant`, to the webhooks that are registered, each signed with
    /// its webhook's own secret, and lets the clock go along: to each delivery's time as it is posted, and to `instant`
    /// in the end. An event from before its webhook was created is not sent, nor is one whose type it does not want.
    ///
    /// One at a time. With a pace of ``Pace/timeline(speed:)`` this is a site at work.
    ///
    /// - Parameters:
    ///   - sending: Concurrency, pace, faults on the way, retries. The faults' seed counts up with each use.
    ///   - onAcknowledged: Called for each delivery that was taken, from several tasks at once.
    /// - Returns: What became of them; ``truth(except:)`` counts what was acknowledged.
    @discardableResult
    public func deliver(
        through instant: Timestamp,
        _ sending: WebhookSender.Options = WebhookSender.Options(),
        onAcknowledged: @escaping @Sendable (Acknowledgement) async -> Void = { _ in }
    ) async -> SiteSendReport {
        var sending = sending
        let (useCount, unheardBefore) = state.withLock { state in
            state.deliveries.useCount += 1
            return (state.deliveries.useCount, state.deliveries.unheardCount)
        }
        sending.faults.seed &+= UInt64(useCount - 1)
        // The site's own: nothing of it is left once all is sent.
        let client = HTTPClient(configuration: WebhookPoster.clientConfiguration(concurrency: sending.concurrency))
        let sender = WebhookSender(poster: WebhookPoster(client: client), options: sending) { [self] delivery in
            target(of: delivery)
        }
        let acknowledged = Mutex<Set<DeliveredEvent>>([])
        let counts = await sender.send(SiteDeliveries(site: self, through: instant)) { [self] acknowledgement in
            let delivery = acknowledgement.delivery
            let event = DeliveredEvent(webhookID: delivery.webhookID, eventID: delivery.eventID)
            acknowledged.withLock { _ = $0.insert(event) }
            state.withLock { _ = $0.acknowledged.insert(event) }
            await onAcknowledged(acknowledgement)
        }
        try? await client.shutdown()
        if !counts.isCancelled { advance(to: instant) }
        let unheard = state.withLock { $0.deliveries.unheardCount } - unheardBefore
        var report = SiteSendReport()
        report.counts = counts
        report.acknowledged = acknowledged.withLock { $0 }
        report.unheardCount = unheard
        return report
    }

    /// Lets time pass up to `instant`, in which nothing is posted: what is due until then never will be.
    public func skipDeliveries(through instant: Timestamp) {
        while nextDelivery(through: instant) != nil {}
        advance(to: instant)
    }

    /// When the next event is due for which a webhook may be registered then; nil after the last.
    public var nextDue: Timestamp? { state.withLock { $0.deliveries.next?.sentAt } }

    /// What all receivers have taken since the start.
    public var acknowledged: Set<DeliveredEvent> { state.withLock { $0.acknowledged } }

    /// The next delivery that is due by `instant` and that a webhook wants.
    fileprivate func nextDelivery(through instant: Timestamp) -> GeneratedDelivery? {
        state.withLock { state in
            while let delivery = state.deliveries.next, delivery.sentAt <= instant {
                state.deliveries.advance()
                guard let hook = state.hooks[delivery.webhookID], hook.createdAt <= delivery.sentAt else {
                    state.deliveries.unheardCount += 1
                    continue
                }
                if hook.wants(delivery.eventType) { return delivery }
            }
            return nil
        }
    }

    /// Where a delivery goes, and how it is signed, at this moment; nil once its webhook is deleted.
    private func target(of delivery: GeneratedDelivery) -> WebhookSender.Target? {
        state.withLock { state in
            state.advance(to: delivery.sentAt)
            guard let hook = state.hooks[delivery.webhookID] else { return nil }
            let secret = try? WebhookSecret(Array(hook.secret.utf8))
            return WebhookSender.Target(url: hook.url, signing: secret.map { .secret($0) } ?? .unsigned)
        }
    }
}

/// The history's deliveries, and how far they are handed out.
struct SiteDeliveryCursor: Sendable {
    private var rest: FakeDeliveries.Iterator
    private(set) var next: GeneratedDelivery?
    var unheardCount = 0
    var useCount = 0

    init(_ deliveries: FakeDeliveries.Iterator) {
        rest = deliveries
        next = rest.next()
    }

    mutating func advance() {
        next = rest.next()
    }
}

/// What is due by an instant, as the sender takes it.
private struct SiteDeliveries: Sequence, Sendable {
    let site: FakeSite
    let through: Timestamp

    func makeIterator() -> Iterator { Iterator(site: site, through: through) }

    struct Iterator: IteratorProtocol, Sendable {
        let site: FakeSite
        let through: Timestamp

        func next() -> GeneratedDelivery? { site.nextDelivery(through: through) }
    }
}
