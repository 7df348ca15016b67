import Foundation

/// A usage export onto the log, against DuckDB reading the same file into the same sums.
struct SettleComparison: Sendable {
    private static let ratio = 1.5

    let program: Circlemeter
    let python: String
    let stage: Stage
    let rowCount: Int
    let rounds: Int

    /// Blocks.
    func run() throws -> Report.Section {
        let file = "\(stage.directory)/export.csv"
        defer { try? FileManager.default.removeItem(atPath: file) }
        try ExportFile.make(file, rowCount: rowCount)
        let bytes = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int ?? 0
        var settles: [Resources] = []
        var queries: [Double] = []
        var checks: [Report.Check] = []
        for round in 1...rounds {
            let (resources, credits) = try settle(file, round)
            settles.append(resources)
            let query = try Cores.command(1, python, ["-c", SettleComparison.program, file], stage: stage)
                .json(Query.self)
            queries.append(query.seconds)
            checks.append(
                Report.Check(
                    name: "round \(round): thousandths of a credit in circlemeter = in DuckDB, by feature "
                        + (credits == query.credits ? "too" : "not"),
                    found: credits.values.reduce(0, +),
                    expected: credits == query.credits ? query.credits.values.reduce(0, +) : -1
                )
            )
            Stage.note(
                "settle, round \(round) of \(rounds): \(Report.number(resources.seconds)) s, "
                    + "DuckDB \(Report.number(query.seconds)) s"
            )
        }
        let rows = Double(rowCount)
        return Report.Section(
            title: "Settle",
            conditions:
                "a usage export of \(rowCount) rows, \(bytes / 1_000_000) MB, in the page cache; circlemeter checks each "
                + "row, writes it to the log, synced, and counts it, the whole process timed, on all cores; DuckDB sums up "
                + "the columns on one, keeps nothing, and its query alone is timed",
            rows: [
                Report.Row(
                    name: "settle: export rows",
                    unit: "/s",
                    circlemeter: settles.map { rows / $0.seconds },
                    against: "DuckDB, one thread",
                    other: queries.map { rows / $0 },
                    aims: [.ratioAtLeast(SettleComparison.ratio)]
                ),
                Report.Row(
                    name: "processor time per row",
                    unit: "us",
                    circlemeter: settles.map { $0.processorSeconds * 1e6 / rows }
                ),
                Report.Row(
                    name: "peak resident memory",
                    unit: "MiB",
                    circlemeter: settles.map { Double($0.peakResidentBytes >> 20) }
                ),
            ],
            checks: checks
        )
    }

    /// What it took, and the credits by feature.
    private func settle(_ file: String, _ round: Int) throws -> (Resources, [String: Int]) {
        let directory = "\(stage.directory)/settle-\(round)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try program.addConnection(in: directory)
        let resources = try Resources.of(
            program.path,
            ["settle", "--file", file, "--json", "--data-dir", directory],
            stage: stage
        )
        let counted = try program.json(Counted.self, ["snapshot", "--no-position", "--data-dir", directory])
        return (resources, counted.credits)
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
