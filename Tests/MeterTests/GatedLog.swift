import EventLog

@testable import Meter

/// A log on which nothing becomes durable until it is opened.
final class GatedLog: DeliveryLog {
    private let (arrivals, arrived) = AsyncStream<Void>.makeStream()
    private let (gate, opened) = AsyncStream<Void>.makeStream()

    func arrival() async { for await _ in arrivals { return } }

    func open() { opened.finish() }

    func append(_ entry: LogEntry, completion: @escaping @Sendable (Result<AppendOutcome, LogError>) -> Void) {
        arrived.yield()
        Task {
            for await _ in gate {}
            completion(.success(.accepted(sequence: 1)))
        }
    }
}
