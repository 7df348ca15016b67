public import Wire

/// Costs in the FinOps Open Cost and Usage Specification, FOCUS 1.2, so that they can stand beside those of clouds.
///
/// A row for each connection, day, project, feature and machine, and another one where some of its credits are settled
/// and some provisional (`x_Settled`): rows add up, and who wants confirmed costs alone leaves the others out.
///
/// Everything is priced in credits and a credit at the contract's price of that day, so `ContractedUnitPrice` times
/// `PricingQuantity` is `ContractedCost` to the last digit. Of a credit only that one price is known: list, contracted,
/// effective and billed costs are equal. What was paid for credits in advance is not known here, nor is an invoice.
public enum FocusReport {
    /// Days with credits and no contract that covers them. A cost must not be null in FOCUS, and 0 would be wrong.
    public struct NoPrice: Error, Hashable, Sendable, CustomStringConvertible {
        /// In order, at least one.
        public let days: [Day]
        /// Whether there is no contract at all.
        public let hasContract: Bool

        /// One sentence for people.
        public var message: String {
            let shown = ranges.prefix(5).map { range in
                range.lowerBound == range.upperBound
                    ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
            }
            let rest = ranges.count - shown.count
            return "The rate card \(hasContract ? "has a contract, but no price" : "has no contract") for "
                + shown.joined(separator: ", ") + (rest > 0 ? " and \(rest) times more" : "")
        }

        /// The next step to try.
        public var hint: String {
            let period = "{\"from\":\"\(days[0])\",\"price_per_credit\":\"0.0006\"}"
            return hasContract
                ? "add a period such as \(period) to \"contract\" in rate-card.json, with your price"
                : "add \"contract\":{\"currency\":\"USD\",\"periods\":[\(period)]} to rate-card.json, with your price"
        }

        public var description: String { "\(message); \(hint)" }

        /// Days in succession as one.
        public var ranges: [ClosedRange<Day>] {
            var ranges: [ClosedRange<Day>] = []
            for day in days {
                if let last = ranges.last, last.upperBound.adding(days: 1) == day {
                    ranges[ranges.count - 1] = last.lowerBound...day
                } else {
                    ranges.append(day...day)
                }
            }
            return ranges
        }
    }

    /// - Parameter snapshot: with all days of `range`.
    public static func table(_ range: ReportRange, of snapshot: Snapshot) throws(NoPrice) -> ReportTable {
        let rows = snapshot[.features].filter { range.contains($0.key) }
        let settled = settledAmounts(range, snapshot)
        var table = ReportTable(columns: FocusColumns.columns)
        var unpriced: Set<Day> = []
        for row in rows {
            let all = Amount(
                runs: row.tally[FeatureColumn.runs],
                milliseconds: row.tally[FeatureColumn.duration],
                credits: 0
            )
            // Only machine time is ever provisional.
            var confirmed = row.key.texts[1] == "compute" ? settled[row.key] ?? Amount() : all
            confirmed.credits = row.tally[FeatureColumn.creditsSettled]
            let provisional = Amount(
                runs: all.runs - confirmed.runs,
                milliseconds: all.milliseconds - confirmed.milliseconds,
                credits: row.tally[FeatureColumn.creditsProvisional]
            )
            for (amount, isSettled) in [(confirmed, true), (provisional, false)] where amount.credits != 0 {
                guard let price = snapshot.rateCard.money(thousandths: 1000, on: row.key.day),
                    let cost = snapshot.rateCard.money(thousandths: amount.credits, on: row.key.day)
                else {
                    unpriced.insert(row.key.day)
                    continue
                }
                table.append(values(row.key, amount, isSettled, price: price, cost: cost, in: snapshot))
            }
        }
        guard unpriced.isEmpty else {
            throw NoPrice(days: unpriced.sorted(), hasContract: snapshot.rateCard.contract != nil)
        }
        return table
    }

    private struct Amount {
        var runs = 0
        var milliseconds = 0
        /// Thousandths.
        var credits = 0
    }

    /// What of the machine time is settled, by the keys of ``UsageTable/features``.
    private static func settledAmounts(_ range: ReportRange, _ snapshot: Snapshot) -> [RowKey: Amount] {
        var amounts: [RowKey: Amount] = [:]
        for row in snapshot[.resources] where range.contains(row.key) {
            var key = row.key
            key.texts = [row.key.texts[0], "compute"] + row.key.texts[3...]
            amounts[key, default: Amount()].runs += row.tally[ResourceColumn.runs]
            amounts[key, default: Amount()].milliseconds += row.tally[ResourceColumn.duration]
        }
        return amounts
    }

