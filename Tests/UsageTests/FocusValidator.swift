import Testing

/// The rules of FOCUS 1.2 for a data set of costs and usage, as far as they hold for rows of usage, written from the
/// specification and checked on the CSV as a reader of it sees it.
struct FocusValidator {
    enum Format {
        case text
        case decimal
        case time
        /// A JSON object of scalars.
        case keyValue
        case oneOf([String])
    }

    struct Rule {
        var name: String
        var format: Format
        var isNullable: Bool

        init(_ name: String, _ format: Format, isNullable: Bool = false) {
            self.name = name
            self.format = format
            self.isNullable = isNullable
        }
    }

    /// Must be there in every data set.
    static let mandatory = [
        Rule("BilledCost", .decimal), Rule("BillingAccountId", .text),
        Rule("BillingAccountName", .text, isNullable: true), Rule("BillingCurrency", .text),
        Rule("BillingPeriodEnd", .time), Rule("BillingPeriodStart", .time),
        Rule("ChargeCategory", .oneOf(["Usage", "Purchase", "Tax", "Credit", "Adjustment"])),
        Rule("ChargeClass", .oneOf(["Correction"]), isNullable: true),
        Rule("ChargeDescription", .text, isNullable: true), Rule("ChargePeriodEnd", .time),
        Rule("ChargePeriodStart", .time), Rule("ContractedCost", .decimal), Rule("EffectiveCost", .decimal),
        Rule("InvoiceIssuerName", .text), Rule("ListCost", .decimal), Rule("PricingQuantity", .decimal),
        Rule("PricingUnit", .text), Rule("ProviderName", .text), Rule("PublisherName", .text),
        Rule("ServiceCategory", .oneOf(categories)), Rule("ServiceName", .text),
    ]

    /// Recommended, or demanded of a provider that has sub accounts, a price list, negotiated prices and a virtual currency.
    static let others = [
        Rule("BillingAccountType", .text), Rule("ChargeFrequency", .oneOf(["One-Time", "Recurring", "Usage-Based"])),
        Rule("ConsumedQuantity", .decimal), Rule("ConsumedUnit", .text), Rule("ContractedUnitPrice", .decimal),
        Rule("InvoiceId", .text, isNullable: true), Rule("ListUnitPrice", .decimal),
        Rule("PricingCategory", .oneOf(["Standard", "Dynamic", "Committed", "Other"])),
        Rule("PricingCurrency", .text), Rule("PricingCurrencyContractedUnitPrice", .decimal),
        Rule("PricingCurrencyEffectiveCost", .decimal), Rule("PricingCurrencyListUnitPrice", .decimal),
        Rule("ServiceSubcategory", .oneOf(developerTools)), Rule("SkuId", .text), Rule("SkuMeter", .text),
        Rule("SkuPriceDetails", .keyValue, isNullable: true), Rule("SkuPriceId", .text),
        Rule("SubAccountId", .text, isNullable: true), Rule("SubAccountName", .text, isNullable: true),
        Rule("SubAccountType", .text, isNullable: true),
    ]

    static let categories = [
        "AI and Machine Learning", "Analytics", "Business Applications", "Compute", "Databases", "Developer Tools",
        "Multicloud", "Identity", "Integration", "Internet of Things", "Management and Governance", "Media",
        "Migration",
        "Mobile", "Networking", "Security", "Storage", "Web", "Other",
    ]
    /// The subcategories of Developer Tools.
    static let developerTools = [
        "Developer Platforms", "Continuous Integration and Deployment", "Development Environments",
        "Source Code Management", "Quality Assurance", "Other (Developer Tools)",
    ]

    let header: [String]
    /// A row by its columns; nil is null.
    let rows: [[String: String?]]

    init(csv: [UInt8]) {
        var lines = FocusValidator.cells(String(decoding: csv, as: UTF8.self))
        header = lines.isEmpty ? [] : lines.removeFirst()
        let header = header
        rows = lines.map { line in
            Dictionary(uniqueKeysWithValues: zip(header, line).map { ($0, $1.isEmpty ? nil : $1) })
        }
    }

