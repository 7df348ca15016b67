import ArgumentParser
import Foundation
import Meter

struct Measure: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Run the comparisons and print a table.",
        discussion: """
            Progress goes to standard error, the table or the JSON to standard output. Everything temporary is removed at \
            the end, also on Ctrl-C. Exit 1 where a check fails, such as a record that is missing; a target that is \
            missed is only shown.
            """
    )

    enum Part: String, CaseIterable, ExpressibleByArgument {
        case deliveries, replay, restart
    }

    @Flag(help: "Small numbers: less than two minutes in all.")
    var quick = false

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: "Run this part only (deliveries, replay or restart); may be repeated.")
    var only: [Part] = []

    @Option(help: "How often each side runs; the two alternate.")
    var rounds = 3

    @Option(help: "Connections of the load generator, one request in flight on each.")
    var connections = 64

    @Option(help: "Deliveries in each round (60000; quick: 10000).")
    var deliveries: Int?

    @Option(help: "Records to replay and to restart with (1000000; quick: 100000).")
    var records: Int?

    @Option(help: "The circlemeter to measure (the one beside this program).")
    var circlemeter: String?

    @Option(help: "A Python that has DuckDB.")
    var python: String?

    @Option(help: "Where the temporary directory is made; its disk is the one that is measured.")
    var directory = NSTemporaryDirectory()

    var deliveryCount: Int { deliveries ?? (quick ? 10_000 : 60_000) }
    var recordCount: Int { records ?? (quick ? 100_000 : 1_000_000) }
    var parts: [Part] { only.isEmpty ? Part.allCases : only }

    func validate() throws {
        guard (1...100).contains(rounds) else { throw ValidationError("--rounds must be from 1 to 100") }
        guard (1...200).contains(connections) else { throw ValidationError("--connections must be from 1 to 200") }
        guard (1000...1_000_000).contains(deliveryCount) else {
            throw ValidationError("--deliveries must be from 1000 to 1000000")
        }
        guard python != nil || !parts.contains(.replay) else {
            throw ValidationError("--python is missing; scripts/bench makes one that has DuckDB")
        }
        guard (10_000...20_000_000).contains(recordCount) else {
            throw ValidationError("--records must be from 10000 to 20000000")
        }
    }

    func run() async throws {
        let stage = try Stage(under: directory)
        defer { stage.clear() }
        stage.clearOnInterruption()
        let program = Circlemeter(path: circlemeter ?? Circlemeter.besideThisProgram, stage: stage)
        var report = Report(
            machine: Machine.this(directory: stage.directory),
            versions: try await onOwnThread("bench.versions") { try Versions.read(program) },
            rounds: rounds
        )
        if parts.contains(.deliveries) {
            let comparison = DeliveryComparison(
                stage: stage,
                program: program,
                rounds: rounds,
                connections: connections,
                count: deliveryCount
            )
            report.sections.append(try await onOwnThread("bench.deliveries") { try comparison.run() })
        }
        if parts.contains(.replay) || parts.contains(.restart) {
            try await measureLog(stage, program, &report)
        }
        print(json ? try report.json() : report.table)
        guard report.allChecksHold else { throw ExitCode(1) }
    }

    /// Replay and restart share the log that they need.
    private func measureLog(_ stage: Stage, _ program: Circlemeter, _ report: inout Report) async throws {
        let large = DataSet(directory: "\(stage.directory)/large", recordCount: recordCount)
        try large.requireRoom()
        try await large.make()
        if parts.contains(.replay), let python {
            let duckDB = DuckDB(python: python, stage: stage)
            let comparison = ReplayComparison(program: program, duckDB: duckDB, data: large, rounds: rounds)
            let section = try await onOwnThread("bench.replay") { try comparison.run() }
            report.versions["DuckDB"] = section.duckDBVersion
            report.sections.append(section.section)
        }
        guard parts.contains(.restart) else { return }
        let small = DataSet(directory: "\(stage.directory)/small", recordCount: min(10_000, recordCount))
        try await small.make()
        let comparison = RestartComparison(program: program, large: large, small: small, rounds: rounds)
        report.sections.append(try await onOwnThread("bench.restart") { try comparison.run() })
    }
}
