import Foundation
import Synchronization

/// Reads the projection's lag from `/metrics` again and again, on a thread of its own.
final class LagSampler: Sendable {
    private static let metric = "circlemeter_projection_lag_seconds "
    private static let intervalMicroseconds: UInt32 = 100_000

    private let isDone = Atomic(false)
    private let samples = Mutex<Result<[Double], any Error>>(.success([]))
    private let ended = DispatchSemaphore(value: 0)

    init(port: Int, token: String) throws {
        Thread.detachNewThread { [self] in
            let result = Result { try sample(port, token) }
            samples.withLock { $0 = result }
            ended.signal()
        }
    }

    /// - Returns: the samples so far, in seconds.
    func stop() throws -> [Double] {
        isDone.store(true, ordering: .relaxed)
        ended.wait()
        return try samples.withLock { try $0.get() }
    }

    private func sample(_ port: Int, _ token: String) throws -> [Double] {
        let client = try PageClient(port: port, token: token)
        var lags: [Double] = []
        while !isDone.load(ordering: .relaxed) {
            let text = try client.get("/metrics").text
            let line = text.split(separator: "\n").first { $0.hasPrefix(LagSampler.metric) }
            guard let lag = line.flatMap({ Double($0.dropFirst(LagSampler.metric.count)) }) else {
                throw BenchFailure("/metrics does not tell the projection's lag")
            }
            lags.append(lag)
            usleep(LagSampler.intervalMicroseconds)
        }
        return lags
    }
}
