import Usage
import Wire

/// The form above a report, which asks for another: which days, which connection, by what.
struct ReportForm {
    struct Choice {
        let value: String
        let title: String
        let isChosen: Bool
    }

    struct Field {
        let name: String
        let label: String
        let choices: [Choice]
    }

    let action: String
    let fields: [Field]
    let from: String
    let to: String
    /// The word for days that is shown as chosen; empty where the days themselves are.
    let shown: String
    /// Whether days are asked for, not months.
    let hasDays: Bool
    /// Kept while other things are chosen.
    let project: String?

    /// - Parameters:
    ///   - values: what was asked with.
    ///   - monthsBefore: today, where a month is asked for instead of days.
    ///   - groupings: values of `group_by` with what people call them; the first is the usual one.
    init(
        _ action: String,
        _ values: [String: String],
        connections: [String],
        groupings: [(value: String, title: String)] = [],
        monthsBefore: Day? = nil
    ) {
        self.action = action
        from = values["from"] ?? ""
        to = values["to"] ?? ""
        project = values["project"].flatMap { $0.isEmpty ? nil : $0 }
        hasDays = monthsBefore == nil
        let isDays = !from.isEmpty || !to.isEmpty
        let period = values["period"].flatMap { $0.isEmpty ? nil : $0 }
        let shown = period ?? (isDays ? "" : ReportPeriod.usual.rawValue)
        self.shown = shown
        var fields = [
            monthsBefore.map { ReportForm.months(before: $0, chosen: values["month"]) }
                ?? Field(
                    name: "period",
                    label: "Days (UTC)",
                    choices: [Choice(value: "", title: "from and to", isChosen: isDays)]
                        + ReportPeriod.allCases.map { candidate in
                            Choice(
                                value: candidate.rawValue,
                                title: candidate.title,
                                isChosen: shown == candidate.rawValue
                            )
                        }
                )
        ]
        if connections.count > 1 {
            fields.append(
                Field(
                    name: "connection",
                    label: "Connection",
                    choices: [Choice(value: "", title: "all", isChosen: values["connection"]?.isEmpty ?? true)]
                        + connections.map { Choice(value: $0, title: $0, isChosen: values["connection"] == $0) }
                )
            )
        }
        if let usual = groupings.first {
            let chosen = values["group_by"].flatMap { $0.isEmpty ? nil : $0 } ?? usual.value
            fields.append(
                Field(
                    name: "group_by",
                    label: "By",
                    choices: groupings.map { Choice(value: $0.value, title: $0.title, isChosen: $0.value == chosen) }
                )
            )
        }
        self.fields = fields
    }

    /// Of days and a word for days, when a form sends both, the one that was changed: the days where the word is the one
    /// that was shown, else the word.
    static func decided(_ values: [String: String]) -> [String: String] {
        var decided = values
        let shown = decided.removeValue(forKey: "shown")
        let hasDays = ["from", "to"].contains { values[$0]?.isEmpty == false }
        guard hasDays, let period = values["period"], !period.isEmpty else { return decided }
        for name in period == shown ? ["period"] : ["from", "to"] { decided[name] = nil }
        return decided
    }

    /// This month and the twelve before.
    private static func months(before today: Day, chosen: String?) -> Field {
        var months = [today.firstOfMonth]
        for _ in 0..<12 { months.append(months[months.count - 1].adding(days: -1).firstOfMonth) }
        return Field(
            name: "month",
            label: "Month (UTC)",
            choices: months.map { month in
                Choice(value: month.month, title: month.month, isChosen: month.month == chosen)
            }
        )
    }
}
