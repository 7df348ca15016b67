import Metrics
import Testing

@testable import Meter

@Suite("The metrics registry")
struct OpenMetricsTests {
    @Test("Counters, gauges and histograms come out as OpenMetrics writes them")
    func exposition() {
        let registry = OpenMetricsRegistry(definitions: [
            MetricDefinition("circlemeter_deliveries", .counter, "Deliveries."),
            MetricDefinition("circlemeter_log_size_bytes", .gauge, unit: "bytes", "Size."),
            MetricDefinition("circlemeter_sync_seconds", .histogram, unit: "seconds", "Time.", buckets: [0.001, 1]),
        ])
        let accepted = Counter(
            label: "circlemeter_deliveries",
            dimensions: [("outcome", "accepted")],
            factory: registry
        )
        accepted.increment(by: 3)
        Counter(
            label: "circlemeter_deliveries_total",
            dimensions: [("reason", "signature_missing"), ("outcome", "rejected")],
            factory: registry
        ).increment()
        Gauge(label: "circlemeter_log_size_bytes", factory: registry).record(1 << 20)
        let timer = Timer(label: "circlemeter_sync_seconds", factory: registry)
        timer.recordNanoseconds(1_000_000)
        timer.recordMilliseconds(250)
        timer.recordSeconds(2)
        #expect(
            registry.exposition() == """
                # TYPE circlemeter_deliveries counter
                # HELP circlemeter_deliveries Deliveries.
                circlemeter_deliveries_total{outcome="accepted"} 3
                circlemeter_deliveries_total{outcome="rejected",reason="signature_missing"} 1
                # TYPE circlemeter_log_size_bytes gauge
                # UNIT circlemeter_log_size_bytes bytes
                # HELP circlemeter_log_size_bytes Size.
                circlemeter_log_size_bytes 1048576.0
                # TYPE circlemeter_metrics_overflow counter
                # HELP circlemeter_metrics_overflow Metrics that were merged into one with every label 'other', since \
                their family had too many.
                circlemeter_metrics_overflow_total 0
                # TYPE circlemeter_sync_seconds histogram
                # UNIT circlemeter_sync_seconds seconds
                # HELP circlemeter_sync_seconds Time.
                circlemeter_sync_seconds_bucket{le="0.001"} 1
                circlemeter_sync_seconds_bucket{le="1.0"} 2
                circlemeter_sync_seconds_bucket{le="+Inf"} 3
                circlemeter_sync_seconds_count 3
                circlemeter_sync_seconds_sum 2.251
                # EOF

                """
        )
    }

    @Test("Backslashes, quotes and line feeds in label values are escaped, also where marks combine with them")
    func escaping() {
        let registry = OpenMetricsRegistry(definitions: [])
        Counter(label: "c", dimensions: [("l", "a\\b\"c\nd\"\u{301}")], factory: registry).increment()
        #expect(registry.exposition().contains(#"c_total{l="a\\b\"c\nd\"# + "\"\u{301}\"} 1\n"))
    }

    @Test("Names that OpenMetrics does not know become ones that it does")
    func names() {
        let registry = OpenMetricsRegistry(definitions: [])
        Counter(label: "hb.requests-total 2_total", dimensions: [("1 a:b", "x")], factory: registry).increment()
        #expect(registry.exposition().contains("hb_requests_total_2_total{_1_a_b=\"x\"} 1\n"))
    }

    @Test("The same name and labels, in any order, are one metric")
    func identity() {
        let registry = OpenMetricsRegistry(definitions: [])
        Counter(label: "c", dimensions: [("a", "1"), ("b", "2")], factory: registry).increment()
        Counter(label: "c", dimensions: [("b", "2"), ("a", "1")], factory: registry).increment()
        #expect(registry.exposition().contains("c_total{a=\"1\",b=\"2\"} 2\n"))
    }

    @Test("A family holds so many label sets and no more; the rest counts as other")
    func boundedLabels() {
        let registry = OpenMetricsRegistry(definitions: [], maximumLabelSets: 10)
        for index in 0..<1000 {
            Counter(label: "c", dimensions: [("l", "\(index)")], factory: registry).increment()
        }
        let lines = registry.exposition().split(separator: "\n").filter { $0.hasPrefix("c_total") }
        #expect(lines.count == 11)
        #expect(lines.contains("c_total{l=\"other\"} 990"))
        #expect(registry.exposition().contains("circlemeter_metrics_overflow_total 990\n"))
    }

    @Test("A name used for two kinds keeps the first, and the exposition stays whole")
    func twoKinds() {
        let registry = OpenMetricsRegistry(definitions: [])
        Counter(label: "x", factory: registry).increment()
        Gauge(label: "x", factory: registry).record(5)
        Timer(label: "x", dimensions: [("l", "v")], factory: registry).recordSeconds(1)
        let lines = registry.exposition().split(separator: "\n").filter { !$0.contains("circlemeter_") }
        #expect(lines == ["# TYPE x counter", "x_total 1", "# EOF"])
    }

    @Test("Durations below zero and numbers that are none leave a histogram as it is")
    func strangeValues() {
        let registry = OpenMetricsRegistry(definitions: [])
        let timer = Timer(label: "t_seconds", factory: registry)
        timer.recordNanoseconds(-1)
        let recorder = Recorder(label: "r", factory: registry)
        recorder.record(Double.nan)
        recorder.record(Double.infinity)
        #expect(registry.exposition().contains("t_seconds_count 0\n"))
        #expect(registry.exposition().contains("r_count 0\n"))
    }

    @Test("Nothing is lost when many count at once")
    func concurrency() async {
        let registry = OpenMetricsRegistry(definitions: [])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 {
                        Counter(label: "c", factory: registry).increment()
                        Timer(label: "t", factory: registry).recordSeconds(1)
                    }
                }
            }
        }
        #expect(registry.exposition().contains("c_total 8000\n"))
        #expect(registry.exposition().contains("t_count 8000\n"))
        #expect(registry.exposition().contains("t_sum 8000.0\n"))
    }

    @Test("Every name of the service begins with circlemeter_, ends with its unit and comes once")
    func metricNames() {
        #expect(Set(MetricNames.all.map(\.name)).count == MetricNames.all.count)
        for definition in MetricNames.all {
            #expect(definition.name.hasPrefix("circlemeter_"))
            #expect(!definition.name.hasSuffix("_total"))
            #expect(definition.name.utf8.allSatisfy { $0 == UInt8(ascii: "_") || (97...122).contains($0) })
            #expect(definition.buckets == definition.buckets.sorted())
            #expect(definition.help.hasSuffix("."))
        }
    }
}