    private static func values(
        _ key: RowKey,
        _ amount: Amount,
        _ isSettled: Bool,
        price: Money,
        cost: Money,
        in snapshot: Snapshot
    ) -> [ReportTable.Value] {
        let sku = Sku(key)
        let project = key.texts[0]
        let isCompute = sku.feature == "compute"
        let organization = organization(of: project) ?? key.connection
        let account: [ReportTable.Value] = [
            .text(organization), .text(key.connection), .text("Organization"), .text(cost.currency),
        ]
        let periods: [ReportTable.Value] = [
            .text(key.day.firstOfMonth.focusTime), .text(key.day.firstOfNextMonth.focusTime),
            .text(key.day.focusTime), .text(key.day.adding(days: 1).focusTime),
        ]
        let charge: [ReportTable.Value] = [.text("Usage"), .none, .text(sku.description), .text("Usage-Based")]
        let costs: [ReportTable.Value] = [
            .money(cost), .money(cost), .money(cost), .money(cost), .money(price), .money(price),
        ]
        let pricing: [ReportTable.Value] = [
            .text("Standard"), .integer(amount.credits), .text(FocusColumns.credits), .text(FocusColumns.credits),
            .integer(1000), .integer(amount.credits), .integer(1000),
        ]
        // Milliseconds are thousandths of a second.
        let consumed: [ReportTable.Value] =
            isCompute
            ? [.integer(amount.milliseconds), .text("Seconds")] : [.integer(amount.runs * 1000), .text("Runs")]
        let provider: [ReportTable.Value] = [
            .none, .text(FocusColumns.provider), .text(FocusColumns.provider), .text(FocusColumns.provider),
            .text(FocusColumns.serviceCategory), .text(FocusColumns.serviceSubcategory),
            .text(FocusColumns.serviceName),
        ]
        let skus: [ReportTable.Value] = [
            .text(sku.id), .text(sku.id), .text(FocusColumns.meter(sku.feature)), ReportTable.Value(sku.details),
        ]
        let name = snapshot.projectName(connection: key.connection, slug: project)
        let subaccount: [ReportTable.Value] =
            project.isEmpty
            ? [.none, .none, .none] : [.text(project), .text(name.isEmpty ? project : name), .text("Project")]
        let own: [ReportTable.Value] = [
            .text(key.connection), .text(sku.feature), optional(sku.resourceClass), optional(sku.executor),
            optional(sku.operatingSystem), .bool(isSettled), .integer(amount.credits), .integer(amount.runs),
        ]
        return account + periods + charge + costs + pricing + consumed + provider + skus + subaccount + own
    }

    /// `github/acme` of `github/acme/web`: who pays. Nil where a project goes by its id.
    private static func organization(of project: String) -> String? {
        let parts = project.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count >= 3 ? "\(parts[0])/\(parts[1])" : nil
    }

    /// FOCUS allows no empty text: what there is not is null.
    private static func optional(_ text: String) -> ReportTable.Value { text.isEmpty ? .none : .text(text) }
}

/// What is charged for: a feature, and of machine time the machine.
private struct Sku {
    let feature: String
    let resourceClass: String
    let executor: String
    let operatingSystem: String

    init(_ key: RowKey) {
        (feature, resourceClass, executor, operatingSystem) = (key.texts[1], key.texts[2], key.texts[3], key.texts[4])
    }

    /// `compute/docker/medium/linux`, `dlc`.
    var id: String { ([feature] + machine).joined(separator: "/") }

    var description: String {
        let meter = FocusColumns.meter(feature)
        return machine.isEmpty ? meter : "\(meter) on \(machine.joined(separator: " "))"
    }

    /// A JSON object; nil where there is nothing to say.
    var details: String? {
        guard !machine.isEmpty else { return nil }
        var json = JSONWriter()
        json.object { json in
            if !resourceClass.isEmpty { json.member("F_InstanceType", resourceClass) }
            if !operatingSystem.isEmpty { json.member("F_OperatingSystem", operatingSystem) }
            if !executor.isEmpty { json.member("Executor", executor) }
        }
        return String(decoding: json.bytes, as: UTF8.self)
    }

    private var machine: [String] { [executor, resourceClass, operatingSystem].filter { !$0.isEmpty } }
}

extension Money {
    /// All digits, none of them needless: `0.0006`.
    var exactDecimal: String {
        var text = DecimalText.text(trillionths.magnitude, digits: 12)
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
        return (trillionths < 0 ? "-" : "") + text
    }
}
