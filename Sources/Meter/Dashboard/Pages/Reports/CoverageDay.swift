import Usage

/// How complete the counters of a project are on a day, or on all days of a column of the calendar.
struct CoverageDay {
    enum State: CaseIterable {
        case missing
        case filledIn
        case webhook
        case settled
        case noRun
    }

    private(set) var runs = 0
    private(set) var webhook = 0
    private(set) var apiOnly = 0
    private(set) var exportOnly = 0
    private(set) var missing = 0
    /// Whether a usage export has closed every day that had anything.
    private(set) var isClosed = true

    mutating func add(_ day: CoverageDay) {
        runs += day.runs
        webhook += day.webhook
        apiOnly += day.apiOnly
        exportOnly += day.exportOnly
        missing += day.missing
        isClosed = isClosed && day.isClosed
    }

    var state: State {
        if missing > 0 { return .missing }
        if runs == 0 { return .noRun }
        if isClosed { return .settled }
        return apiOnly + exportOnly > 0 ? .filledIn : .webhook
    }

    /// What stands in the cell: the state can be told without its colour.
    var sign: String { state == .missing ? "!\(grouped(missing))" : state.sign }

    /// The state in words, with the number where something is missing.
    var words: String { state == .missing ? "\(grouped(missing)) missing" : state.words }

    /// All that is known, such as `12 runs: 10 by webhook, 2 by the API; 1 missing`.
    var detail: String {
        var tellers: [String] = []
        if webhook > 0 { tellers.append("\(grouped(webhook)) by webhook") }
        if apiOnly > 0 { tellers.append("\(grouped(apiOnly)) by the API") }
        if exportOnly > 0 { tellers.append("\(grouped(exportOnly)) by the usage export") }
        var text = runs == 1 ? "1 run" : "\(grouped(runs)) runs"
        if !tellers.isEmpty { text += ": " + tellers.joined(separator: ", ") }
        if missing > 0 { text += "; \(grouped(missing)) missing" }
        if isClosed, runs > 0 { text += "; settled and closed" }
        return text
    }
}

extension CoverageDay {
    /// - Parameters:
    ///   - table: of ``CoverageReport``.
    ///   - row: one of its rows.
    init(_ table: ReportTable, _ row: [ReportTable.Value]) {
        func count(_ name: String) -> Int { table.column(name).map { row[$0].number } ?? 0 }
        runs = count("runs")
        webhook = count("webhook")
        apiOnly = count("api_only")
        exportOnly = count("export_only")
        missing = count("missing")
        isClosed = table.column("closed").map { row[$0] == .bool(true) } ?? false
    }
}

extension CoverageDay.State {
    var sign: String {
        switch self {
        case .missing: "!"
        case .filledIn: "a"
        case .webhook: "\u{2713}"
        case .settled: "S"
        case .noRun: "\u{b7}"
        }
    }

    var words: String {
        switch self {
        case .missing: "something is missing, with how much"
        case .filledIn: "filled in by the API"
        case .webhook: "complete by webhook"
        case .settled: "settled and closed"
        case .noRun: "no run"
        }
    }

    /// The cell's class in the style sheet.
    var tone: String {
        switch self {
        case .missing: "gap"
        case .filledIn: "filled"
        case .webhook: "told"
        case .settled: "closed"
        case .noRun: "idle"
        }
    }
}
