import ArgumentParser
import Foundation
import Meter

struct Measure: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Run the comparisons and print a table.",
        discussion: """
            Progress goes to standard error, the table or the JSON to standard output. Everything temporary is removed at \
            the end, also on Ctrl-C. Exit 1 where a check fails, such as a record that is missing; an aim that is missed \
            is only shown.
            """
    )

    enum Part: String, CaseIterable, ExpressibleByArgument {
        case deliveries, latency, lag, idle, replay, compression, settle, history, pages
    }

    @Flag(help: "Small numbers: a few minutes in all.")
    var quick = false

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: "Run this part only; may be repeated.")
    var only: [Part] = []

    @Option(help: "How often each side runs; they alternate.")
    var rounds = 3

    @Option(help: "Connections of the load generator, one request in flight on each.")
    var connections = 64

    @Option(help: "Deliveries in each round (60000; quick: 10000).")
    var deliveries: Int?

    @Option(help: "Records to replay (1000000; quick: 100000).")
    var records: Int?

    @Option(help: "Records of a year's log, for memory and start (10000000; quick: 200000).")
    var history: Int?

    @Option(help: "Rows of the usage export, and of the table jobs (1000000; quick: 50000).")
    var rows: Int?

    @OptionGroup var tools: Tools

    var deliveryCount: Int { deliveries ?? (quick ? 10_000 : 60_000) }
    var recordCount: Int { records ?? (quick ? 100_000 : 1_000_000) }
    var historyCount: Int { history ?? (quick ? 200_000 : 10_000_000) }
    var rowCount: Int { rows ?? (quick ? 50_000 : 1_000_000) }
    var parts: [Part] { only.isEmpty ? Part.allCases : only }

    func validate() throws {
        func require(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws {
            guard range.contains(value) else {
                throw ValidationError("--\(name) must be from \(range.lowerBound) to \(range.upperBound)")
            }
        }
        try require("rounds", rounds, 1...100)
        try require("connections", connections, 1...90)
        try require("deliveries", deliveryCount, 1000...1_000_000)
        try require("records", recordCount, 10_000...20_000_000)
        try require("history", historyCount, 100_000...20_000_000)
        try require("rows", rowCount, 10_000...2_000_000)
    }

    func run() async throws {
        let stage = try Stage(under: tools.directory)
        defer { stage.clear() }
        stage.clearOnInterruption()
        let program = tools.program(stage)
        var report = Report(
            machine: Machine.this(directory: stage.directory),
            versions: try await onOwnThread("bench.versions") { try Versions.read(program) },
            rounds: rounds
        )
        for part in Part.allCases where parts.contains(part) {
            report.sections += try await measure(part, stage, program, &report.versions)
        }
        print(json ? try report.json() : report.table)
        guard report.allChecksHold else { throw ExitCode(1) }
    }

    private func measure(
        _ part: Part,
        _ stage: Stage,
        _ program: Circlemeter,
        _ versions: inout [String: String]
    ) async throws -> [Report.Section] {
        let (quick, rounds, rowCount) = (quick, rounds, rowCount)
        switch part {
        case .deliveries:
            let comparison = DeliveryComparison(
                stage: stage,
                program: program,
                rounds: rounds,
                connections: connections,
                count: deliveryCount
            )
            let outcome = try await onOwnThread("bench.deliveries") { try comparison.run() }
            versions.merge(outcome.versions) { $1 }
            return [outcome.section]
        case .latency:
            let comparison = LatencyComparison(
                stage: stage,
                program: program,
                rounds: rounds,
                seconds: quick ? 4 : 20
            )
            return [try await onOwnThread("bench.latency") { try comparison.run() }]
        case .lag:
            let measurement = LagMeasurement(stage: stage, program: program, seconds: quick ? 5 : 30)
            return [try await onOwnThread("bench.lag") { try measurement.run() }]
        case .idle:
            let measurement = IdleMeasurement(stage: stage, program: program, seconds: quick ? 5 : 30)
            return [try await onOwnThread("bench.idle") { try measurement.run() }]
        case .replay:
            let data = DataSet(directory: "\(stage.directory)/replay", recordCount: recordCount)
            try data.requireRoom()
            try await data.make()
            let duckDB = DuckDB(python: try tools.requirePython(), stage: stage)
            let comparison = ReplayComparison(program: program, duckDB: duckDB, data: data, rounds: rounds)
            let outcome = try await onOwnThread("bench.replay") { try comparison.run() }
            versions["DuckDB"] = outcome.duckDBVersion
            try data.remove()
            return [outcome.section]
        case .compression:
            let data = DataSet(directory: "\(stage.directory)/compression", recordCount: recordCount)
            try data.requireRoom()
            try await data.make()
            let comparison = CompressionComparison(program: program, data: data, rounds: rounds)
            let section = try await onOwnThread("bench.compression") { try comparison.run() }
            try data.remove()
            return [section]
        case .settle:
            let comparison = SettleComparison(
                program: program,
                python: try tools.requirePython(),
                stage: stage,
                rowCount: rowCount,
                rounds: rounds
            )
            return [try await onOwnThread("bench.settle") { try comparison.run() }]
        case .history:
            return [
                try await HistoryComparison(
                    program: program,
                    recordCount: historyCount,
                    rounds: rounds,
                    stage: stage
                ).run()
            ]
        case .pages:
            let comparison = PagesComparison(
                program: program,
                python: try tools.requirePython(),
                rowCount: rowCount,
                rounds: 5,
                directory: "\(stage.directory)/pages"
            )
            return try await onOwnThread("bench.pages") { try comparison.run() }
        }
    }
}

/// What every measurement needs to know.
struct Tools: ParsableArguments {
    @Option(help: "The circlemeter to measure (the one beside this program).")
    var circlemeter: String?

    @Option(help: "A Python that has DuckDB.")
    var python: String?

    @Option(help: "Where the temporary directory is made; its disk is the one that is measured.")
    var directory = NSTemporaryDirectory()

    func program(_ stage: Stage) -> Circlemeter {
        Circlemeter(path: circlemeter ?? Circlemeter.besideThisProgram, stage: stage)
    }

    func requirePython() throws -> String {
        guard let python else { throw BenchFailure("--python is missing; scripts/bench makes one that has DuckDB") }
        return python
    }
}
