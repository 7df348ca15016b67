import Foundation
import Meter

/// From the log to counters: a replay into a complete `usage.sqlite`, against DuckDB's group-by over the same files.
struct ReplayComparison: Sendable {
    let program: Circlemeter
    let duckDB: DuckDB
    let data: DataSet
    let rounds: Int

    /// Blocks.
    func run() throws -> (section: Report.Section, duckDBVersion: String) {
        let logDirectory = DataDirectory(data.directory).log
        let bytes = Double(try data.logByteCount())
        var replays: [Double] = []
        var queries: [DuckDB.Outcome] = []
        for round in 1...rounds {
            replays.append(try replay())
            queries.append(try duckDB.count(logDirectory: logDirectory))
            Stage.note(
                "replay, round \(round) of \(rounds): \(Report.number(replays[round - 1])) s, "
                    + "DuckDB \(Report.number(queries[round - 1].seconds)) s"
            )
        }
        let counted = try program.json(
            Counted.self,
            ["snapshot", "--no-position", "--data-dir", data.directory]
        )
        let query = queries[0]
        let records = Double(data.recordCount)
        let times = queries.map(\.seconds)
        var rate = Report.Row(
            name: "records",
            unit: "/s",
            circlemeter: replays.map { records / $0 },
            other: times.map { records / $0 }
        )
        rate.target = .ratioAtLeast(1)
        let volume = Report.Row(
            name: "volume",
            unit: "MB/s",
            circlemeter: replays.map { bytes / $0 / 1e6 },
            other: times.map { bytes / $0 / 1e6 }
        )
        let section = Report.Section(
            title: "Replay",
            conditions:
                "\(data.recordCount) records, \(Int(bytes / 1e6)) MB, in the page cache; "
                + (OneCore.isAvailable ? "one core (taskset)" : "circlemeter not bound to one core: no taskset here")
                + "; circlemeter checks every checksum and writes all tables of usage.sqlite, synced, and its whole "
                + "process is timed; DuckDB counts jobs and workflows only, in memory, PRAGMA threads=1, and its "
                + "queries alone are timed",
            other: "DuckDB, one thread",
            rows: [rate, volume],
            checks: [
                Report.Check(
                    name: "runs counted by circlemeter = by DuckDB",
                    found: counted.runs,
                    expected: query.runs
                ),
                Report.Check(
                    name: "milliseconds counted by circlemeter = by DuckDB",
                    found: counted.durationMilliseconds,
                    expected: query.durationMilliseconds
                ),
            ]
        )
        return (section, query.version)
    }

    /// The seconds that a replay takes, from the start of its process to its end.
    private func replay() throws -> Double {
        let begin = ContinuousClock.now
        _ = try OneCore.command(program.path, ["replay", "--json", "--data-dir", data.directory], stage: program.stage)
            .output()
        return (ContinuousClock.now - begin).milliseconds / 1000
    }
}

/// The sums over a snapshot.
private struct Counted: Decodable {
    private struct Row: Decodable {
        var runs: [String: Int]
        var duration_ms: Int
    }

    private var jobs: [Row]
    private var workflows: [Row]

    var runs: Int { (jobs + workflows).reduce(0) { $0 + $1.runs.values.reduce(0, +) } }
    var durationMilliseconds: Int { (jobs + workflows).reduce(0) { $0 + $1.duration_ms } }
}
