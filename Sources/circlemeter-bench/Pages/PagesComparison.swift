import ArgumentParser
import CircleCI
import FakeCircleCI
import Foundation
import Meter
import NIOCore
import Synchronization
import Wire

/// How long pages take with a year of counters, against SQLite adding up the same rows.
struct PagesComparison: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pages",
        abstract: "Measure the overview and usage pages with a year of counters, beside SQLite's bare query."
    )

    @Option(help: "Rows of the table jobs, over 365 days and 50 projects; may be repeated (100000, 300000, 1000000).")
    var rows: [Int] = []

    @Option(help: "How often each page is asked for; the two sides alternate.")
    var rounds = 15

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    @Option(help: "A Python, for its SQLite.")
    var python = "python3"

    @Option(help: "Where the files are made.")
    var directory = NSTemporaryDirectory()

    @Option(help: "The circlemeter to measure (the one beside this program).")
    var circlemeter: String?

    func run() async throws {
        let stage = try Stage(under: directory)
        defer { stage.clear() }
        stage.clearOnInterruption()
        let program = Circlemeter(path: circlemeter ?? Circlemeter.besideThisProgram, stage: stage)
        guard let python = python.contains("/") ? python : Command.find(python) else {
            throw BenchFailure("there is no \(python)")
        }
        var report = Report(
            machine: Machine.this(directory: stage.directory),
            versions: try await onOwnThread("bench.versions") { try Versions.read(program) },
            rounds: rounds
        )
        for count in rows.isEmpty ? [100_000, 300_000, 1_000_000] : rows {
            let data = "\(stage.directory)/rows-\(count)"
            let store = MadeUpStore(rowCount: count, python: python, stage: stage)
            let run = PagesRun(program: program, python: python, store: store, rounds: rounds, directory: data)
            report.sections += try await onOwnThread("bench.pages") { try run.run() }
            try FileManager.default.removeItem(atPath: data)
        }
        print(json ? try report.json() : report.table)
        guard report.allChecksHold else { throw ExitCode(1) }
    }
}

/// One store, served and asked. Blocks.
struct PagesRun: Sendable {
    private struct Page {
        var name: String
        var path: String
        /// What SQLite adds up beside it.
        var days: Int
        var columns = "project"
    }

    private static let pages = [
        Page(name: "/", path: "/", days: 30),
        Page(name: "/usage", path: "/usage", days: 30),
        Page(name: "/usage, 365 days", path: "/usage?period=last-365-days", days: 365),
        Page(
            name: "/usage, 365 days, by job",
            path: "/usage?period=last-365-days&group_by=project,workflow,job",
            days: 365,
            columns: "project,workflow,job"
        ),
        Page(
            name: "/api/v1/usage, 365 days",
            path: "/api/v1/usage?period=last-365-days&group_by=project",
            days: 365
        ),
    ]
    private static let pageMilliseconds = 100.0
    private static let notModifiedMilliseconds = 2.0
    private static let secret = "a secret of the benchmark"
    /// Enough for projects and people of the deliveries to be known before anything is measured.
    private static let firstDeliveryCount = 300

    let program: Circlemeter
    let python: String
    let store: MadeUpStore
    let rounds: Int
    let directory: String

