import CircleCI
import Metrics
import Wire

/// What is measured of connections and of the calls to CircleCI.
struct ConnectionMetrics: Sendable {
    private let factory: any MetricsFactory

    init(_ factory: any MetricsFactory) {
        self.factory = factory
    }

    func observe(_ observation: APIObservation) {
        switch observation {
        case .call(let endpoint, let status, let duration):
            let status = status.map(String.init) ?? "none"
            counter(MetricNames.apiCalls, [("endpoint", endpoint), ("status", status)]).increment()
            Timer(label: MetricNames.apiCallDuration.name, factory: factory)
                .recordNanoseconds(Int64(clamping: Int128(duration / .nanoseconds(1))))
        case .waited(let reason, let duration):
            FloatingPointCounter(
                label: MetricNames.apiWaits.name,
                dimensions: [("reason", reason.rawValue)],
                factory: factory
            ).increment(by: duration / .seconds(1))
        // Shown as it stands at a scrape.
        case .clock: break
        case .refused(_, let reason):
            counter(MetricNames.apiRefusals, [("reason", reason.rawValue)]).increment()
        }
    }

    func noticed(_ notice: Notice) {
        counter(MetricNames.notices, [("connection", notice.connection), ("kind", notice.kind.rawValue)]).increment()
    }

    func reconciled(_ report: ReconcileReport) {
        counter(MetricNames.reconciledEvents, [("connection", report.connection)])
            .increment(by: Int64(report.addedCount))
    }

    func settled(_ report: SettleReport) {
        for (outcome, count) in [
            ("settled", report.files.reduce(0) { $0 + $1.settled }),
            ("corrected", report.files.reduce(0) { $0 + $1.corrected }),
            ("confirmed", report.files.reduce(0) { $0 + $1.confirmed }),
            ("known", report.files.reduce(0) { $0 + $1.known }),
        ] where count > 0 {
            counter(MetricNames.settledRows, [("connection", report.connection), ("outcome", outcome)])
                .increment(by: Int64(count))
        }
    }

    func exported(_ report: ExportReport) {
        for (outcome, count) in [
            ("settled", report.exports.count), ("failed", report.failures.count), ("refused", report.isRefused ? 1 : 0),
        ] where count > 0 {
            counter(MetricNames.usageExports, [("connection", report.connection), ("outcome", outcome)])
                .increment(by: Int64(count))
        }
    }

    /// To be told before each scrape.
    func clock(aheadSeconds: Double) {
        gauge(MetricNames.clockAhead, []).record(aheadSeconds)
    }

    /// To be told before each scrape.
    func connection(_ id: String, health: ConnectionHealth, at now: Timestamp) {
        let holding = Set(health.all.map(\.state))
        for state in ConnectionCondition.State.allCases {
            gauge(MetricNames.connectionState, [("connection", id), ("state", state.rawValue)])
                .record(holding.contains(state) ? 1 : 0)
        }
        if let days = health.keyExpiry?.daysLeft(at: now) {
            gauge(MetricNames.keyDaysLeft, [("connection", id)]).record(days)
        }
    }

    /// To be told before each scrape.
    func coverage(
        _ connection: String,
        reconciledThrough: Timestamp?,
        settledThrough: Day?,
        missingCount: Int
    ) {
        if let reconciledThrough {
            gauge(MetricNames.reconciledThrough, [("connection", connection)])
                .record(Double(reconciledThrough.milliseconds) / 1000)
        }
        if let settledThrough {
            gauge(MetricNames.settledThrough, [("connection", connection)])
                .record(Double(settledThrough.advanced(by: 1).start.milliseconds) / 1000)
        }
        gauge(MetricNames.missingItems, [("connection", connection)]).record(missingCount)
    }

    private func counter(_ definition: MetricDefinition, _ labels: [(String, String)]) -> Counter {
        Counter(label: definition.name, dimensions: labels, factory: factory)
    }

    private func gauge(_ definition: MetricDefinition, _ labels: [(String, String)]) -> Gauge {
        Gauge(label: definition.name, dimensions: labels, factory: factory)
    }
}
