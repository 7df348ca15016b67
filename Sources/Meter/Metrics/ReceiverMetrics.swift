import Metrics

/// What the public listener counts.
struct ReceiverMetrics: Sendable {
    private let factory: any MetricsFactory
    private let acceptedCounter: Counter
    private let duplicateCounter: Counter
    private let quarantinedCounter: Counter

    init(_ factory: any MetricsFactory) {
        self.factory = factory
        func counter(_ outcome: String) -> Counter {
            Counter(label: MetricNames.deliveries.name, dimensions: [("outcome", outcome)], factory: factory)
        }
        acceptedCounter = counter("accepted")
        duplicateCounter = counter("duplicate")
        quarantinedCounter = counter("quarantined")
    }

    func accepted() { acceptedCounter.increment() }

    func duplicate() { duplicateCounter.increment() }

    func quarantined() { quarantinedCounter.increment() }

    /// - Parameter reason: The error's code.
    func rejected(_ reason: String) {
        Counter(
            label: MetricNames.deliveries.name,
            dimensions: [("outcome", "rejected"), ("reason", reason)],
            factory: factory
        ).increment()
    }
}

/// What became of deliveries whose signature fits no secret.
struct RefusedMetrics: Sendable {
    private let counters: [RefusedDeliveries.Outcome: Counter]

    init(_ factory: any MetricsFactory) {
        let counters = RefusedDeliveries.Outcome.allCases.map { outcome in
            let dimensions = [("outcome", outcome.rawValue)]
            return (
                outcome,
                Counter(label: MetricNames.refusedDeliveries.name, dimensions: dimensions, factory: factory)
            )
        }
        self.counters = Dictionary(uniqueKeysWithValues: counters)
    }

    func offered(_ outcome: RefusedDeliveries.Outcome) { counters[outcome]?.increment() }
}
