/// An instant in UTC, in whole microseconds since 1970-01-01T00:00:00Z.
public struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let microseconds: Int64

    @inlinable
    public init(microseconds: Int64) {
        self.microseconds = microseconds
    }

    /// Whole milliseconds since 1970, rounded down.
    public var milliseconds: Int64 { Timestamp.floorDivided(microseconds, by: 1000) }

    /// The UTC day.
    public var day: Day {
        Day(daysSinceEpoch: Int32(truncatingIfNeeded: Timestamp.floorDivided(microseconds, by: 86_400_000_000)))
    }

    public static func < (first: Timestamp, second: Timestamp) -> Bool {
        first.microseconds < second.microseconds
    }

    /// `2026-11-22T08:16:08.123Z`: always milliseconds, rounded down.
    public var description: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends what ``description`` shows.
    public func append(to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Timestamp.characterCount) { characters in
            guard let base = characters.baseAddress else { return }
            write(to: base)
            bytes.append(contentsOf: UnsafeBufferPointer(characters))
        }
    }

    /// How long what ``description`` shows is.
    public static let characterCount = 24

    /// Writes what ``description`` shows into ``characterCount`` bytes.
    public func write(to bytes: UnsafeMutablePointer<UInt8>) {
        let day = day
        let (year, month, dayOfMonth) = day.civil
        let rest = milliseconds &- Int64(day.daysSinceEpoch) &* 86_400_000
        @inline(__always)
        func two(_ value: Int, _ place: Int, then separator: UInt8) {
            bytes[place] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value / 10)
            bytes[place &+ 1] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value % 10)
            bytes[place &+ 2] = separator
        }
        let seconds = Int(rest / 1000)
        let milliseconds = Int(rest % 1000)
        two(year / 100, 0, then: 0)
        two(year % 100, 2, then: UInt8(ascii: "-"))
        two(month, 5, then: UInt8(ascii: "-"))
        two(dayOfMonth, 8, then: UInt8(ascii: "T"))
        two(seconds / 3600, 11, then: UInt8(ascii: ":"))
        two(seconds / 60 % 60, 14, then: UInt8(ascii: ":"))
        two(seconds % 60, 17, then: UInt8(ascii: "."))
        two(milliseconds / 10, 20, then: UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: milliseconds % 10))
        bytes[23] = UInt8(ascii: "Z")
    }

    private static func floorDivided(_ value: Int64, by divisor: Int64) -> Int64 {
        let quotient = value / divisor
        return value % divisor < 0 ? quotient - 1 : quotient
    }
}

extension Timestamp {
    /// Parses every form that CircleCI has been seen to send, with nothing before or after it:
    /// `2021-09-01T22:49:34.279Z` with no to nine decimals, an offset (`+00:00`, `+0000`, `-05`) instead of `Z`, Go's
    /// `2024-12-18 17:23:29.361740256 +0000 UTC`, and the usage export's `2026-01-02 03:04:05.678` (UTC, no zone).
    /// Digits beyond the microsecond are dropped. Nil for anything else.
    public init?(_ text: UnsafeRawBufferPointer) {
        guard text.count >= 19,
            let date = Timestamp.digits(text, 0, separator: UInt8(ascii: "-"), at: (4, 7)),
            let day = Timestamp.number(text, 8, 2),
            text[10] == UInt8(ascii: "T") || text[10] == UInt8(ascii: " ") || text[10] == UInt8(ascii: "t"),
            let time = Timestamp.digits(text, 11, separator: UInt8(ascii: ":"), at: (2, 5))
        else { return nil }
        let year = date[0] * 1000 + date[1] * 100 + date[2] * 10 + date[3]
        let month = date[5] * 10 + date[6]
        let hour = time[0] * 10 + time[1]
        let minute = time[3] * 10 + time[4]
        let second = time[6] * 10 + time[7]
        // 60 is a leap second.
        guard hour < 24, minute < 60, second <= 60, (1...12).contains(month), day >= 1,
            day <= Day.length(of: month, in: year)
        else { return nil }
        var index = 19
        var fraction: Int64 = 0
        if index < text.count, text[index] == UInt8(ascii: ".") {
            index += 1
            let first = index
            var scale: Int64 = 100_000
            while index < text.count, let digit = Timestamp.digit(text[index]) {
                fraction += Int64(digit) * scale
                scale /= 10
                index += 1
            }
            guard index > first, index - first <= 9 else { return nil }
        }
        guard let offset = Timestamp.offsetSeconds(text, from: index) else { return nil }
        let days = Int64(Day.days(year: year, month: month, day: day))
        let seconds = days * 86_400 + Int64(hour * 3600 + minute * 60 + second) - Int64(offset)
        // An offset leads out of the years that four digits write.
        guard (Timestamp.firstSecond...Timestamp.lastSecond).contains(seconds) else { return nil }
        microseconds = seconds * 1_000_000 + fraction
    }

