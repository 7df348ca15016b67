public import Wire

/// What a minute on each kind of machine costs in credits, from which day on; and what a credit costs in money.
public struct RateCard: Equatable, Sendable {
    /// An executor and a resource class, in the words of the card.
    public struct Machine: Equatable, Sendable {
        public var executor: String
        public var resourceClass: String

        public init(executor: String, resourceClass: String) {
            self.executor = executor
            self.resourceClass = resourceClass
        }
    }

    /// The rates from a day on, until the next period begins.
    public struct Period: Equatable, Sendable {
        public var from: Day
        /// Thousandths of a credit a minute, by executor and resource class, both in small letters.
        public var thousandthsPerMinute: [String: [String: Int]]

        public init(from: Day, thousandthsPerMinute: [String: [String: Int]]) {
            self.from = from
            self.thousandthsPerMinute = thousandthsPerMinute
        }
    }

    /// Where the rates were read.
    public var source: String
    /// When they were read.
    public var published: Day
    /// What a job is taken to run on of which nothing is known.
    public var defaultMachine: Machine
    /// By day.
    public var periods: [Period]
    /// Nil: nothing is shown in money.
    public var contract: Contract?

    public init(
        source: String,
        published: Day,
        defaultMachine: Machine,
        periods: [Period],
        contract: Contract? = nil
    ) {
        self.source = source
        self.published = published
        self.defaultMachine = defaultMachine
        self.periods = periods
        self.contract = contract
    }

    /// Thousandths of a credit a minute; nil where the card does not say it, as for a self-hosted runner.
    public func thousandthsPerMinute(executor: String, resourceClass: String, day: Day) -> Int? {
        guard let period = periods.last(where: { $0.from <= day }) ?? periods.first else { return nil }
        let executor = RateCard.executor(executor)
        let resourceClass = resourceClass.lowercased()
        if let rate = period.thousandthsPerMinute[executor]?[resourceClass] { return rate }
        // A class that only one executor has names it.
        let rates = period.thousandthsPerMinute.values.compactMap { $0[resourceClass] }
        return rates.count == 1 ? rates[0] : nil
    }

    /// Every class of an executor with its rate, thousandths of a credit a minute.
    func classes(executor: String, day: Day) -> [(name: String, rate: Int)] {
        guard let period = periods.last(where: { $0.from <= day }) ?? periods.first else { return [] }
        return (period.thousandthsPerMinute[RateCard.executor(executor)] ?? [:]).map { (name: $0.key, rate: $0.value) }
    }

    /// The card's word for an executor: the usage export, job details and the price list each have their own.
    static func executor(_ word: String) -> String {
        switch word.lowercased() {
        case "linux", "linux_vm", "linux vm", "vm", "machine", "arm", "arm_vm": "machine"
        case "mac", "macos", "xcode", "osx": "macos"
        case "win", "windows": "windows"
        case let other: other
        }
    }

    /// The money that credits of a day are worth; nil where no contract covers the day.
    public func money(thousandths: Int, on day: Day) -> Money? {
        guard let contract, let price = contract.price(on: day) else { return nil }
        return Money(currency: contract.currency, trillionths: Int128(price) * Int128(thousandths))
    }
}

/// What credits cost, by contract.
public struct Contract: Equatable, Sendable {
    public struct Period: Equatable, Sendable {
        public var from: Day
        /// The last day; nil: until further notice.
        public var to: Day?
        /// Of a credit, in billionths of the currency's unit.
        public var billionthsPerCredit: Int

        public init(from: Day, to: Day?, billionthsPerCredit: Int) {
            self.from = from
            self.to = to
            self.billionthsPerCredit = billionthsPerCredit
        }
    }

    /// ISO 4217.
    public var currency: String
    /// By day, none on another's days.
    public var periods: [Period]

    public init(currency: String, periods: [Period]) {
        self.currency = currency
        self.periods = periods
    }

    func price(on day: Day) -> Int? {
        periods.first { $0.from <= day && $0.to.map { day <= $0 } ?? true }?.billionthsPerCredit
    }
}

/// An exact amount of money.
public struct Money: Hashable, Sendable {
    public var currency: String
    /// Of the currency's unit.
    public var trillionths: Int128

    public init(currency: String, trillionths: Int128) {
        self.currency = currency
        self.trillionths = trillionths
    }

    /// As a decimal with `digits` digits after the point, half away from zero.
    public func decimal(digits: Int = 2) -> String {
        var divisor: Int128 = 1
        for _ in digits..<12 { divisor *= 10 }
        let magnitude = (trillionths.magnitude + UInt128(divisor) / 2) / UInt128(divisor)
        return (trillionths < 0 && magnitude > 0 ? "-" : "") + DecimalText.text(magnitude, digits: digits)
    }
}

/// Whole numbers of a small part of a unit as decimals.
public enum DecimalText {
    /// `12345` with 3 digits is `12.345`.
    public static func text(_ magnitude: UInt128, digits: Int) -> String {
        var text = String(magnitude)
        guard digits > 0 else { return text }
        if text.utf8.count <= digits { text = String(repeating: "0", count: digits + 1 - text.utf8.count) + text }
        return text.dropLast(digits) + "." + text.suffix(digits)
    }

    /// Thousandths of a credit as credits: `12.345`, `-0.500`.
    public static func credits(_ thousandths: Int) -> String { signed(thousandths, digits: 3) }

    /// A whole number of the `digits`-th decimal, with its sign.
    public static func signed(_ value: Int, digits: Int) -> String {
        (value < 0 ? "-" : "") + text(UInt128(value.magnitude), digits: digits)
    }

    /// A decimal as a whole number of its `digits`-th decimal; nil where it is none, or has more digits than that.
    public static func value(_ text: String, digits: Int) -> Int? {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count <= 2, !parts[0].isEmpty else { return nil }
        let fraction = parts.count == 2 ? Array(parts[1]) : []
        guard parts.count == 1 || !fraction.isEmpty, fraction.count <= digits else { return nil }
        var value = 0
        for digit in Array(parts[0]) + fraction + Array(repeating: UInt8(ascii: "0"), count: digits - fraction.count) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            let (product, overflows) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowsAgain) = product.addingReportingOverflow(Int(digit - UInt8(ascii: "0")))
            guard !overflows, !overflowsAgain else { return nil }
            value = sum
        }
        return value
    }
}
