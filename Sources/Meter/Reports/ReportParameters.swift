import Usage
import Wire

/// What a report is asked with: the parameters of a query, the options of a command, the fields of a form. Whatever no
/// report knows is refused by name, since a slip would otherwise give another answer than was asked for.
struct ReportParameters {
    private let values: [String: String]
    private var known: Set<String> = []

    init(_ values: [String: String]) {
        // A form sends what was left empty, too.
        self.values = values.filter { !$0.value.isEmpty }
    }

    mutating func text(_ name: String) -> String? {
        known.insert(name)
        return values[name]
    }

    mutating func day(_ name: String) throws(MeterError) -> Day? {
        guard let text = text(name) else { return nil }
        guard let day = Day(text) else {
            throw ReportParameters.invalid(name, "'\(text)' is no day", hint: "a day as 2026-11-01")
        }
        return day
    }

    /// Only this connection, which may be one that was removed; nil: all.
    mutating func connection() throws(MeterError) -> String? {
        guard let text = text("connection") else { return nil }
        guard Connection.isValidId(text) else {
            throw ReportParameters.invalid("connection", "It is no connection's id", hint: "an id as acme")
        }
        return text
    }

    mutating func flag(_ name: String) throws(MeterError) -> Bool {
        switch text(name) {
        case nil: return false
        case let text? where ReportParameters.flags.yes.contains(text): return true
        case let text? where ReportParameters.flags.no.contains(text): return false
        case let text?:
            throw ReportParameters.invalid(name, "'\(text)' is neither true nor false", hint: "true or false")
        }
    }

    mutating func count(_ name: String, in range: ClosedRange<Int>) throws(MeterError) -> Int? {
        guard let text = text(name) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw ReportParameters.invalid(
                name,
                "'\(text)' cannot be used",
                hint: "a number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return value
    }

    mutating func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String,
        _ type: Choice.Type
    ) throws(MeterError) -> Choice? where Choice.RawValue == String {
        guard let text = text(name) else { return nil }
        return try ReportParameters.choice(text, name, type)
    }

    /// A comma list.
    mutating func choices<Choice: RawRepresentable & CaseIterable & Equatable>(
        _ name: String,
        _ type: Choice.Type
    ) throws(MeterError) -> [Choice] where Choice.RawValue == String {
        guard let text = text(name) else { return [] }
        var choices: [Choice] = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            let choice = try ReportParameters.choice(String(word), name, type)
            guard !choices.contains(choice) else {
                throw ReportParameters.invalid(name, "'\(word)' is there twice")
            }
            choices.append(choice)
        }
        return choices
    }

    /// `connection`, and `from` and `to` or `period`; the last 30 days where none is given.
    mutating func range(today: Day) throws(MeterError) -> ReportRange {
        let connection = try connection()
        let (from, to) = (try day("from"), try day("to"))
        if let period = try choice("period", ReportPeriod.self) {
            guard from == nil, to == nil else {
                throw ReportParameters.invalid("period", "It goes without 'from' and 'to'")
            }
            return ReportRange(period.days(today: today), connection: connection)
        }
        let last = to ?? max(today, from ?? today)
        let first = from ?? last.adding(days: -29)
        guard first <= last else { throw ReportParameters.invalid("to", "It is before 'from'") }
        guard last.daysSinceEpoch - first.daysSinceEpoch < ReportParameters.maximumDays else {
            throw ReportParameters.invalid(
                "from",
                "The range has more than \(ReportParameters.maximumDays) days"
            )
        }
        return ReportRange(first...last, connection: connection)
    }

    /// `connection`, and `month` as 2026-11; this month where none is given.
    mutating func month(today: Day) throws(MeterError) -> ReportRange {
        let connection = try connection()
        var first = today.firstOfMonth
        if let text = text("month") {
            guard text.utf8.count == 7, let day = Day(text + "-01") else {
                throw ReportParameters.invalid("month", "'\(text)' is no month", hint: "a month as 2026-11")
            }
            first = day
        }
        let next = first.adding(days: 31).firstOfMonth
        return ReportRange(first...next.adding(days: -1), connection: connection)
    }

    private static let maximumDays = 3660

    /// How a flag may be given; forms send `on`.
    static let flags = (yes: ["true", "1", "on"], no: ["false", "0"])

    /// Call it when all parameters have been asked for.
    func refuseOthers() throws(MeterError) {
        guard let other = values.keys.filter({ !known.contains($0) }).min() else { return }
        throw ReportParameters.invalid(
            other,
            "There is no such parameter here",
            hint: "known are " + known.sorted().joined(separator: ", ")
        )
    }

    static func invalid(_ name: String, _ message: String, hint: String? = nil) -> MeterError {
        MeterError(.invalidParameter, message, at: name, hint: hint)
    }

    private static func choice<Choice: RawRepresentable & CaseIterable>(
        _ text: String,
        _ name: String,
        _ type: Choice.Type
    ) throws(MeterError) -> Choice where Choice.RawValue == String {
        guard let choice = Choice(rawValue: text) else {
            throw invalid(
                name,
                "'\(text)' cannot be used",
                hint: "one of " + Choice.allCases.map(\.rawValue).joined(separator: ", ")
            )
        }
        return choice
    }
}