    func run() throws -> [Report.Section] {
        _ = try program.output(
            [
                "connection", "add", PreparedRequests.connection, "--org", "gh/bench", "--webhook-secret-file", "-",
                "--data-dir", directory,
            ],
            input: PagesRun.secret
        )
        // The first record makes the store.
        _ = try program.output(["replay", "--data-dir", directory])
        let jobCount = try store.fill(directory)
        Stage.note("a store of \(jobCount) rows of jobs is made")
        let (server, startTime) = try program.serve(directory)
        let port = try server.port("dashboard")
        let client = try PageClient(port: port, token: server.token)
        var cold: [Report.Row] = [
            Report.Row(name: "start until ready", unit: "ms", circlemeter: [startTime.milliseconds], other: [])
        ]
        for page in PagesRun.pages {
            let answer = try ask(client, page.path)
            cold.append(Report.Row(name: page.name, unit: "ms", circlemeter: [answer.milliseconds], other: []))
        }
        Stage.note(
            "first requests: "
                + cold.map { "\($0.name) \(Report.number($0.circlemeter[0])) ms" }.joined(separator: ", ")
        )
        let quiet = try measure(client)
        let memory = server.residentBytes()
        let live = try whileDelivering(to: try server.port("webhooks")) { try measure(client) }
        let memoryLive = server.residentBytes()
        try server.stop()
        let size = "\(jobCount) rows of jobs"
        return [
            Report.Section(
                title: "First requests with \(size)",
                conditions: "right after the start, in this order, each once",
                other: "",
                rows: cold,
                checks: []
            ),
            Report.Section(
                title: "Pages with \(size), nothing new",
                conditions: "over HTTP; page cache warm",
                other: "SQLite, bare sums",
                rows: quiet + [memoryRow(memory)],
                checks: []
            ),
            Report.Section(
                title: "Pages with \(size), a delivery every 100 ms",
                conditions: "over HTTP; page cache warm",
                other: "SQLite, bare sums",
                rows: live + [memoryRow(memoryLive)],
                checks: []
            ),
        ]
    }

    private func memoryRow(_ bytes: Int) -> Report.Row {
        Report.Row(name: "resident memory", unit: "MiB", circlemeter: [Double(bytes >> 20)], other: [])
    }

    private func ask(_ client: PageClient, _ path: String) throws -> PageClient.Answer {
        let answer = try client.get(path)
        guard answer.status == 200 else { throw BenchFailure("\(path) answers \(answer.status)") }
        return answer
    }

    private func measure(_ client: PageClient) throws -> [Report.Row] {
        let queries = try BareQueries(directory, python: python, stage: program.stage)
        var rows = PagesRun.pages.map { page in
            var row = Report.Row(name: page.name, unit: "ms", circlemeter: [], other: [])
            row.target = .below(PagesRun.pageMilliseconds)
            return row
        }
        var unchanged: [String: [Double]] = [:]
        for _ in 0..<rounds {
            for (index, page) in PagesRun.pages.enumerated() {
                let answer = try ask(client, page.path)
                rows[index].circlemeter.append(answer.milliseconds)
                rows[index].other.append(try queries.milliseconds(days: page.days, columns: page.columns))
                guard let tag = answer.tag else { continue }
                let again = try client.get(page.path, tag: tag)
                // While something comes, what was read may be old already.
                if again.status == 304 { unchanged[page.name, default: []].append(again.milliseconds) }
            }
        }
        try queries.stop()
        for page in PagesRun.pages {
            guard let times = unchanged[page.name] else { continue }
            var row = Report.Row(name: "304 of \(page.name)", unit: "ms", circlemeter: times, other: [])
            row.target = .below(PagesRun.notModifiedMilliseconds)
            rows.append(row)
        }
        return rows
    }

    /// Deliveries of today, one every 100 ms while `body` runs.
    private func whileDelivering(to port: Int, _ body: () throws -> [Report.Row]) throws -> [Report.Row] {
        var options = FakeHistoryOptions(seed: 5, firstDay: Timestamp.now.day)
        options.projectCount = 20
        options.dayCount = 1
        options.pipelinesPerDay = 2000
        let secret = try WebhookSecret(Array(PagesRun.secret.utf8))
        let requests = PreparedRequests(FakeHistory(options: options).deliveries.prefix(10_000), secret: secret)
        let client = try PageClient(port: port, token: "")
        for index in 0..<PagesRun.firstDeliveryCount { _ = try client.send(Array(requests[index].readableBytesView)) }
        // Until they are counted, and what they changed is added up.
        Thread.sleep(forTimeInterval: 5)
        let isDone = Atomic(false)
        let ended = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            let client = try? PageClient(port: port, token: "")
            var index = PagesRun.firstDeliveryCount
            while !isDone.load(ordering: .relaxed), index < requests.count {
                _ = try? client?.send(Array(requests[index].readableBytesView))
                index += 1
                usleep(100_000)
            }
            ended.signal()
        }
        defer {
            isDone.store(true, ordering: .relaxed)
            ended.wait()
        }
        return try body()
    }
}
