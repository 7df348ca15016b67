import Wire

/// The columns of FOCUS 1.2 (<https://focus.finops.org/focus-specification/v1-2/>) that CircleCI has something for, in the
/// specification's words, and behind them this program's own.
///
/// Not there, since CircleCI has no such thing: availability zones, regions, capacity reservations, commitment discounts,
/// provisioned resources and tags.
enum FocusColumns {
    static let columns =
        [
            text("BillingAccountId"), text("BillingAccountName"), text("BillingAccountType"), text("BillingCurrency"),
            text("BillingPeriodStart"), text("BillingPeriodEnd"), text("ChargePeriodStart"), text("ChargePeriodEnd"),
            text("ChargeCategory"), text("ChargeClass"), text("ChargeDescription"), text("ChargeFrequency"),
            decimal("BilledCost"), decimal("EffectiveCost"), decimal("ContractedCost"), decimal("ListCost"),
            decimal("ContractedUnitPrice"), decimal("ListUnitPrice"), text("PricingCategory"),
            decimal("PricingQuantity"), text("PricingUnit"), text("PricingCurrency"),
            decimal("PricingCurrencyContractedUnitPrice"), decimal("PricingCurrencyEffectiveCost"),
            decimal("PricingCurrencyListUnitPrice"), decimal("ConsumedQuantity"), text("ConsumedUnit"),
            text("InvoiceId"), text("InvoiceIssuerName"), text("ProviderName"), text("PublisherName"),
            text("ServiceCategory"), text("ServiceSubcategory"), text("ServiceName"), text("SkuId"),
            text("SkuPriceId"), text("SkuMeter"), text("SkuPriceDetails"), text("SubAccountId"),
            text("SubAccountName"), text("SubAccountType"),
        ] + own

    /// FOCUS has custom columns begin with `x_` and stand last.
    private static let own = [
        text("x_Connection"), text("x_Feature"), text("x_ResourceClass"), text("x_Executor"),
        text("x_OperatingSystem"), ReportTable.Column("x_Settled", .bool, "x_Settled"), decimal("x_Credits"),
        ReportTable.Column("x_Runs", .count, "x_Runs"),
    ]

    private static func text(_ name: String) -> ReportTable.Column { ReportTable.Column(name, .text, name) }
    private static func decimal(_ name: String) -> ReportTable.Column { ReportTable.Column(name, .decimal, name) }

    static let provider = "CircleCI"
    /// A virtual currency, and the unit in which everything is priced.
    static let credits = "Credits"
    static let serviceCategory = "Developer Tools"
    static let serviceSubcategory = "Continuous Integration and Deployment"
    static let serviceName = "CircleCI"

    /// What a feature of the usage export meters, for people.
    static func meter(_ feature: String) -> String {
        switch feature {
        case "compute": "Compute"
        case "dlc": "Docker Layer Caching"
        case "user": "Active Users"
        case "storage": "Storage"
        case "network": "Network"
        case "lease": "Dedicated Host Lease"
        case "lease_overage": "Dedicated Host Lease Overage"
        case "ipranges": "IP Ranges"
        case "unattributed": "Not Attributed"
        case let other: other
        }
    }
}

extension Day {
    /// Its first instant as FOCUS writes times: without fractions.
    var focusTime: String { "\(self)T00:00:00Z" }

    /// The first day of the month after.
    var firstOfNextMonth: Day { firstOfMonth.adding(days: 31).firstOfMonth }
}
