import Foundation

/// DuckDB, counting the same runs out of the same files.
struct DuckDB: Sendable {
    let python: String
    let stage: Stage

    struct Outcome: Decodable {
        var version: String
        /// Of the queries alone, without the start of the process.
        var seconds: Double
        var runs: Int
        var durationMilliseconds: Int

        enum CodingKeys: String, CodingKey {
            case version, seconds, runs
            case durationMilliseconds = "duration_ms"
        }
    }

    /// Blocks.
    /// - Parameter threads: also the number of cores that it may use.
    func count(logDirectory: String, threads: Int) throws -> Outcome {
        let arguments = ["-c", DuckDB.program, "\(logDirectory)/*.ndjson", "\(threads)"]
        return try Cores.command(threads, python, arguments, stage: stage).json(Outcome.self)
    }

    /// The log is read once; a run is what its version with the greatest `stopped_at` says.
    ///
    /// Of the ways in which DuckDB 2.0 reads such files, taking the members out of unparsed objects is by far the fastest:
    /// `read_json` with a declared structure, or with one that it finds itself, takes three to six times as long.
    private static let program = """
        import duckdb, json, sys, time
        members = {
            "type": "type", "project": "project.id",
            "workflow_id": "workflow.id", "workflow": "workflow.name", "workflow_status": "workflow.status",
            "workflow_start": "workflow.created_at", "workflow_stop": "workflow.stopped_at",
            "job_id": "job.id", "job": "job.name", "job_status": "job.status",
            "job_start": "job.started_at", "job_stop": "job.stopped_at",
        }
        paths = ", ".join(f"'$.event.{path}'" for path in members.values())
        columns = ", ".join(
            f"member[{number}]{'::TIMESTAMP' if name.endswith(('_start', '_stop')) else ''} AS {name}"
            for number, name in enumerate(members, 1))
        connection = duckdb.connect()
        connection.execute(f"PRAGMA threads={int(sys.argv[2])}; PRAGMA disable_progress_bar")
        begin = time.perf_counter()
        connection.execute(f'''
            CREATE TEMP TABLE events AS SELECT {columns}
            FROM (SELECT json_extract_string(json, [{paths}]) AS member FROM read_ndjson_objects(?))
        ''', [sys.argv[1]])
        runs = duration = 0
        for kind, job in [("job", "job"), ("workflow", "NULL")]:
            connection.execute(f'''
                CREATE TEMP TABLE {kind}s AS
                SELECT run.project, run.workflow, run.job, run.start::DATE AS day, run.status, count(*) AS runs,
                    sum(coalesce(greatest(0, (epoch_us(run.stop) - epoch_us(run.start)) // 1000), 0)) AS duration_ms
                FROM (
                    SELECT arg_max(
                        {{project: project, workflow: workflow, job: {job}, status: {kind}_status,
                            start: {kind}_start, stop: {kind}_stop}},
                        coalesce({kind}_stop, TIMESTAMP '1970-01-01')
                    ) AS run
                    FROM events WHERE type = '{kind}-completed' GROUP BY {kind}_id
                ) GROUP BY ALL
            ''')
            counted = connection.execute(f"SELECT sum(runs), sum(duration_ms) FROM {kind}s").fetchone()
            runs += int(counted[0] or 0)
            duration += int(counted[1] or 0)
        seconds = time.perf_counter() - begin
        print(json.dumps(
            {"version": duckdb.__version__, "seconds": seconds, "runs": runs, "duration_ms": duration}))
        """
}

/// Runs a program on so many cores where `taskset` can see to that.
enum Cores {
    static let isAvailable = Command.find("taskset") != nil

    static func command(_ count: Int, _ path: String, _ arguments: [String], stage: Stage) -> Command {
        guard let taskset = Command.find("taskset") else { return Command(path, arguments, stage: stage) }
        let cores = (0..<count).map(String.init).joined(separator: ",")
        return Command(taskset, ["-c", cores, path] + arguments, stage: stage)
    }
}