    private static let firstSecond = Int64(Day.days(year: 0, month: 1, day: 1)) * 86_400
    private static let lastSecond = Int64(Day.days(year: 9999, month: 12, day: 31)) * 86_400 + 86_399

    /// As the initializer for bytes.
    public init?(_ text: String) {
        var text = text
        let parsed = text.withUTF8 { Timestamp(UnsafeRawBufferPointer($0)) }
        guard let parsed else { return nil }
        self = parsed
    }

    /// The zone's offset that fills the rest of the text; nil where the rest is no zone.
    private static func offsetSeconds(_ text: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var index = start
        guard index < text.count else { return 0 }
        if index + 1 == text.count, text[index] | 0x20 == UInt8(ascii: "z") { return 0 }
        let spaced = text[index] == UInt8(ascii: " ")
        if spaced { index += 1 }
        guard index < text.count, text[index] == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-") else {
            return nil
        }
        let negative = text[index] == UInt8(ascii: "-")
        guard let hours = number(text, index + 1, 2), hours < 24 else { return nil }
        index += 3
        var minutes = 0
        if index < text.count, text[index] == UInt8(ascii: ":") { index += 1 }
        if let value = number(text, index, 2) {
            guard value < 60 else { return nil }
            minutes = value
            index += 2
        } else if text[index - 1] == UInt8(ascii: ":") {
            return nil
        }
        if spaced, index < text.count {
            // Go repeats the zone by name.
            guard text[index] == UInt8(ascii: " "), index + 1 < text.count else { return nil }
            guard text[(index + 1)...].allSatisfy({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }) else {
                return nil
            }
            index = text.count
        }
        guard index == text.count else { return nil }
        return (hours * 3600 + minutes * 60) * (negative ? -1 : 1)
    }

    /// Eight characters from `start` on, of which two are a separator and the others decimal digits.
    private struct Digits {
        /// The digits' values, each in a byte.
        let word: UInt64

        @inline(__always)
        subscript(index: Int) -> Int { Int(truncatingIfNeeded: word &>> UInt64(index &* 8) & 0xff) }
    }

    /// All at once, as every record has half a dozen times.
    @inline(__always)
    private static func digits(
        _ text: UnsafeRawBufferPointer,
        _ start: Int,
        separator: UInt8,
        at places: (Int, Int)
    ) -> Digits? {
        let zeros: UInt64 = 0x3030_3030_3030_3030
        let separators = UInt64(0xff) &<< UInt64(places.0 &* 8) | UInt64(0xff) &<< UInt64(places.1 &* 8)
        let expected = zeros & ~separators | UInt64(separator) &* 0x0101_0101_0101_0101 & separators
        let word = UInt64(littleEndian: text.loadUnaligned(fromByteOffset: start, as: UInt64.self)) ^ expected
        // What is left of a separator is zero, of a digit at most nine: so adding 0x76 reaches no top bit.
        guard word & separators == 0, (word | (word &+ 0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080 == 0 else {
            return nil
        }
        return Digits(word: word)
    }

    @inline(__always)
    private static func digit(_ byte: UInt8) -> Int? {
        let value = byte &- UInt8(ascii: "0")
        return value < 10 ? Int(value) : nil
    }

    @inline(__always)
    private static func number(_ text: UnsafeRawBufferPointer, _ start: Int, _ count: Int) -> Int? {
        guard start &+ count <= text.count else { return nil }
        var value = 0
        for index in start..<(start &+ count) {
            guard let digit = digit(text[index]) else { return nil }
            value = value &* 10 &+ digit
        }
        return value
    }
}
