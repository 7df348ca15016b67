import ArgumentParser
import Foundation
import Meter

/// How cost grows with what there is more of, as a picture.
struct Growth: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "growth",
        abstract: "Draw how cost grows with records, projects, connections and days."
    )

    @Option(help: "The SVG to write.")
    var output = "docs/growth.svg"

    @Option(help: "Records of each log, where something else grows (100000).")
    var records = 100_000

    @Option(help: "Records of the longest log.")
    var most = 1_000_000

    @Option(help: "How often each log is replayed, and a service started with it.")
    var rounds = 3

    @OptionGroup var tools: Tools

    func validate() throws {
        guard (10_000...1_000_000).contains(records), (records...10_000_000).contains(most) else {
            throw ValidationError("--records must be from 10000 to 1000000, --most from there to 10000000")
        }
        guard (1...20).contains(rounds) else { throw ValidationError("--rounds must be from 1 to 20") }
    }

    /// What grows, with the logs that show it.
    private func series(_ directory: String) -> [(name: String, sets: [(Int, DataSet)])] {
        func data(_ name: String, _ count: Int, days: Int? = nil, projects: Int = 20, connections: Int = 1) -> DataSet {
            var data = DataSet(directory: "\(directory)/\(name)", recordCount: count, dayCount: days)
            data.projectCount = projects
            data.connectionCount = connections
            return data
        }
        let counts = [most / 100, most / 30, most / 10, most / 3, most]
        return [
            ("records, 8,000 a day", counts.map { ($0, data("records-\($0)", $0)) }),
            ("projects", [1, 10, 100, 1000].map { ($0, data("projects-\($0)", records, projects: $0)) }),
            (
                "connections, of 100 projects",
                [1, 10, 100].map { ($0, data("connections-\($0)", records, projects: 100, connections: $0)) }
            ),
            ("days", [1, 4, 16, 64, 256].map { ($0, data("days-\($0)", records, days: $0)) }),
        ]
    }

    func run() async throws {
        let stage = try Stage(under: tools.directory)
        defer { stage.clear() }
        stage.clearOnInterruption()
        let program = tools.program(stage)
        let machine = Machine.this(directory: stage.directory)
        var panels: [GrowthPlot.Series] = []
        for (name, sets) in series(stage.directory) {
            var points: [GrowthPlot.Point] = []
            for (amount, data) in sets {
                try data.requireRoom()
                try await data.make()
                let rounds = rounds
                let point = try await onOwnThread("bench.growth") {
                    try Growth.measure(program, data, amount, rounds: rounds)
                }
                try data.remove()
                print(
                    "\(name): \(amount): \(Report.number(point.microseconds)) us per record, "
                        + "\(Report.number(point.mebibytes)) MiB, start \(Report.number(point.startMilliseconds)) ms"
                )
                points.append(point)
            }
            panels.append(GrowthPlot.Series(name: name, points: points))
        }
        let plot = GrowthPlot(
            series: panels,
            caption:
                "\(machine.processor), \(machine.cores) cores; \(records) records where something else grows; medians "
                + "of \(rounds), load \(machine.loadAverage) before; \(Report(machine: machine, versions: [:], rounds: rounds).date.prefix(10))"
        )
        try FileManager.default.createDirectory(
            at: URL(filePath: output).deletingLastPathComponent(),
            withIntermediateDirectories: true
        )
        try Data(plot.svg.utf8).write(to: URL(filePath: output))
        Stage.note("\(output) is drawn")
    }

    private static func measure(
        _ program: Circlemeter,
        _ data: DataSet,
        _ amount: Int,
        rounds: Int
    ) throws -> GrowthPlot.Point {
        var replays: [Resources] = []
        var starts: [Double] = []
        for _ in 1...rounds {
            let arguments = ["replay", "--data-dir", data.directory]
            replays.append(try Resources.of(program.path, arguments, cores: 1, stage: program.stage))
            let (server, time) = try program.serve(data.directory)
            try server.stop()
            starts.append(time.milliseconds)
        }
        return GrowthPlot.Point(
            amount: amount,
            microseconds: replays.map { $0.processorSeconds * 1e6 / Double(data.recordCount) }.median,
            mebibytes: replays.map { Double($0.peakResidentBytes) / Double(1 << 20) }.median,
            startMilliseconds: starts.median
        )
    }
}
