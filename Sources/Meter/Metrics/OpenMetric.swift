import Metrics
import Synchronization

/// A metric that can show itself.
protocol OpenMetric: AnyObject, Sendable {
    /// - Parameter labels: As ``OpenMetricsText/labels(_:)`` writes them, without braces.
    func append(to text: inout OpenMetricsText, _ name: String, _ labels: String)
}

final class OpenMetricsCounter: OpenMetric, CounterHandler {
    private let value = Atomic<Int64>(0)

    /// Less than nothing is not added: a counter only grows.
    func increment(by amount: Int64) {
        value.wrappingAdd(max(0, amount), ordering: .relaxed)
    }

    func reset() {
        value.store(0, ordering: .relaxed)
    }

    func append(to text: inout OpenMetricsText, _ name: String, _ labels: String) {
        text.append("\(name)_total", labels, String(value.load(ordering: .relaxed)))
    }
}

final class OpenMetricsFloatingPointCounter: OpenMetric, FloatingPointCounterHandler {
    private let value = Mutex<Double>(0)

    func increment(by amount: Double) {
        guard amount.isFinite, amount > 0 else { return }
        value.withLock { $0 += amount }
    }

    func reset() {
        value.withLock { $0 = 0 }
    }

    func append(to text: inout OpenMetricsText, _ name: String, _ labels: String) {
        text.append("\(name)_total", labels, OpenMetricsText.number(value.withLock { $0 }))
    }
}

final class OpenMetricsGauge: OpenMetric, MeterHandler, RecorderHandler {
    private let value = Mutex<Double>(0)

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { self.value.withLock { $0 = value } }
    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func decrement(by amount: Double) { value.withLock { $0 -= amount } }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }

    func append(to text: inout OpenMetricsText, _ name: String, _ labels: String) {
        text.append(name, labels, OpenMetricsText.number(value.withLock { $0 }))
    }
}

final class OpenMetricsHistogram: OpenMetric, TimerHandler, RecorderHandler {
    static let plainBuckets: [Double] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000, 100_000]

    private struct State {
        /// One for each bound and one beyond them all.
        var counts: [Int64]
        var sum = 0.0
    }

    private let bounds: [Double]
    private let state: Mutex<State>

    init(_ bounds: [Double]) {
        self.bounds = bounds
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        // A sum of a histogram cannot be taken back, nor mean anything with less than nothing in it.
        guard value.isFinite, value >= 0 else { return }
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.counts[bucket] += 1
            state.sum += value
        }
    }

    func append(to text: inout OpenMetricsText, _ name: String, _ labels: String) {
        let (counts, sum) = state.withLock { ($0.counts, $0.sum) }
        let prefix = labels.isEmpty ? "" : labels + ","
        var count: Int64 = 0
        for (index, bucketCount) in counts.enumerated() {
            count += bucketCount
            let bound = index < bounds.count ? OpenMetricsText.number(bounds[index]) : "+Inf"
            text.append("\(name)_bucket", "\(prefix)le=\"\(bound)\"", String(count))
        }
        text.append("\(name)_count", labels, String(count))
        text.append("\(name)_sum", labels, OpenMetricsText.number(sum))
    }
}
