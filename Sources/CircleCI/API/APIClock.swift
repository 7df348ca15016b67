import Foundation
public import Wire

/// Time as the client and the budget see it, so that tests drive it without waiting. How long a call may take at most
/// is not measured by it: the network runs on the machine's own time.
public struct APIClock: Sendable {
    /// A monotonic instant.
    public var now: @Sendable () -> ContinuousClock.Instant
    /// The wall clock, for what is shown to people and for a `Retry-After` that names a date.
    public var wallTime: @Sendable () -> Timestamp
    /// Throws only where the task is cancelled.
    public var sleep: @Sendable (Duration) async throws -> Void

    public init(
        now: @escaping @Sendable () -> ContinuousClock.Instant,
        wallTime: @escaping @Sendable () -> Timestamp,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.now = now
        self.wallTime = wallTime
        self.sleep = sleep
    }

    public static let system = APIClock(
        now: { ContinuousClock.now },
        wallTime: { Timestamp(microseconds: Int64((Date().timeIntervalSince1970 * 1_000_000).rounded())) },
        sleep: { try await Task.sleep(for: $0) }
    )
}
