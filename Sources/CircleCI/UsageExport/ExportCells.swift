import Wire

/// Reads the texts of cells as values. Nil is what is no such value.
enum ExportCells {
    /// A decimal in thousandths, half away from zero: `12`, `-0.5`, `1.2345E2`.
    static func thousandths(_ text: UnsafeRawBufferPointer) -> Int64? { scaled(text, digits: 3) }

    /// A percentage in hundredths of a percent.
    static func hundredths(_ text: UnsafeRawBufferPointer) -> Int64? { scaled(text, digits: 2) }

    /// A whole number, which may be written as `2.0`.
    static func integer(_ text: UnsafeRawBufferPointer) -> Int64? {
        guard let value = scaled(text, digits: 3), value % 1000 == 0 else { return nil }
        return value / 1000
    }

    static func bool(_ text: UnsafeRawBufferPointer) -> Bool? {
        func spells(_ word: StaticString) -> Bool {
            text.count == word.utf8CodeUnitCount
                && text.indices.allSatisfy { text[$0] | 0x20 == word.utf8Start[$0] }
        }
        if spells("true") { return true }
        return spells("false") ? false : nil
    }

    static func isASCII(_ text: UnsafeRawBufferPointer) -> Bool {
        var index = 0
        var seen: UInt64 = 0
        while index &+ 8 <= text.count {
            seen |= text.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            index &+= 8
        }
        while index < text.count {
            seen |= UInt64(text[index])
            index &+= 1
        }
        return seen & 0x8080_8080_8080_8080 == 0
    }

    /// More than this of anything is a mistake, and less than what a sum of them overflows.
    private static let maximum: Int64 = 1_000_000_000_000

    private static func scaled(_ text: UnsafeRawBufferPointer, digits wanted: Int) -> Int64? {
        // Most credits are none.
        if text.count == 1, text[0] == UInt8(ascii: "0") { return 0 }
        var index = 0
        var isNegative = false
        if index < text.count, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
            isNegative = text[index] == UInt8(ascii: "-")
            index += 1
        }
        var value: Int64 = 0
        // Digits behind the point that are in `value`; those past what an Int64 holds are dropped.
        var decimals = 0
        var digitCount = 0
        var isBehindPoint = false
        while index < text.count {
            let byte = text[index]
            if byte == UInt8(ascii: "."), !isBehindPoint {
                isBehindPoint = true
            } else if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
                digitCount += 1
                if value < 100_000_000_000_000_000 {
                    value = value * 10 + Int64(byte - UInt8(ascii: "0"))
                    if isBehindPoint { decimals += 1 }
                } else if !isBehindPoint {
                    return nil
                }
            } else {
                break
            }
            index += 1
        }
        guard digitCount > 0 else { return nil }
        var exponent = 0
        if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            var isDown = false
            if index < text.count, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
                isDown = text[index] == UInt8(ascii: "-")
                index += 1
            }
            let first = index
            while index < text.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[index]), exponent < 1000 {
                exponent = exponent * 10 + Int(text[index] - UInt8(ascii: "0"))
                index += 1
            }
            guard index > first else { return nil }
            if isDown { exponent = -exponent }
        }
        guard index == text.count else { return nil }
        var shift = wanted - decimals + exponent
        while shift > 0 {
            guard value <= maximum else { return nil }
            value *= 10
            shift -= 1
        }
        if shift < 0 {
            var divisor: Int64 = 1
            while shift < 0 {
                // Smaller than half of the last digit, whatever follows.
                guard divisor < 1_000_000_000_000_000_000 else { return 0 }
                divisor *= 10
                shift += 1
            }
            value = value / divisor + (value % divisor >= divisor - value % divisor ? 1 : 0)
        }
        guard value <= maximum else { return nil }
        return isNegative ? -value : value
    }
}
