public import Usage
public import Wire

/// What is wrong with a rate card, and where: `periods[0].credits_per_minute.docker.medium`.
public struct RateCardError: Error, Sendable, CustomStringConvertible {
    public let path: String
    public let message: String

    public var description: String { path.isEmpty ? message : "\(path): \(message)" }
}

/// The JSON form of a rate card, strict both ways: whoever edits one is to be told of a slip.
/// ```
/// {"source":"https://...","published":"2025-01-01","default":{"executor":"docker","resource_class":"medium"},
///  "periods":[{"from":"1970-01-01","credits_per_minute":{"docker":{"small":"5"}}}],
///  "contract":{"currency":"USD","periods":[{"from":"2026-01-01","to":"2026-12-31","price_per_credit":"0.0006"}]}}
/// ```
/// Credits and prices are decimals, as numbers or as texts. `contract` may be left out, `to` too.
public enum RateCardScanner {
    public static func card(in bytes: [UInt8]) throws(RateCardError) -> RateCard {
        try bytes.withUnsafeBytes { buffer in
            Result { () throws(RateCardError) in try card(in: buffer) }
        }.get()
    }

    public static func card(in bytes: UnsafeRawBufferPointer) throws(RateCardError) -> RateCard {
        let value: RateValue
        do throws(JSONError) {
            value = try RateValue(bytes)
        } catch {
            throw RateCardError(path: "", message: "no JSON: \(error)")
        }
        let top = try Members(value, at: "")
        try top.allow(["source", "published", "default", "periods", "contract"])
        let machine = try Members(try top.required("default"), at: "default")
        try machine.allow(["executor", "resource_class"])
        var periods: [RateCard.Period] = []
        for (index, entry) in try top.required("periods").array(at: "periods").enumerated() {
            let path = "periods[\(index)]"
            periods.append(try period(entry, at: path))
            guard periods.count < 2 || periods[index - 1].from < periods[index].from else {
                throw RateCardError(path: "\(path).from", message: "periods come in the order of their days")
            }
        }
        guard !periods.isEmpty else { throw RateCardError(path: "periods", message: "at least one is needed") }
        return RateCard(
            source: try top.text("source"),
            published: try top.day("published"),
            defaultMachine: RateCard.Machine(
                executor: try machine.text("executor").lowercased(),
                resourceClass: try machine.text("resource_class").lowercased()
            ),
            periods: periods,
            contract: try top["contract"].map { value throws(RateCardError) in try contract(value) }
        )
    }

    /// Thousandths of a credit a minute: far above every machine, and far below what sums of years overflow.
    private static let maximumRate = 1_000_000_000
    /// Billionths of the currency's unit, for a credit.
    private static let maximumPrice = 1_000_000_000_000

    private static func period(_ value: RateValue, at path: String) throws(RateCardError) -> RateCard.Period {
        let members = try Members(value, at: path)
        try members.allow(["from", "credits_per_minute"])
        var rates: [String: [String: Int]] = [:]
        let executors = try Members(try members.required("credits_per_minute"), at: "\(path).credits_per_minute")
        for (executor, classes) in executors.all {
            let classPath = "\(executors.path).\(executor)"
            for (resourceClass, rate) in try Members(classes, at: classPath).all {
                guard let text = rate.text, let value = DecimalText.value(text, digits: 3), value <= maximumRate
                else {
                    throw RateCardError(
                        path: "\(classPath).\(resourceClass)",
                        message: "no number of credits with at most three decimals, up to 1000000"
                    )
                }
                rates[executor.lowercased(), default: [:]][resourceClass.lowercased()] = value
            }
        }
        return RateCard.Period(from: try members.day("from"), thousandthsPerMinute: rates)
    }

