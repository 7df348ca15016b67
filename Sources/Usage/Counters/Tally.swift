/// The values of one row, or a change of them. The order of the values is that of ``UsageTable/valueColumns``.
public struct Tally: Equatable, Sendable {
    /// As many values as the widest table has.
    public static let maximumValueCount = 11

    private var storage = InlineArray<11, Int>(repeating: 0)
    public var durations = Histogram()

    public init() {}

    public init(values: some Sequence<Int>, durations: Histogram = Histogram()) {
        for (column, value) in values.enumerated() { storage[column] = value }
        self.durations = durations
    }

    public subscript(column: Int) -> Int {
        get { storage[column] }
        set { storage[column] = newValue }
    }

    public mutating func add(_ other: Tally) {
        for column in 0..<Tally.maximumValueCount { storage[column] += other.storage[column] }
        if !other.durations.isEmpty { durations.add(other.durations) }
    }

    public var isZero: Bool {
        for column in 0..<Tally.maximumValueCount where storage[column] != 0 { return false }
        return durations.isEmpty
    }

    public static func == (first: Tally, second: Tally) -> Bool {
        for column in 0..<maximumValueCount where first.storage[column] != second.storage[column] { return false }
        return first.durations == second.durations
    }
}
