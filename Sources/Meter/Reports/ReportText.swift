package import Usage

/// Values of reports as people read them, on pages and terminals alike.
package enum ReportText {
    /// Empty where there is nothing to say.
    package static func text(_ value: ReportTable.Value, _ kind: ReportTable.Kind) -> String {
        switch value {
        case .none: return ""
        case .text(let text): return text
        case .bool(let bool): return bool ? "yes" : "no"
        case .money(let money): return groupedDecimal(money.decimal(digits: 2))
        case .integer(let integer):
            switch kind {
            case .milliseconds: return integer == 0 ? "0" : duration(integer)
            case .credits: return credits(integer)
            case .creditsChange: return (integer > 0 ? "+" : "") + credits(integer)
            case .percent: return "\(DecimalText.signed(rounded(integer, to: 10), digits: 1)) %"
            default: return grouped(integer)
            }
        }
    }

    /// Whole credits from ten on, else with one decimal.
    package static func credits(_ thousandths: Int) -> String {
        if thousandths == 0 { return "0" }
        return thousandths.magnitude >= 10_000
            ? grouped(rounded(thousandths, to: 1000))
            : DecimalText.signed(rounded(thousandths, to: 100), digits: 1)
    }

    /// In percent, with its sign; `new` where there was nothing.
    package static func change(from before: Int, to after: Int) -> String {
        guard before != 0 else { return after == 0 ? "–" : "new" }
        // 128 bits, since a thousand times a sum may be more than 64.
        let percent = Int(clamping: (Int128(after) - Int128(before)) * 100 / Int128(before))
        return (percent > 0 ? "+" : "") + "\(percent) %"
    }

    /// Half away from zero.
    private static func rounded(_ value: Int, to unit: Int) -> Int {
        (value + (value < 0 ? -unit : unit) / 2) / unit
    }

    private static func groupedDecimal(_ decimal: String) -> String {
        let parts = decimal.split(separator: ".", maxSplits: 1)
        guard let whole = Int(parts[0]), parts.count == 2 else { return decimal }
        return (decimal.hasPrefix("-") && whole == 0 ? "-" : "") + grouped(whole) + "." + parts[1]
    }
}

extension ReportTable.Kind {
    /// Whether values stand to the right.
    package var isNumber: Bool {
        switch self {
        case .text, .day, .bool: false
        default: true
        }
    }
}