    private static func contract(_ value: RateValue) throws(RateCardError) -> Contract {
        let members = try Members(value, at: "contract")
        try members.allow(["currency", "periods"])
        let currency = try members.text("currency")
        guard currency.utf8.count == 3,
            currency.utf8.allSatisfy({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) })
        else { throw RateCardError(path: "contract.currency", message: "no ISO 4217 code, as USD is") }
        var periods: [Contract.Period] = []
        for (index, entry) in try members.required("periods").array(at: "contract.periods").enumerated() {
            let path = "contract.periods[\(index)]"
            let period = try Members(entry, at: path)
            try period.allow(["from", "to", "price_per_credit"])
            guard let price = DecimalText.value(try period.text("price_per_credit"), digits: 9), price <= maximumPrice
            else {
                throw RateCardError(
                    path: "\(path).price_per_credit",
                    message: "no price with at most nine decimals, up to 1000, as 0.0006 is"
                )
            }
            let from = try period.day("from")
            let to = period["to"] == nil ? nil : try period.day("to")
            if let to, to < from { throw RateCardError(path: "\(path).to", message: "before 'from'") }
            if let last = periods.last, last.to.map({ from <= $0 }) ?? true {
                throw RateCardError(path: "\(path).from", message: "the period before has not ended")
            }
            periods.append(Contract.Period(from: from, to: to, billionthsPerCredit: price))
        }
        return Contract(currency: currency, periods: periods)
    }

    /// The card as JSON on one line, members in a fixed order.
    public static func text(of card: RateCard) -> [UInt8] {
        var json = JSONWriter()
        write(card, to: &json)
        return json.bytes
    }

    public static func write(_ card: RateCard, to json: inout JSONWriter) {
        json.object { json in
            json.member("source", card.source)
            json.member("published", card.published.description)
            json.member(
                "default",
                object: { json in
                    json.member("executor", card.defaultMachine.executor)
                    json.member("resource_class", card.defaultMachine.resourceClass)
                }
            )
            json.member(
                "periods",
                array: { json in
                    for period in card.periods { json.object { write(period, to: &$0) } }
                }
            )
            guard let contract = card.contract else { return }
            json.member(
                "contract",
                object: { json in
                    json.member("currency", contract.currency)
                    json.member(
                        "periods",
                        array: { json in
                            for period in contract.periods { json.object { write(period, to: &$0) } }
                        }
                    )
                }
            )
        }
    }

    private static func write(_ period: RateCard.Period, to json: inout JSONWriter) {
        json.member("from", period.from.description)
        json.member(
            "credits_per_minute",
            object: { json in
                for (executor, classes) in period.thousandthsPerMinute.sorted(by: { $0.key < $1.key }) {
                    json.member(
                        executor,
                        object: { json in
                            for (name, rate) in classes.sorted(by: { ($0.value, $0.key) < ($1.value, $1.key) }) {
                                json.member(name, DecimalText.trimmed(rate, digits: 3))
                            }
                        }
                    )
                }
            }
        )
    }

    private static func write(_ period: Contract.Period, to json: inout JSONWriter) {
        json.member("from", period.from.description)
        if let to = period.to { json.member("to", to.description) }
        json.member("price_per_credit", DecimalText.trimmed(period.billionthsPerCredit, digits: 9))
    }
}

extension DecimalText {
    /// Without zeros at the end: `5`, `0.0006`.
    public static func trimmed(_ value: Int, digits: Int) -> String {
        var text = text(UInt128(value.magnitude), digits: digits)
        while text.hasSuffix("0") { text.removeLast() }
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }
}

/// The members of an object, with the path to it for errors.
private struct Members {
    let all: [(String, RateValue)]
    let path: String

    init(_ value: RateValue, at path: String) throws(RateCardError) {
        guard case .object(let members) = value else { throw RateCardError(path: path, message: "no object") }
        all = members
        self.path = path
        guard Set(members.map(\.0)).count == members.count else {
            throw RateCardError(path: path, message: "a member is there twice")
        }
    }

    subscript(name: String) -> RateValue? { all.first { $0.0 == name }?.1 }

    func allow(_ names: Set<String>) throws(RateCardError) {
        for (name, _) in all where !names.contains(name) {
            throw RateCardError(
                path: member(name),
                message: "unknown; known are \(names.sorted().joined(separator: ", "))"
            )
        }
    }

    func required(_ name: String) throws(RateCardError) -> RateValue {
        guard let value = self[name] else { throw RateCardError(path: member(name), message: "missing") }
        return value
    }

    func text(_ name: String) throws(RateCardError) -> String {
        guard let text = try required(name).text, !text.isEmpty else {
            throw RateCardError(path: member(name), message: "no text")
        }
        return text
    }

    func day(_ name: String) throws(RateCardError) -> Day {
        guard let day = Day(try text(name)) else {
            throw RateCardError(path: member(name), message: "no day, as 2026-01-31 is")
        }
        return day
    }

    private func member(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
}

/// A JSON value, numbers as they were written so that no decimal is rounded.
private indirect enum RateValue {
    case object([(String, RateValue)])
    case array([RateValue])
    case scalar(String)
    case other

    init(_ bytes: UnsafeRawBufferPointer) throws(JSONError) {
        var scanner = try JSONScanner(bytes)
        self = try RateValue(&scanner)
        try scanner.finish()
    }

    private init(_ scanner: inout JSONScanner) throws(JSONError) {
        switch try scanner.kind() {
        case .object:
            var members: [(String, RateValue)] = []
            guard var walk = try scanner.enterObject() else {
                self = .other
                return
            }
            while let name = try scanner.nextMember(&walk) {
                members.append((name.string(in: scanner.bytes), try RateValue(&scanner)))
            }
            self = .object(members)
        case .array:
            var elements: [RateValue] = []
            guard var walk = try scanner.enterArray() else {
                self = .other
                return
            }
            while try scanner.nextElement(&walk) { elements.append(try RateValue(&scanner)) }
            self = .array(elements)
        case .string:
            let bytes = scanner.bytes
            self = .scalar(try scanner.text().string(in: bytes))
        case .number:
            let start = scanner.position
            try scanner.skipValue()
            self = .scalar(String(decoding: scanner.bytes[start..<scanner.position], as: UTF8.self))
        default:
            try scanner.skipValue()
            self = .other
        }
    }

    var text: String? {
        if case .scalar(let text) = self { return text }
        return nil
    }

    func array(at path: String) throws(RateCardError) -> [RateValue] {
        guard case .array(let elements) = self else { throw RateCardError(path: path, message: "no array") }
        return elements
    }
}
