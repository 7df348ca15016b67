import Wire

/// How far off provisional credits were: for each project and day what its settled runs were taken to cost before the
/// usage export, beside what they did cost, and what the difference is made of.
///
/// The three parts add up to the difference: machines (the runs at the card's rates on the machines that the export
/// names, less the estimate), rates (what compute cost, less that; whole seconds are in it, which the export charges),
/// and everything that is no compute.
public enum SettlementReport {
    /// - Parameter snapshot: with all days of `range`.
    public static func table(_ range: ReportRange, of snapshot: Snapshot) -> ReportTable {
        let rated = ratedCompute(range, snapshot)
        var table = ReportTable(columns: columns)
        for row in snapshot[.settlements] where range.contains(row.key) {
            let provisional = row.tally[SettlementColumn.creditsProvisional]
            let compute = row.tally[SettlementColumn.creditsCompute]
            let settled = row.tally[SettlementColumn.creditsSettled]
            let known = rated[row.key] ?? Rated()
            let parts = Parts(
                machines: known.credits - provisional,
                rates: compute - known.credits,
                features: settled - compute,
                lacksRate: known.lacksRate
            )
            table.append([
                .text(row.key.connection), .text(row.key.day.description), .text(row.key.texts[0]),
                .integer(row.tally[SettlementColumn.runs]), .integer(provisional), .integer(compute),
                .integer(settled), .integer(settled - provisional),
                ReportTable.Value(percent(settled - provisional, of: settled)),
                .integer(parts.machines), .integer(parts.rates), .integer(parts.features),
                ReportTable.Value(parts.explanation),
            ])
        }
        return table
    }

    private static let columns = [
        ReportTable.Column("connection", .text, "Connection"),
        ReportTable.Column("day", .day, "Day"),
        ReportTable.Column("project", .text, "Project"),
        ReportTable.Column("runs", .count, "Settled runs"),
        ReportTable.Column("credits_provisional", .credits, "Provisional"),
        ReportTable.Column("credits_compute", .credits, "Compute"),
        ReportTable.Column("credits_settled", .credits, "Settled"),
        ReportTable.Column("difference", .creditsChange, "Difference"),
        ReportTable.Column("difference_percent", .percent, "of settled"),
        ReportTable.Column("difference_by_machines", .creditsChange, "by machines"),
        ReportTable.Column("difference_by_rates", .creditsChange, "by rates"),
        ReportTable.Column("difference_by_features", .creditsChange, "by features"),
        ReportTable.Column("explanation", .text, "Mostly"),
    ]

    private struct Rated {
        var credits = 0
        var lacksRate = false
    }

    /// What the settled runs cost at the card's rates on the machines that the export names, by project and day.
    private static func ratedCompute(_ range: ReportRange, _ snapshot: Snapshot) -> [RowKey: Rated] {
        var sums: [RowKey: Int128] = [:]
        var unrated: Set<RowKey> = []
        for row in snapshot[.resources] where range.contains(row.key) {
            let project = RowKey(connection: row.key.connection, day: row.key.day, texts: [row.key.texts[0]])
            let rate = snapshot.rateCard.thousandthsPerMinute(
                executor: row.key.texts[4],
                resourceClass: row.key.texts[3],
                day: row.key.day
            )
            if rate == nil { unrated.insert(project) }
            sums[project, default: 0] += Int128(rate ?? 0) * Int128(row.tally[ResourceColumn.machine])
        }
        return Dictionary(
            uniqueKeysWithValues: sums.map { project, sum in
                (project, Rated(credits: Int(clamping: (sum + 30_000) / 60_000), lacksRate: unrated.contains(project)))
            }
        )
    }

    private struct Parts {
        var machines: Int
        var rates: Int
        var features: Int
        var lacksRate: Bool

        /// By the greatest part; nil where there is no difference.
        var explanation: String? {
            let greatest = max(machines.magnitude, rates.magnitude, features.magnitude)
            if greatest == 0 { return nil }
            if machines.magnitude == greatest { return "other machines than expected" }
            if rates.magnitude == greatest {
                return lacksRate ? "machines without a rate" : "other rates than the card's, whole seconds"
            }
            return "other features than compute"
        }
    }

    /// Hundredths of a percent, half away from zero; nil where there is nothing to compare with.
    private static func percent(_ part: Int, of whole: Int) -> Int? {
        guard whole != 0 else { return nil }
        let quotient = (Int128(part) * 10_000).magnitude
        let rounded = (quotient + UInt128(whole.magnitude) / 2) / UInt128(whole.magnitude)
        return (part < 0) != (whole < 0) ? -Int(clamping: rounded) : Int(clamping: rounded)
    }
}
