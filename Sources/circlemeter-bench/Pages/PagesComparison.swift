import CircleCI
import FakeCircleCI
import Foundation
import Meter
import NIOCore
import Synchronization
import Wire

/// How long pages take with a year of counters, against SQLite adding up the same rows.
///
/// One store, served and asked.
struct PagesComparison: Sendable {
    private struct Page {
        var name: String
        var path: String
        /// What SQLite adds up beside it.
        var days: Int
        var columns = "project"
    }

    private static let yearByProject = "/usage?period=last-365-days"
    private static let pages = [
        Page(name: "/", path: "/", days: 30),
        Page(name: "/usage", path: "/usage", days: 30),
        Page(name: "/usage, 365 days", path: yearByProject, days: 365),
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
    /// Of the page of a year by project to SQLite's bare query.
    private static let ratio = 1.5
    /// Of all other pages.
    private static let pageMilliseconds = 100.0
    private static let notModifiedMilliseconds = 2.0
    /// Enough for projects and people of the deliveries to be known before anything is measured.
    private static let firstDeliveryCount = 300

    let program: Circlemeter
    let python: String
    /// Of the table `jobs`, over 365 days and 50 projects.
    let rowCount: Int
    let rounds: Int
    let directory: String

    /// Blocks.
    func run() throws -> [Report.Section] {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try program.addConnection(in: directory)
        // The first record makes the store.
        _ = try program.output(["replay", "--data-dir", directory])
        let jobCount = try MadeUpStore(rowCount: rowCount, python: python, stage: program.stage).fill(directory)
        Stage.note("a store of \(jobCount) rows of jobs is made")
        let (server, startTime) = try program.serve(directory)
        let port = try server.port("dashboard")
        let client = try PageClient(port: port, token: server.token)
        var cold: [Report.Row] = [
            Report.Row(name: "start until ready", unit: "ms", circlemeter: [startTime.milliseconds])
        ]
        for page in PagesComparison.pages {
            let answer = try ask(client, page.path)
            cold.append(Report.Row(name: page.name, unit: "ms", circlemeter: [answer.milliseconds]))
        }
        Stage.note(
            "first requests: "
                + cold.map { "\($0.name) \(Report.number($0.circlemeter[0])) ms" }.joined(separator: ", ")
        )
        // Had the service found the store wanting, it would have made it anew, and pages would be quick.
        let report = try client.get("/api/v1/usage?period=last-365-days&group_by=project&format=csv").text
        let shown = Set(report.matches(of: /project-\d+/).map { String($0.output) }).count
        let quiet = try measure(client, "\(jobCount) job rows")
        let memory = server.usage.residentBytes
        let live = try whileDelivering(to: try server.port("webhooks")) {
            try measure(client, "\(jobCount) job rows, a delivery every 100 ms")
        }
        let memoryLive = server.usage.residentBytes
        try server.stop()
        let size = "\(jobCount) rows of jobs"
        let check = Report.Check(
            name: "projects of the API's report = projects made up",
            found: shown,
            expected: MadeUpStore.projectCount
        )
        return [
            Report.Section(
                title: "First requests with \(size)",
                conditions: "right after the start, in this order, each once",
                rows: cold,
                checks: [check]
            ),
            Report.Section(
                title: "Pages with \(size), nothing new",
                conditions: "over HTTP; page cache warm",
                rows: quiet + [memoryRow(memory)]
            ),
            Report.Section(
                title: "Pages with \(size), a delivery every 100 ms",
                conditions: "over HTTP; page cache warm",
                rows: live + [memoryRow(memoryLive)]
            ),
        ]
    }

    private func memoryRow(_ bytes: Int) -> Report.Row {
        Report.Row(name: "resident memory", unit: "MiB", circlemeter: [Double(bytes >> 20)])
    }

    private func ask(_ client: PageClient, _ path: String) throws -> PageClient.Answer {
        let answer = try client.get(path)
        guard answer.status == 200 else { throw BenchFailure("\(path) answers \(answer.status)") }
        return answer
    }

    private func measure(_ client: PageClient, _ situation: String) throws -> [Report.Row] {
        let queries = try BareQueries(directory, python: python, stage: program.stage)
        var rows = PagesComparison.pages.map { page in
            Report.Row(
                name: "page \(page.name), \(situation)",
                unit: "ms",
                against: "SQLite, bare sums",
                aims: page.path == PagesComparison.yearByProject
                    ? [.ratioAtMost(PagesComparison.ratio)] : [.below(PagesComparison.pageMilliseconds)]
            )
        }
        var unchanged: [String: [Double]] = [:]
        for _ in 0..<rounds {
            for (index, page) in PagesComparison.pages.enumerated() {
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
        for page in PagesComparison.pages {
            guard let times = unchanged[page.name] else { continue }
            rows.append(
                Report.Row(
                    name: "304 of \(page.name), \(situation)",
                    unit: "ms",
                    circlemeter: times,
                    aims: [.below(PagesComparison.notModifiedMilliseconds)]
                )
            )
        }
        return rows
    }

    /// Deliveries of today, one every 100 ms while `body` runs.
    private func whileDelivering(to port: Int, _ body: () throws -> [Report.Row]) throws -> [Report.Row] {
        var options = FakeHistoryOptions(seed: 5, firstDay: Timestamp.now.day)
        options.projectCount = 20
        options.dayCount = 1
        options.pipelinesPerDay = 2000
        let receiver = CirclemeterReceiver(program: program, secret: try BenchSecret.make())
        let requests = PreparedRequests(FakeHistory(options: options).deliveries.prefix(10_000), receiver.write)
        let client = try PageClient(port: port, token: "")
        for index in 0..<PagesComparison.firstDeliveryCount {
            _ = try client.send(Array(requests[index].readableBytesView))
        }
        // Until they are counted, and what they changed is added up.
        Thread.sleep(forTimeInterval: 5)
        let isDone = Atomic(false)
        let ended = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            let client = try? PageClient(port: port, token: "")
            var index = PagesComparison.firstDeliveryCount
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
