import Wire

// The standard library's `random(in:using:)` does not promise the same numbers in each release; these do.
extension SeededGenerator {
    /// A number from 0 up to but not including 1.
    mutating func fraction() -> Double {
        Double(next() >> 11) * 0x1p-53
    }

    /// True with the given probability. Draws in any case, so that a rate of 0 shifts nothing that follows.
    mutating func chance(_ probability: Double) -> Bool {
        fraction() < probability
    }

    mutating func integer(in range: ClosedRange<Int>) -> Int {
        let width = UInt64(range.upperBound - range.lowerBound) + 1
        return range.lowerBound + Int(next().multipliedFullWidth(by: width).high)
    }

    mutating func element<Element>(of elements: [Element]) -> Element {
        elements[integer(in: 0...(elements.count - 1))]
    }

    /// The numbers from 0 up to but not including `count`, in an order of their own.
    mutating func permutation(_ count: Int) -> [Int] {
        var order = Array(0..<count)
        for index in stride(from: count - 1, to: 0, by: -1) { order.swapAt(index, integer(in: 0...index)) }
        return order
    }

    /// A UUID of the given version in lowercase. CircleCI's events have version 3, everything else version 4.
    mutating func uuid(version: UInt128 = 4) -> String {
        Identity.uuidString(uuidValue(version: version))
    }

    mutating func uuidValue(version: UInt128 = 4) -> UInt128 {
        var value = UInt128(next()) << 64 | UInt128(next())
        value = value & ~(0xf << 76) | version << 76
        return value & ~(0x3 << 62) | 0x2 << 62
    }

    /// A git object's name: 40 hexadecimal digits.
    mutating func revision() -> String {
        var digits: [UInt8] = []
        digits.reserveCapacity(40)
        while digits.count < 40 {
            let word = next()
            for shift in stride(from: UInt64(60), through: 0, by: -4) where digits.count < 40 {
                digits.append(Hex.digit(UInt8(truncatingIfNeeded: word >> shift) & 0xf))
            }
        }
        return String(decoding: digits, as: UTF8.self)
    }
}
