/// A metric as `/metrics` shows it.
struct MetricDefinition: Sendable {
    enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    /// The family's name: unit last, no `_total`.
    let name: String
    let kind: Kind
    /// The name's last word where that is a unit.
    let unit: String?
    let help: String
    /// Upper bounds of a histogram's buckets, growing, without infinity.
    let buckets: [Double]

    init(_ name: String, _ kind: Kind, unit: String? = nil, _ help: String, buckets: [Double] = []) {
        precondition(unit.map { name.hasSuffix("_\($0)") } ?? true, "\(name) ends with another unit")
        self.name = name
        self.kind = kind
        self.unit = unit
        self.help = help
        self.buckets = buckets
    }
}

/// The name of every metric. Names and labels are a contract with dashboards and alarms.
enum MetricNames {
    /// Labels: `outcome` is `accepted`, `duplicate`, `quarantined` or `rejected`; `reason` is the error's code where
    /// rejected.
    static let deliveries = MetricDefinition(
        "circlemeter_deliveries",
        .counter,
        "Requests to the public listener, by outcome; rejected ones by reason."
    )
    /// Labels: `outcome` is `kept`, `repeated`, `implausible`, `busy` or `failed`.
    static let refusedDeliveries = MetricDefinition(
        "circlemeter_refused_deliveries",
        .counter,
        "Deliveries whose signature fits no secret, by whether they were kept for a retry."
    )
    static let logAppendDuration = MetricDefinition(
        "circlemeter_log_append_duration_seconds",
        .histogram,
        unit: "seconds",
        "Time from the receipt of a batch to its being durable.",
        buckets: durations
    )
    static let logSyncDuration = MetricDefinition(
        "circlemeter_log_sync_duration_seconds",
        .histogram,
        unit: "seconds",
        "Time that a sync of the log took.",
        buckets: durations
    )
    static let logSequence = MetricDefinition(
        "circlemeter_log_sequence",
        .gauge,
        "Sequence number of the last durable record."
    )
    static let logSegments = MetricDefinition(
        "circlemeter_log_segments",
        .gauge,
        "Segment files of the log."
    )
    static let logSize = MetricDefinition(
        "circlemeter_log_size_bytes",
        .gauge,
        unit: "bytes",
        "Size of the log's segment files."
    )
    static let logQueued = MetricDefinition(
        "circlemeter_log_queued_bytes",
        .gauge,
        unit: "bytes",
        "Deliveries waiting to be written to the log."
    )
    static let projectionLagRecords = MetricDefinition(
        "circlemeter_projection_lag_records",
        .gauge,
        unit: "records",
        "Durable records that the snapshot does not hold yet."
    )
    static let projectionLagSeconds = MetricDefinition(
        "circlemeter_projection_lag_seconds",
        .gauge,
        unit: "seconds",
        "Age of the oldest durable record that the snapshot does not hold yet; 0 where it holds all."
    )
    /// `state` is one of the connection's states: 1 where it holds, 0 where it does not; several can hold at once.
    static let connectionState = MetricDefinition(
        "circlemeter_connection_state",
        .gauge,
        "Whether a state of a connection holds: connected, expiring, silent, limited, rate_limited, unreachable, "
            + "reconnect_required."
    )
    static let keyDaysLeft = MetricDefinition(
        "circlemeter_api_key_expiry_days",
        .gauge,
        unit: "days",
        "Days until the API key of a connection expires, by the date that was entered."
    )
    static let reconciledThrough = MetricDefinition(
        "circlemeter_reconciled_through_timestamp_seconds",
        .gauge,
        unit: "seconds",
        "Unix time through which every project of a connection is compared with CircleCI."
    )
    static let missingItems = MetricDefinition(
        "circlemeter_missing_items",
        .gauge,
        "Pipelines and workflows that CircleCI names and that could not be fetched."
    )
    static let reconciledEvents = MetricDefinition(
        "circlemeter_reconciled_events",
        .counter,
        "Events that no webhook told and the API did."
    )
    /// `outcome` is `settled`, `corrected`, `confirmed` or `known`.
    static let settledRows = MetricDefinition(
        "circlemeter_settled_rows",
        .counter,
        "Rows of usage exports, by what they brought."
    )
    /// `outcome` is `settled`, `failed` or `refused`.
    static let usageExports = MetricDefinition(
        "circlemeter_usage_exports",
        .counter,
        "Usage exports that were asked of CircleCI, by what came of them."
    )
    static let settledThrough = MetricDefinition(
        "circlemeter_settled_through_timestamp_seconds",
        .gauge,
        unit: "seconds",
        "Unix time through which all usage of a connection is settled."
    )
    /// `status` is `none` where no answer came.
    static let apiCalls = MetricDefinition(
        "circlemeter_api_calls",
        .counter,
        "Calls to CircleCI's API, by endpoint and status."
    )
    static let apiCallDuration = MetricDefinition(
        "circlemeter_api_call_duration_seconds",
        .histogram,
        unit: "seconds",
        "Time that a call to CircleCI's API took.",
        buckets: durations
    )
    static let apiWaits = MetricDefinition(
        "circlemeter_api_wait_seconds",
        .counter,
        unit: "seconds",
        "Time that calls waited before they were sent, by reason."
    )
    static let apiRefusals = MetricDefinition(
        "circlemeter_api_refusals",
        .counter,
        "Calls that were not sent because they would have had to wait too long, by reason."
    )
    static let clockAhead = MetricDefinition(
        "circlemeter_clock_ahead_seconds",
        .gauge,
        unit: "seconds",
        "How far the clock here is ahead of CircleCI's, by its API's latest answer; negative: behind."
    )
    static let notices = MetricDefinition(
        "circlemeter_notices",
        .counter,
        "Notices to people about a connection, by kind."
    )
    static let overflows = MetricDefinition(
        "circlemeter_metrics_overflow",
        .counter,
        "Metrics that were merged into one with every label 'other', since their family had too many."
    )

    static let all = [
        deliveries, refusedDeliveries, logAppendDuration, logSyncDuration, logSequence, logSegments, logSize, logQueued,
        projectionLagRecords, projectionLagSeconds, connectionState, keyDaysLeft, reconciledThrough, missingItems,
        reconciledEvents, settledRows, usageExports, settledThrough, apiCalls, apiCallDuration, apiWaits, apiRefusals,
        clockAhead, notices, overflows,
    ]

    /// Seconds: half a millisecond to ten seconds, at which CircleCI gives up.
    static let durations: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]
}
