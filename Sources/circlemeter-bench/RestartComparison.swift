import Foundation

/// How long a service takes to be ready again: with a long log against a short one. The snapshot is up to date.
struct RestartComparison: Sendable {
    private static let targetMilliseconds = 1000.0

    let program: Circlemeter
    let large: DataSet
    let small: DataSet
    let rounds: Int

    /// Blocks.
    func run() throws -> Report.Section {
        for data in [large, small] {
            _ = try program.output(["replay", "--data-dir", data.directory])
        }
        var largeTimes: [Double] = []
        var smallTimes: [Double] = []
        for round in 1...rounds {
            largeTimes.append(try restart(large))
            smallTimes.append(try restart(small))
            Stage.note(
                "restart, round \(round) of \(rounds): \(Report.number(largeTimes[round - 1])) ms, "
                    + "with \(small.recordCount) records \(Report.number(smallTimes[round - 1])) ms"
            )
        }
        var row = Report.Row(name: "start until ready", unit: "ms", circlemeter: largeTimes, other: smallTimes)
        row.target = .below(RestartComparison.targetMilliseconds)
        return Report.Section(
            title: "Restart",
            conditions:
                "circlemeter with \(large.recordCount) records, from the start of the process until /readyz answers 200; "
                + "page cache warm",
            other: "with \(small.recordCount) records",
            rows: [row],
            checks: []
        )
    }

    /// In milliseconds.
    private func restart(_ data: DataSet) throws -> Double {
        let (server, time) = try program.serve(data.directory)
        try server.stop()
        return time.milliseconds
    }
}
