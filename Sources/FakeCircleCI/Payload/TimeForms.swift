import Wire

/// How finely a time is told.
enum TimePrecision: Int64 {
    case seconds = 1_000_000
    case milliseconds = 1000
    case microseconds = 1

    /// Milliseconds, or with the given probability one of the others.
    static func usual(odd rate: Double, _ random: inout SeededGenerator) -> TimePrecision {
        let other = random.element(of: [TimePrecision.seconds, .microseconds])
        return random.chance(rate) ? other : .milliseconds
    }

    /// The instant that is left after the time is told this finely.
    func truncated(_ instant: Timestamp) -> Timestamp {
        let remainder = instant.microseconds % rawValue
        return Timestamp(microseconds: instant.microseconds - (remainder < 0 ? remainder + rawValue : remainder))
    }

    /// The coarsest precision, from milliseconds on, that tells all of `instant`.
    static func least(for instant: Timestamp) -> TimePrecision {
        instant.microseconds % 1000 == 0 ? .milliseconds : .microseconds
    }
}

extension Timestamp {
    func adding(seconds: Double) -> Timestamp {
        Timestamp(microseconds: microseconds + Int64(seconds * 1_000_000))
    }

    func adding(milliseconds: Int) -> Timestamp {
        Timestamp(microseconds: microseconds + Int64(milliseconds) * 1000)
    }

    /// `2026-11-22T08:16:08`, a fraction of the precision's digits, and the zone.
    func text(_ precision: TimePrecision, zone: String = "Z") -> String {
        var text = milliseconds(reserving: zone.utf8.count)
        switch precision {
        case .seconds: text.removeLast(4)
        case .milliseconds: break
        case .microseconds: Self.append(digits: ofMicrosecond, to: &text)
        }
        text.append(contentsOf: zone.utf8)
        return String(decoding: text, as: UTF8.self)
    }

    /// As Go prints a time: `2024-12-18 17:23:29.361740256 +0000 UTC`.
    func goText(nanosecond: Int) -> String {
        let zone = " +0000 UTC"
        var text = milliseconds(reserving: zone.utf8.count)
        text[10] = UInt8(ascii: " ")
        Self.append(digits: ofMicrosecond, to: &text)
        Self.append(digits: nanosecond, to: &text)
        text.append(contentsOf: zone.utf8)
        return String(decoding: text, as: UTF8.self)
    }

    /// `2026-11-22T08:16:08.123`
    private func milliseconds(reserving count: Int) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(30 + count)
        append(to: &text)
        text.removeLast()
        return text
    }

    /// The last three digits of the microsecond.
    private var ofMicrosecond: Int {
        Int(((microseconds % 1000) + 1000) % 1000)
    }

    private static func append(digits value: Int, to text: inout [UInt8]) {
        for divisor in [100, 10, 1] { text.append(UInt8(ascii: "0") + UInt8(value / divisor % 10)) }
    }
}
