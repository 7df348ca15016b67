import EventLog

/// What the receiver needs of the log: an append that tells when the record is durable.
protocol DeliveryLog: Sendable {
    /// - Parameter completion: Called once, on any thread.
    func append(_ entry: LogEntry, completion: @escaping @Sendable (Result<AppendOutcome, LogError>) -> Void)
}

extension EventLog: DeliveryLog {}
