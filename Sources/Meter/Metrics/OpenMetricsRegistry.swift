import Metrics
import Synchronization

/// Keeps metrics and writes them in the OpenMetrics 1.0 text format, as a factory that is handed to whoever counts.
///
/// Timers are histograms in seconds; recorders that aggregate are histograms of plain numbers; the other recorders and
/// meters are gauges. A family holds a bounded number of label sets: further ones are counted together under the value
/// `other` of every label, so that no input can make the registry grow without end.
final class OpenMetricsRegistry: MetricsFactory {
    static let contentType = "application/openmetrics-text; version=1.0.0; charset=utf-8"

    typealias Labels = [(String, String)]

    /// One family: a name, and a metric for each set of labels.
    struct Family {
        let definition: MetricDefinition
        var metrics: [String: any OpenMetric] = [:]
    }

    private let families: Mutex<[String: Family]>
    private let definitions: [String: MetricDefinition]
    private let maximumLabelSets: Int
    private let overflows: OpenMetricsCounter

    /// - Parameters:
    ///   - definitions: Tell help, unit and buckets of the names that are known. Other names are taken as well.
    ///   - maximumLabelSets: For one family.
    init(definitions: [MetricDefinition] = MetricNames.all, maximumLabelSets: Int = 2000) {
        self.definitions = Dictionary(uniqueKeysWithValues: definitions.map { ($0.name, $0) })
        self.maximumLabelSets = maximumLabelSets
        overflows = OpenMetricsCounter()
        families = Mutex([
            MetricNames.overflows.name: Family(definition: MetricNames.overflows, metrics: ["": overflows])
        ])
    }

    /// Everything, as ``contentType`` says. Families and label sets are sorted, so the order does not change between
    /// scrapes.
    func exposition() -> String {
        let families = families.withLock { $0 }
        var text = OpenMetricsText()
        for (_, family) in families.sorted(by: { $0.key < $1.key }) {
            text.append(family.definition)
            for (labels, metric) in family.metrics.sorted(by: { $0.key < $1.key }) {
                metric.append(to: &text, family.definition.name, labels)
            }
        }
        return text.finish()
    }

    func makeCounter(label: String, dimensions: Labels) -> any CounterHandler {
        metric(label, dimensions, .counter) { _ in OpenMetricsCounter() }
    }

    func makeFloatingPointCounter(label: String, dimensions: Labels) -> any FloatingPointCounterHandler {
        metric(label, dimensions, .counter) { _ in OpenMetricsFloatingPointCounter() }
    }

    func makeMeter(label: String, dimensions: Labels) -> any MeterHandler {
        metric(label, dimensions, .gauge) { _ in OpenMetricsGauge() }
    }

    func makeRecorder(label: String, dimensions: Labels, aggregate: Bool) -> any RecorderHandler {
        aggregate
            ? metric(label, dimensions, .histogram) { OpenMetricsHistogram($0.buckets) }
            : metric(label, dimensions, .gauge) { _ in OpenMetricsGauge() }
    }

    func makeTimer(label: String, dimensions: Labels) -> any TimerHandler {
        metric(label, dimensions, .histogram) { OpenMetricsHistogram($0.buckets) }
    }

    // A metric stays until the process ends: the names are few and known, and one that goes takes its sum with it.
    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    func destroyMeter(_ handler: any MeterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}

    /// The metric of that name and those labels, made where there is none. A name that is another kind of metric
    /// already gets one that is not shown: two kinds under one name would make the whole exposition unreadable.
    private func metric<Metric: OpenMetric>(
        _ label: String,
        _ dimensions: Labels,
        _ kind: MetricDefinition.Kind,
        _ make: (MetricDefinition) -> Metric
    ) -> Metric {
        let name = OpenMetricsText.familyName(label)
        return families.withLock { families in
            var family = families[name] ?? Family(definition: definition(name, kind))
            var key = OpenMetricsText.labels(dimensions)
            if let metric = family.metrics[key] { return metric as? Metric ?? make(family.definition) }
            guard family.definition.kind == kind else { return make(family.definition) }
            if !dimensions.isEmpty, family.metrics.count >= maximumLabelSets {
                overflows.increment(by: 1)
                key = OpenMetricsText.labels(dimensions.map { ($0.0, "other") })
                if let metric = family.metrics[key] { return metric as? Metric ?? make(family.definition) }
            }
            let metric = make(family.definition)
            family.metrics[key] = metric
            families[name] = family
            return metric
        }
    }

    private func definition(_ name: String, _ kind: MetricDefinition.Kind) -> MetricDefinition {
        if let definition = definitions[name] { return definition }
        let isSeconds = name.hasSuffix("_seconds")
        return MetricDefinition(
            name,
            kind,
            unit: isSeconds ? "seconds" : nil,
            "",
            buckets: isSeconds ? MetricNames.durations : OpenMetricsHistogram.plainBuckets
        )
    }
}
