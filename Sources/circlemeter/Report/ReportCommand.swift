import ArgumentParser
import Meter
import Usage
import Wire

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Answer a question about usage: as a table, JSON or CSV.",
        discussion: """
            usage         runs, time and credits by project, workflow, job, branch, resource class, day; with --compare the \
            same of the days before, and why the credits changed
            features      what each feature cost, who used it, and what is paid for and not used
            people        who was active in a month, registered or not, who is new, how many it will have been at its end
            right-sizing  jobs that never need half of their machine, and what a smaller one would save
            settlements   provisional credits beside the settled ones, and what the difference is made of
            focus         costs in the columns of FOCUS 1.2, for tools that compare clouds
            coverage      who told of the runs, what is missing, which days are settled
            counters      the rows of one table of counters (--table)

            Credits are settled where CircleCI's usage export says so and provisional before; the column state tells which.
            Which project used the most credits last week, and why did it change?
                circlemeter report usage --period last-week --compare
            Which jobs of a project are behind it?
                circlemeter report usage --period last-week --compare --project github/o/r --group-by workflow,job
            Which job would be cheaper on a smaller machine?
                circlemeter report right-sizing
            How many paid users are there this month, and who is new?
                circlemeter report people
            """
    )

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table
        case json
        case csv
    }

    @Argument(help: "Which report.")
    var name: Report.Name

    @OptionGroup var data: DataOptions
    @OptionGroup var options: ReportOptions

    @Option(help: "How it is printed; JSON and CSV hold every digit.")
    var format = Format.table

    func run() async throws {
        let report: Report
        do {
            report = try Report(name, options.values, today: Timestamp.now.day)
        } catch {
            throw CommandFailure.misuse("--\(ReportOptions.option(error.location)): \(error.message)", hint: error.hint)
        }
        let directory = try data.existingDirectory()
        let snapshot = try await onOwnThread("circlemeter.report") { try report.read(directory) }
        guard let snapshot else {
            throw CommandFailure.found(
                "there is no snapshot in \(directory.path) that this program can read",
                hint: "make it from the log: circlemeter replay --data-dir \(directory.path)"
            )
        }
        var rules = PeopleRules()
        if name.dependsOnPeople {
            do {
                let policy = try await onOwnThread("circlemeter.people") { try PersonPolicy.forReading(directory) }
                try policy.check(snapshot)
                rules = policy.rules
            } catch let error as MeterError {
                throw CommandFailure.found(error.message, hint: error.hint)
            }
        }
        let table: ReportTable
        do {
            table = try report.table(of: snapshot, rules: rules)
        } catch {
            throw CommandFailure.found(error.message, hint: error.hint)
        }
        switch format {
        case .json: Console.output(report.json(table, of: snapshot, rules: rules))
        case .csv: Console.output(table.csv())
        case .table:
            let days = report.range.days
            Console.status("\(name.rawValue), \(days.lowerBound) to \(days.upperBound) (UTC)\n")
            if let summary = report.summary(of: snapshot, rules: rules) {
                Console.output(TextTable(summary.table).text + "\n")
            }
            Console.output(TextTable(table).text)
        }
    }
}

extension Report.Name: ExpressibleByArgument {}

/// What a report is asked with.
struct ReportOptions: ParsableArguments {
    @Option(help: "Only this connection.")
    var connection: String?

    @Option(help: "The first UTC day, as 2026-11-01.")
    var from: String?

    @Option(help: "The last UTC day; today where it is left out.")
    var to: String?

    @Option(
        help: ArgumentHelp(
            "Instead of days: " + ReportPeriod.allCases.map(\.rawValue).joined(separator: ", ") + ".",
            valueName: "period"
        )
    )
    var period: String?

    @Option(
        name: .customLong("group-by"),
        help: ArgumentHelp("What runs are added up by, with commas between.", valueName: "name,...")
    )
    var groupBy: String?

    @Option(help: "usage: only this project, by its slug in the long form.")
    var project: String?

    @Flag(help: "usage: beside the same number of days before, with the reason of the change.")
    var compare = false

    @Flag(help: "right-sizing: also the jobs that need their machine.")
    var all = false

    @Option(help: "counters: which table.")
    var table: String?

    @Option(help: "people: the month, as 2026-11; this month where it is left out.")
    var month: String?

    @Option(help: "At most so many rows.")
    var limit: Int?

    @Option(help: "Without so many rows at the beginning.")
    var offset: Int?

    /// By the names of the API's parameters.
    var values: [String: String] {
        let given: [String: String?] = [
            "connection": connection, "from": from, "to": to, "period": period, "group_by": groupBy, "project": project,
            "compare": compare ? "true" : nil, "all": all ? "true" : nil, "table": table,
            "month": month, "limit": limit.map(String.init), "offset": offset.map(String.init),
        ]
        return given.compactMapValues { $0 }
    }

    static func option(_ parameter: String?) -> String { (parameter ?? "").replacing("_", with: "-") }
}
