import Foundation
import Meter

/// From the log to counters: a replay into a complete `usage.sqlite`, against DuckDB's group-by over the same files, and
/// against counting their lines.
struct ReplayComparison: Sendable {
    private static let ratioOnOneCore = 2.5
    private static let ratioOnTwoCores = 2.0
    private static let ratioToLineCount = 4.0

    let program: Circlemeter
    let duckDB: DuckDB
    let data: DataSet
    let rounds: Int

    /// Blocks.
    func run() throws -> (section: Report.Section, duckDBVersion: String) {
        let logDirectory = DataDirectory(data.directory).log
        let files = try data.logFiles()
        var replays: [Int: [Resources]] = [:]
        var queries: [Int: [DuckDB.Outcome]] = [:]
        var lineCounts: [Double] = []
        for round in 1...rounds {
            for cores in [1, 2] {
                replays[cores, default: []].append(
                    try Resources.of(
                        program.path,
                        ["replay", "--json", "--data-dir", data.directory],
                        cores: cores,
                        stage: program.stage
                    )
                )
                queries[cores, default: []].append(try duckDB.count(logDirectory: logDirectory, threads: cores))
                Stage.note(
                    "replay, round \(round) of \(rounds), cores \(cores): "
                        + "\(Report.number(replays[cores]?.last?.seconds ?? 0)) s, "
                        + "DuckDB \(Report.number(queries[cores]?.last?.seconds ?? 0)) s"
                )
            }
            lineCounts.append(try Resources.of("/usr/bin/wc", ["-l"] + files, stage: program.stage).seconds)
        }
        let counted = try program.json(Counted.self, ["snapshot", "--no-position", "--data-dir", data.directory])
        guard let query = queries[1]?.first else { throw BenchFailure("DuckDB was not asked") }
        let records = Double(data.recordCount)
        func rate(_ cores: Int, _ aim: Double) -> Report.Row {
            Report.Row(
                name: "replay, \(cores == 1 ? "one core" : "two cores"): records",
                unit: "/s",
                circlemeter: (replays[cores] ?? []).map { records / $0.seconds },
                against: cores == 1 ? "DuckDB, one thread" : "DuckDB, two threads",
                other: (queries[cores] ?? []).map { records / $0.seconds },
                aims: [.ratioAtLeast(aim)]
            )
        }
        let section = Report.Section(
            title: "Replay",
            conditions:
                "\(data.recordCount) records over \(data.dayCount) days, \(try data.logByteCount() / 1_000_000) MB, in the "
                + "page cache; " + (Cores.isAvailable ? "cores by taskset" : "not bound to cores: no taskset here")
                + "; circlemeter checks every checksum and writes all tables of usage.sqlite, synced, and its whole "
                + "process is timed; DuckDB counts jobs and workflows only, in memory, and its queries alone are timed; "
                + "wc -l is timed whole",
            rows: [
                rate(1, ReplayComparison.ratioOnOneCore),
                rate(2, ReplayComparison.ratioOnTwoCores),
                Report.Row(
                    name: "replay, two cores",
                    unit: "s",
                    circlemeter: (replays[2] ?? []).map(\.seconds),
                    against: "wc -l of the same files",
                    other: lineCounts,
                    aims: [.ratioAtMost(ReplayComparison.ratioToLineCount)]
                ),
                Report.Row(
                    name: "processor time per record, one core",
                    unit: "us",
                    circlemeter: (replays[1] ?? []).map { $0.processorSeconds * 1e6 / records }
                ),
                Report.Row(
                    name: "peak resident memory, two cores",
                    unit: "MiB",
                    circlemeter: (replays[2] ?? []).map { Double($0.peakResidentBytes >> 20) }
                ),
            ],
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
