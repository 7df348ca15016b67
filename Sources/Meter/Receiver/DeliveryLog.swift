import EventLog

/// What the receiver needs of the log: an append that returns when the record is durable.
protocol DeliveryLog: Sendable {
    func append(_ entry: LogEntry) async throws(LogError) -> AppendOutcome
}

extension EventLog: DeliveryLog {}
