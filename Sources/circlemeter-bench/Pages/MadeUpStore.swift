import Foundation

/// A year of counters, written into the snapshot of a data directory as the projector would have: jobs, workflows,
/// branches, coverage, features, people, and what settled runs ran on. A log of as many records would take an hour.
struct MadeUpStore: Sendable {
    static let dayCount = 365
    static let projectCount = 50

    /// Of `jobs`, about.
    let rowCount: Int
    let python: String
    let stage: Stage

    /// Fills the snapshot of a data directory, which has one and no service. Blocks.
    /// - Returns: the rows of `jobs`.
    func fill(_ directory: String) throws -> Int {
        struct Filled: Decodable { var jobs: Int }
        let path = "\(directory)/usage.sqlite"
        let filled = try Command(python, ["-c", MadeUpStore.program, path, "\(rowCount)"], stage: stage)
            .json(Filled.self)
        try PageChecksums.renew(path)
        return filled.jobs
    }

    private static let program = """
        import datetime, json, random, sqlite3, sys
        path, wanted = sys.argv[1], int(sys.argv[2])
        days, projects = \(dayCount), \(projectCount)
        jobs_per_project = max(1, round(wanted / days / projects))
        draw = random.Random(7)

        def leb(value):
            out = bytearray()
            while True:
                if value < 128:
                    out.append(value)
                    return bytes(out)
                out.append(value & 127 | 128)
                value >>= 7

        def bucket(ms):
            if ms < 64:
                return ms
            exponent = ms.bit_length() - 1
            return 64 + (exponent - 6) * 32 + (ms >> (exponent - 5) & 31)

        def middle(index):
            if index < 64:
                return index
            exponent = (index - 64) // 32 + 6
            return (32 + (index - 64) % 32 << exponent - 5) + (1 << exponent - 6)

        def durations(times):
            counts = {}
            for time in times:
                counts[bucket(time)] = counts.get(bucket(time), 0) + 1
            last, out = 0, b""
            for index in sorted(counts):
                out += leb(index - last) + leb(counts[index])
                last = index
            ordered = sorted(times)
            rank = lambda percent: middle(bucket(ordered[max(1, (len(ordered) * percent + 99) // 100) - 1]))
            return rank(50), rank(95), out

        database = sqlite3.connect(path)
        database.execute("PRAGMA synchronous = OFF")
        sequence = database.execute("SELECT sequence FROM position").fetchone()[0]
        connection = database.execute("SELECT connection FROM connections").fetchone()[0]
        today = datetime.datetime.now(datetime.timezone.utc).date()
        machines = [("medium", "docker", "linux"), ("large", "docker", "linux"), ("xlarge", "linux", "linux")]
        ids = [f"00000000-0000-4000-8000-{number:012d}" for number in range(projects)]
        put = {}
        def add(table, row):
            put.setdefault(table, []).append(row)
        def flush():
            for table, rows in put.items():
                marks = ",".join("?" * len(rows[0]))
                database.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)
            put.clear()
        for number, project in enumerate(ids):
            add("projects", (connection, project, f"github/bench/project-{number}", f"project-{number}", 1))
        count = 0
        for offset in range(days):
            date = today - datetime.timedelta(days=days - 1 - offset)
            day = date.isoformat()
            settled = offset < days - 2
            add("day_versions", (connection, day, sequence))
            if settled:
                exported = datetime.datetime(date.year, date.month, date.day) + datetime.timedelta(days=2)
                add("settled_days", (connection, day, int((exported - datetime.datetime(1970, 1, 1)).total_seconds()) * 10**6))
            for project in ids:
                used = {}
                total = 0
                for place in range(jobs_per_project):
                    workflow, job = f"workflow-{place // 5}", f"job-{place}"
                    times = [int(draw.lognormvariate(11, 0.7)) for _ in range(draw.randint(1, 8))]
                    good = sum(draw.random() < 0.9 for _ in times)
                    runs, time = len(times), sum(times)
                    p50, p95, blob = durations(times)
                    machine = machines[place % 3]
                    credits = time * 10 // 60
                    add("jobs", (connection, day, project, workflow, job, good, runs - good, 0, 0, 0, time, runs, 0, 0,
                                 credits if settled else 0, p50, p95, blob))
                    count += 1
                    total += runs
                    if settled:
                        add("resources", (connection, day, project, workflow, job, *machine, runs, time, time, credits, credits))
                        sums = used.setdefault(machine, [0, 0, 0])
                        for index, value in enumerate((runs, time, credits)):
                            sums[index] += value
                    if place % 5 == 0:
                        add("workflows", (connection, day, project, workflow, good, runs - good, 0, 0, 0, 0, time, p50, p95, blob))
                for machine, sums in used.items():
                    add("features", (connection, day, project, "compute", *machine, *sums))
                add("coverage", (connection, day, project, total, total, 0, 0, total if settled else 0, 0, 0))
                for branch in range(8):
                    name = "main" if branch == 0 else f"change-{offset}-{branch}"
                    add("branches", (connection, day, project, name, max(1, total // 8), 1000 * total))
            for person in range(300):
                name = f"person-{person}@example.com"
                for role in ("author", "trigger"):
                    add("activity", (connection, day, name, role, 9, 3, 0, 0))
                add("feature_people", (connection, day, "compute", name, 9, 1000 if settled else 0))
                add("people", (connection, day[:7], name, 270, 90, 0, 0))
            flush()
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        print(json.dumps({"jobs": count}))
        """
}

/// The bare query, on the same file in a process of its own that stays: SQLite through Python, which adds nothing to a
/// query of 50 rows. Blocks.
final class BareQueries {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private let stage: Stage

    init(_ directory: String, python: String, stage: Stage) throws {
        self.stage = stage
        process.executableURL = URL(filePath: python)
        process.arguments = ["-u", "-c", BareQueries.program, "\(directory)/usage.sqlite"]
        process.standardInput = input
        process.standardOutput = output
        try stage.start(process)
    }

    /// Milliseconds that the sums of so many days by some columns take.
    func milliseconds(days: Int, columns: String) throws -> Double {
        try input.fileHandleForWriting.write(contentsOf: Data("\(days) \(columns)\n".utf8))
        var line = ""
        while !line.hasSuffix("\n") {
            let bytes = output.fileHandleForReading.availableData
            guard !bytes.isEmpty else { throw BenchFailure("the bare queries ended") }
            line += String(decoding: bytes, as: UTF8.self)
        }
        guard let value = Double(line.dropLast()) else { throw BenchFailure("the bare query says '\(line)'") }
        return value
    }

    func stop() throws {
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
        stage.ended(process)
    }

    private static let program = """
        import datetime, sqlite3, sys, time
        database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
        for line in sys.stdin:
            days, columns = line.split()
            today = datetime.datetime.now(datetime.timezone.utc).date()
            first = today - datetime.timedelta(days=int(days) - 1)
            begin = time.perf_counter()
            database.execute(
                f"SELECT {columns}, sum(success + failed + canceled + unauthorized + other), sum(success), sum(failed), "
                "sum(canceled), sum(duration_ms), sum(credits_settled) FROM jobs "
                "WHERE connection = (SELECT connection FROM connections) AND day BETWEEN ? AND ? "
                f"GROUP BY {columns}", (first.isoformat(), today.isoformat())
            ).fetchall()
            print((time.perf_counter() - begin) * 1000)
        """
}
