import ArgumentParser
import FakeCircleCI
import Foundation
import Meter
import Wire

/// A usage export onto the log, against DuckDB reading the same file into the same sums.
struct SettleComparison: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settle",
        abstract: "Settle a large usage export, beside DuckDB summing up the same file."
    )

    @Option(help: "Rows of the export.")
    var rows = 1_000_000

    @Option(help: "How often each side runs.")
    var rounds = 3

    @Option(help: "A Python that has DuckDB.")
    var python: String

    @Option(help: "Where the files are made.")
    var directory = NSTemporaryDirectory()

    @Option(help: "The circlemeter to measure (the one beside this program).")
    var circlemeter: String?

    func run() async throws {
        let stage = try Stage(under: directory)
        defer { stage.clear() }
        stage.clearOnInterruption()
        let program = Circlemeter(path: circlemeter ?? Circlemeter.besideThisProgram, stage: stage)
        let file = "\(stage.directory)/export.csv"
        let secret = "\(stage.directory)/secret"
        _ = FileManager.default.createFile(atPath: secret, contents: Data("bench-secret\n".utf8))
        let rows = rows
        try await onOwnThread("bench.export") { try SettleComparison.make(file, rows: rows) }
        let bytes = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int ?? 0
        Stage.note("\(rows) rows, \(bytes / 1_000_000) MB")
        var settles: [Double] = []
        var queries: [Double] = []
        var peak = 0
        for round in 1...rounds {
            let outcome = try await onOwnThread("bench.settle") { [stage, python] in
                let data = "\(stage.directory)/data-\(round)"
                _ = try program.output([
                    "connection", "add", "bench", "--org", "gh/bench", "--webhook-secret-file", secret, "--data-dir",
                    data,
                ])
                let begin = ContinuousClock.now
                _ = try program.output(["settle", "--file", file, "--json", "--data-dir", data])
                let seconds = (ContinuousClock.now - begin).milliseconds / 1000
                // Of the largest child so far, in KiB: DuckDB comes after the first round.
                var usage = rusage()
                getrusage(__rusage_who_t(RUSAGE_CHILDREN.rawValue), &usage)
                let counted = try program.json(Counted.self, ["snapshot", "--no-position", "--data-dir", data])
                let query = try OneCore.command(python, ["-c", SettleComparison.program, file], stage: stage)
                    .json(Query.self)
                try FileManager.default.removeItem(atPath: data)
                return (seconds, usage.ru_maxrss, counted.credits, query)
            }
            settles.append(outcome.0)
            if round == 1 { peak = outcome.1 }
            queries.append(outcome.3.seconds)
            guard outcome.2 == outcome.3.credits else {
                throw BenchFailure("circlemeter counts \(outcome.2), DuckDB \(outcome.3.credits)")
            }
            Stage.note("round \(round): circlemeter \(outcome.0) s, DuckDB \(outcome.3.seconds) s")
        }
        let rate = Double(rows) / settles.median
        let otherRate = Double(rows) / queries.median
        print(
            """
            \(rows) rows, \(bytes / 1_000_000) MB, medians of \(rounds) rounds in turn, credits by feature equal:
              circlemeter settle  \(Int(rate)) rows/s, \(Report.number(Double(bytes) / settles.median / 1e6)) MB/s (checked, then \
            written to the log, synced, and counted; whole process)
              DuckDB, one thread  \(Int(otherRate)) rows/s (query alone, nothing kept)
              ratio               \(Report.number(rate / otherRate))
              peak memory         \(peak / 1024) MiB resident (settle, first round)
            """
        )
    }

    /// Writes the export. Blocks.
    private static func make(_ path: String, rows: Int) throws {
        guard let first = Day("2026-08-01") else { return }
        var options = FakeHistoryOptions(seed: 11, firstDay: first)
        options.projectCount = 20
        options.dayCount = 31
        options.pipelinesPerDay = 1 + rows / 100
        let days = first...Day(daysSinceEpoch: first.daysSinceEpoch + 30)
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        let handle = try FileHandle(forWritingTo: URL(filePath: path))
        let export = FakeUsageExport(FakeHistory(options: options), options: FakeUsageExport.Options(days: days))
        var pending = Data(export.header.utf8)
        var count = 0
        struct Enough: Error {}
        do {
            try export.rows { row in
                pending.append(contentsOf: row.line.utf8)
                count += 1
                if pending.count > 1 << 20 {
                    try handle.write(contentsOf: pending)
                    pending.removeAll(keepingCapacity: true)
                }
                if count == rows { throw Enough() }
            }
        } catch is Enough {}
        try handle.write(contentsOf: pending)
        try handle.close()
        guard count == rows else { throw BenchFailure("the made-up organization has but \(count) job runs") }
    }

    private struct Query: Decodable {
        var seconds: Double
        /// Thousandths, by feature.
        var credits: [String: Int]
    }

    private struct Counted: Decodable {
        struct Row: Decodable {
            var feature: String
            var credits: Int
        }
        var features: [Row]

        var credits: [String: Int] {
            features.reduce(into: [:]) { $0[$1.feature, default: 0] += $1.credits }
        }
    }

    private static let program = """
        import duckdb, json, sys, time
        features = ["COMPUTE", "DLC", "USER", "STORAGE", "NETWORK", "LEASE", "LEASE_OVERAGE", "IPRANGES"]
        sums = ", ".join(f"sum({name}_CREDITS) AS {name}" for name in features)
        connection = duckdb.connect()
        connection.execute("PRAGMA threads=1; PRAGMA disable_progress_bar")
        begin = time.perf_counter()
        connection.execute(f'''
            CREATE TEMP TABLE sums AS SELECT PROJECT_ID, WORKFLOW_NAME, JOB_NAME, RESOURCE_CLASS, JOB_RUN_DATE AS day,
                count(DISTINCT JOB_ID) AS runs, sum(JOB_RUN_SECONDS) AS seconds, {sums}
            FROM read_csv(?, header=true, nullstr='\\\\N', escape='', quote='"', types={{{", ".join(f"'{name}_CREDITS': 'DECIMAL(18,3)'" for name in features)}}})
            GROUP BY ALL
        ''', [sys.argv[1]])
        row = connection.execute("SELECT " + ", ".join(f"sum({name})" for name in features) + " FROM sums").fetchone()
        seconds = time.perf_counter() - begin
        credits = {name.lower(): int(value * 1000) for name, value in zip(features, row) if value}
        print(json.dumps({"seconds": seconds, "credits": credits}))
        """
}
