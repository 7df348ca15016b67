/// A set of positive numbers that mostly follow each other, held as ranges. CircleCI numbers a project's jobs one by one,
/// so what lies between its ranges was never told.
public struct NumberSet: Hashable, Sendable {
    /// Ascending, disjoint, never touching.
    public private(set) var ranges: [ClosedRange<UInt32>] = []

    public init() {}

    /// Adds a number; false where it was there.
    @discardableResult
    public mutating func insert(_ number: UInt32) -> Bool {
        // The next one, nearly always.
        if let last = ranges.last, number == last.upperBound &+ 1, number != 0 {
            ranges[ranges.count - 1] = last.lowerBound...number
            return true
        }
        let index = firstIndex(endingAtOrAfter: number)
        if index < ranges.count, ranges[index].contains(number) { return false }
        let joinsBefore = index > 0 && ranges[index - 1].upperBound &+ 1 == number
        let joinsAfter = index < ranges.count && ranges[index].lowerBound == number &+ 1
        switch (joinsBefore, joinsAfter) {
        case (true, true):
            ranges[index - 1] = ranges[index - 1].lowerBound...ranges[index].upperBound
            ranges.remove(at: index)
        case (true, false): ranges[index - 1] = ranges[index - 1].lowerBound...number
        case (false, true): ranges[index] = number...ranges[index].upperBound
        case (false, false): ranges.insert(number...number, at: index)
        }
        return true
    }

    public func contains(_ number: UInt32) -> Bool {
        let index = firstIndex(endingAtOrAfter: number)
        return index < ranges.count && ranges[index].contains(number)
    }

    /// The greatest number; nil where there is none.
    public var maximum: UInt32? { ranges.last?.upperBound }

    /// Numbers that lie between others and are not there, ascending, at most so many.
    public func gaps(limit: Int) -> [UInt32] {
        var gaps: [UInt32] = []
        for (before, after) in zip(ranges, ranges.dropFirst()) {
            for number in (before.upperBound + 1)..<after.lowerBound {
                guard gaps.count < limit else { return gaps }
                gaps.append(number)
            }
        }
        return gaps
    }

    /// How many numbers lie between others and are not there.
    public var gapCount: Int {
        zip(ranges, ranges.dropFirst()).reduce(0) { $0 + Int($1.1.lowerBound - $1.0.upperBound) - 1 }
    }

    private func firstIndex(endingAtOrAfter number: UInt32) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < number { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension NumberSet {
    /// The stored form.
    public var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.integer(UInt64(ranges.count))
        var last: UInt32 = 0
        for range in ranges {
            writer.integer(UInt64(range.lowerBound - last))
            writer.integer(UInt64(range.upperBound - range.lowerBound))
            last = range.upperBound
        }
        return writer.bytes
    }

    public init(encoded bytes: [UInt8]) throws(UsageError) {
        var reader = ByteReader(bytes: bytes)
        var last: UInt64 = 0
        for _ in 0..<(try reader.count()) {
            let first = last &+ (try reader.integer())
            last = first &+ (try reader.integer())
            guard first <= last, last <= UInt64(UInt32.max) else { throw UsageError.damagedPartition }
            ranges.append(UInt32(first)...UInt32(last))
        }
    }
}