    /// What is wrong, empty where nothing is.
    var problems: [String] {
        var problems: [String] = []
        let rules = FocusValidator.mandatory + FocusValidator.others
        for rule in rules where !header.contains(rule.name) { problems.append("\(rule.name) is missing") }
        if Set(header).count != header.count { problems.append("a column is there twice") }
        let known = Set(rules.map(\.name))
        for name in header where !known.contains(name) && !name.hasPrefix("x_") {
            problems.append("\(name) is no column of FOCUS")
        }
        if let first = header.firstIndex(where: { $0.hasPrefix("x_") }),
            header[first...].contains(where: known.contains)
        {
            problems.append("a column of FOCUS stands behind a custom one")
        }
        for row in rows {
            for rule in rules { problems += check(rule, row) }
            problems += checkTogether(row)
        }
        return problems
    }

    private func check(_ rule: Rule, _ row: [String: String?]) -> [String] {
        guard let value = row[rule.name] ?? nil else { return rule.isNullable ? [] : ["\(rule.name) is null"] }
        let isGood =
            switch rule.format {
            case .text: !value.isEmpty
            case .decimal: value.wholeMatch(of: /-?[0-9]+(\.[0-9]+)?/) != nil
            case .time: value.wholeMatch(of: /[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z/) != nil
            case .keyValue: value.wholeMatch(of: /\{("[^"]+":"[^"]*")(,"[^"]+":"[^"]*")*\}/) != nil
            case .oneOf(let values): values.contains(value)
            }
        return isGood ? [] : ["\(rule.name) is \(value)"]
    }

    /// Rules about several columns of one row.
    private func checkTogether(_ row: [String: String?]) -> [String] {
        func text(_ name: String) -> String { (row[name] ?? nil) ?? "" }
        func number(_ name: String) -> Int128 { FocusValidator.trillionths(text(name)) }
        var problems: [String] = []
        // Texts of one form are in the order of their times.
        if text("ChargePeriodEnd") <= text("ChargePeriodStart") { problems.append("the charge period is empty") }
        if text("BillingPeriodEnd") <= text("BillingPeriodStart") { problems.append("the billing period is empty") }
        if text("ChargePeriodStart") < text("BillingPeriodStart") || text("BillingPeriodEnd") < text("ChargePeriodEnd")
        {
            problems.append("the charge period is not in the billing period")
        }
        if text("BillingCurrency").wholeMatch(of: /[A-Z]{3}/) == nil { problems.append("BillingCurrency is national") }
        for (price, cost) in [
            ("ContractedUnitPrice", "ContractedCost"), ("ListUnitPrice", "ListCost"),
            ("PricingCurrencyContractedUnitPrice", "PricingCurrencyEffectiveCost"),
        ] {
            if number(price) < 0 { problems.append("\(price) is negative") }
            if number(price) * number("PricingQuantity") != number(cost) * 1_000_000_000_000 {
                problems.append("\(price) times PricingQuantity is not \(cost)")
            }
        }
        if text("ChargeCategory") == "Purchase", text("ChargeFrequency") == "Usage-Based" {
            problems.append("a purchase is not usage-based")
        }
        let subaccount = ["SubAccountId", "SubAccountName", "SubAccountType"].map { (row[$0] ?? nil) == nil }
        if Set(subaccount).count > 1 { problems.append("a sub account's columns go together") }
        return problems
    }

    /// A decimal with at most twelve digits, exactly.
    static func trillionths(_ text: String) -> Int128 {
        let isNegative = text.hasPrefix("-")
        let parts = text.drop { $0 == "-" }.split(separator: ".", omittingEmptySubsequences: false)
        let fraction = parts.count > 1 ? String(parts[1]) : ""
        precondition(fraction.count <= 12)
        let digits = String(parts[0]) + fraction + String(repeating: "0", count: 12 - fraction.count)
        return (isNegative ? -1 : 1) * Int128(digits)!
    }

    /// RFC 4180.
    private static func cells(_ csv: String) -> [[String]] {
        var lines: [[String]] = []
        var line: [String] = []
        var cell = ""
        var isQuoted = false
        var characters = Array(csv.unicodeScalars)[...]
        while let character = characters.popFirst() {
            if isQuoted {
                if character != "\"" {
                    cell.unicodeScalars.append(character)
                } else if characters.first == "\"" {
                    cell += "\""
                    characters.removeFirst()
                } else {
                    isQuoted = false
                }
                continue
            }
            switch character {
            case "\"": isQuoted = true
            case ",":
                line.append(cell)
                cell = ""
            case "\r": break
            case "\n":
                lines.append(line + [cell])
                (line, cell) = ([], "")
            default: cell.unicodeScalars.append(character)
            }
        }
        return lines
    }
}
