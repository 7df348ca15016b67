import Metrics

/// What is measured of the log and of the projection that follows it.
struct LogMetrics: Sendable {
    private let appendTimer: Timer
    private let syncTimer: Timer
    private let sequenceGauge: Gauge
    private let segmentsGauge: Gauge
    private let sizeGauge: Gauge
    private let queuedGauge: Gauge
    private let lagRecordsGauge: Gauge
    private let lagSecondsGauge: Gauge

    init(_ factory: any MetricsFactory) {
        func gauge(_ definition: MetricDefinition) -> Gauge { Gauge(label: definition.name, factory: factory) }
        appendTimer = Timer(label: MetricNames.logAppendDuration.name, factory: factory)
        syncTimer = Timer(label: MetricNames.logSyncDuration.name, factory: factory)
        sequenceGauge = gauge(MetricNames.logSequence)
        segmentsGauge = gauge(MetricNames.logSegments)
        sizeGauge = gauge(MetricNames.logSize)
        queuedGauge = gauge(MetricNames.logQueued)
        lagRecordsGauge = gauge(MetricNames.projectionLagRecords)
        lagSecondsGauge = gauge(MetricNames.projectionLagSeconds)
    }

    func appended(durationNanoseconds: Int64) { appendTimer.recordNanoseconds(durationNanoseconds) }

    func synced(durationNanoseconds: Int64) { syncTimer.recordNanoseconds(durationNanoseconds) }

    /// To be told before each scrape.
    func log(sequence: Int, segmentCount: Int, sizeBytes: Int, queuedBytes: Int) {
        sequenceGauge.record(sequence)
        segmentsGauge.record(segmentCount)
        sizeGauge.record(sizeBytes)
        queuedGauge.record(queuedBytes)
    }

    /// To be told before each scrape.
    func projection(lagRecords: Int, lagSeconds: Double) {
        lagRecordsGauge.record(lagRecords)
        lagSecondsGauge.record(lagSeconds)
    }
}
