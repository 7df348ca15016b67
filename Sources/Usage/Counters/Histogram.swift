/// How many durations fell where: a mergeable histogram of milliseconds with a relative error of at most 1/64.
///
/// Below 64 every value is its own bucket; above, each power of two is cut into 32. Buckets of two histograms add, and
/// a count may be negative in a difference.
public struct Histogram: Equatable, Sendable {
    public struct Bucket: Equatable, Sendable {
        public var index: Int32
        public var count: Int
    }

    /// In order of index, none with a count of zero.
    public private(set) var buckets: [Bucket] = []

    public init() {}

    public var isEmpty: Bool { buckets.isEmpty }
    public var count: Int { buckets.reduce(0) { $0 + $1.count } }

    public mutating func add(milliseconds: Int, count: Int = 1) {
        add(count, at: Histogram.index(of: milliseconds))
    }

    public mutating func add(_ other: Histogram) {
        if buckets.isEmpty {
            buckets = other.buckets
        } else if other.buckets.count > buckets.count / 8 {
            merge(other)
        } else {
            for bucket in other.buckets { add(bucket.count, at: bucket.index) }
        }
    }

    /// In one pass over both.
    private mutating func merge(_ other: Histogram) {
        var merged: [Bucket] = []
        merged.reserveCapacity(buckets.count + other.buckets.count)
        var mine = 0
        for bucket in other.buckets {
            while mine < buckets.count, buckets[mine].index < bucket.index {
                merged.append(buckets[mine])
                mine += 1
            }
            guard mine < buckets.count, buckets[mine].index == bucket.index else {
                merged.append(bucket)
                continue
            }
            let count = buckets[mine].count + bucket.count
            if count != 0 { merged.append(Bucket(index: bucket.index, count: count)) }
            mine += 1
        }
        merged += buckets[mine...]
        buckets = merged
    }

    /// The duration below or at which a share of `percent` lies (nearest rank), in ms; 0 where there is none.
    public func percentile(_ percent: Int) -> Int {
        let total = count
        guard total > 0 else { return 0 }
        let rank = max(1, (total * percent + 99) / 100)
        var seen = 0
        for bucket in buckets {
            seen += bucket.count
            if seen >= rank { return Histogram.milliseconds(of: bucket.index) }
        }
        return 0
    }

    private mutating func add(_ count: Int, at index: Int32) {
        var low = 0
        var high = buckets.count
        while low < high {
            let middle = (low &+ high) / 2
            if buckets[middle].index < index { low = middle &+ 1 } else { high = middle }
        }
        guard low < buckets.count, buckets[low].index == index else {
            if count != 0 { buckets.insert(Bucket(index: index, count: count), at: low) }
            return
        }
        buckets[low].count += count
        if buckets[low].count == 0 { buckets.remove(at: low) }
    }

    static func index(of milliseconds: Int) -> Int32 {
        guard milliseconds >= 64 else { return Int32(max(0, milliseconds)) }
        let exponent = Int.bitWidth - 1 - milliseconds.leadingZeroBitCount
        return Int32(64 + (exponent - 6) * 32 + ((milliseconds >> (exponent - 5)) & 31))
    }

    /// The middle of a bucket.
    static func milliseconds(of index: Int32) -> Int {
        guard index >= 64 else { return Int(index) }
        let exponent = (Int(index) - 64) / 32 + 6
        let low = (32 + (Int(index) - 64) % 32) << (exponent - 5)
        return low + (1 << (exponent - 6))
    }
}

extension Histogram {
    /// - Parameter buckets: in order of index, none with a count of zero.
    fileprivate init(buckets: [Bucket]) {
        self.buckets = buckets
    }
}

/// Adds up many histograms, in a row of counters with a place for every bucket.
struct HistogramCounters {
    private var counts = [Int](repeating: 0, count: Histogram.maximumIndexCount)
    private var touched: ClosedRange<Int>?

    mutating func add(_ histogram: Histogram) {
        guard let first = histogram.buckets.first?.index, let last = histogram.buckets.last?.index else { return }
        for bucket in histogram.buckets { counts[Int(bucket.index)] += bucket.count }
        touched = min(Int(first), touched?.lowerBound ?? .max)...max(Int(last), touched?.upperBound ?? 0)
    }

    /// The sum of what was added since the last call.
    mutating func take() -> Histogram {
        guard let range = touched else { return Histogram() }
        touched = nil
        var buckets: [Histogram.Bucket] = []
        for index in range where counts[index] != 0 {
            buckets.append(Histogram.Bucket(index: Int32(index), count: counts[index]))
            counts[index] = 0
        }
        return Histogram(buckets: buckets)
    }
}

extension Histogram {
    /// Above every index.
    fileprivate static let maximumIndexCount = 10_000

    /// The form in which `usage.sqlite` keeps it: pairs of (index less the previous index, count), LEB128.
    public var encoded: [UInt8] {
        var bytes = ByteWriter()
        var previous: Int32 = 0
        for bucket in buckets {
            bytes.integer(UInt64(bucket.index - previous))
            bytes.integer(UInt64(bitPattern: Int64(bucket.count)))
            previous = bucket.index
        }
        return bytes.bytes
    }

    public init(encoded: [UInt8]) throws(UsageError) {
        var reader = ByteReader(bytes: encoded)
        var index: Int64 = 0
        while !reader.isAtEnd {
            let step = try reader.integer()
            guard step < Histogram.maximumIndexCount else { throw UsageError.damagedHistogram }
            index += Int64(step)
            guard index < Histogram.maximumIndexCount else { throw UsageError.damagedHistogram }
            buckets.append(Bucket(index: Int32(index), count: Int(Int64(bitPattern: try reader.integer()))))
        }
    }
}
