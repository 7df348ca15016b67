import CircleCI
import EventLog
import FakeCircleCI
import TestSupport
import Usage
import Wire

@testable import Meter

/// A log of some segments with what webhooks, the API, the usage export and the service itself say, some of it twice,
/// some of it no JSON.
struct SearchedLog {
    let directory = TemporaryDirectory()
    let log: EventLog
    let connections: ConnectionStore
    /// The ids of some runs.
    private(set) var runs: [String] = []

    init(seed: UInt64, pipelinesPerDay: Int = 8, maximumSegmentBytes: Int = 60_000) async throws {
        var random = SeededGenerator(seed: seed)
        var historyOptions = FakeHistoryOptions(seed: seed, firstDay: Day("2026-11-02")!)
        historyOptions.dayCount = 2
        historyOptions.pipelinesPerDay = pipelinesPerDay
        historyOptions.oddities = OddityRates(all: 0.1)
        let path = directory.path("log")
        var options = EventLog.Options()
        options.maximumSegmentBytes = maximumSegmentBytes
        log = try await onOwnThread("log") { [options] in
            try EventLog.open(directory: path, options: options, now: { .now }, deduplicationKey: { _ in nil })
        }
        connections = try await ConnectionStore.open(dataDirectory: directory.path, vault: Vault(.random()))
        let deliveries = Array(FakeHistory(options: historyOptions).deliveries)
        var entries: [LogEntry] = []
        for delivery in deliveries {
            let connection = ["acme", "globex"][delivery.organizationIndex % 2]
            let sources: [RecordSource] = [.webhook] + (Int.random(in: 0..<4, using: &random) == 0 ? [.api] : [])
            for source in sources {
                var body = delivery.body
                // On several lines, so that it stands there in base64.
                if Int.random(in: 0..<6, using: &random) == 0 { body.append(0x0a) }
                entries.append(
                    LogEntry(
                        receivedAt: delivery.sentAt,
                        source: source,
                        connection: connection,
                        signature: source == .webhook ? "v1=00" : nil,
                        body: body
                    )
                )
            }
            if Int.random(in: 0..<6, using: &random) == 0, let settled = SearchedLog.settled(delivery, &random) {
                entries.append(
                    LogEntry(receivedAt: delivery.sentAt, source: .export, connection: connection, body: settled)
                )
            }
            if let run = delivery.body.withUnsafeBytes({ body in
                (try? EventScanner.event(in: body)).flatMap { $0.run?.string(in: body) }
            }) {
                runs.append(run)
            }
        }
        for index in 0..<20 {
            let now = Timestamp(microseconds: 1_793_700_000_000_000 + Int64(index) * 1_000_000)
            var reconciliation = Reconciliation(through: now)
            let day = Day("2026-11-02")!
            let pipeline = Reconciliation.OpenPipeline(id: "p", number: 1, createdAt: now)
            for number in 0..<Int.random(in: 0..<4, using: &random) {
                reconciliation.missing.append(
                    .init(kind: "workflow", id: "w\(number)", pipeline: pipeline, day: day, reason: "not_found")
                )
            }
            let project = ReconcileProject(id: "project-\(index % 2)", slug: "github/o/r\(index % 2)", name: "r")
            entries.append(ReconciliationEvent.entry(reconciliation, project: project, connection: "acme", at: now))
            entries.append(
                LogEntry(receivedAt: now, source: .webhook, connection: "acme", body: Array("not\nJSON".utf8))
            )
        }
        // Late, early and twice.
        entries += (0..<30).compactMap { _ in entries.randomElement(using: &random) }
        entries.shuffle(using: &random)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for entry in entries { group.addTask { [log] in _ = try await log.append(entry) } }
            try await group.waitForAll()
        }
    }

    func search(_ bounds: LogSearch.Bounds = LogSearch.Bounds()) -> LogSearch {
        LogSearch(log: log, connections: connections, directory: directory.path("log"), bounds: bounds)
    }

    /// Every record, forwards.
    func read(_ body: (LogRecord) throws -> Void) throws {
        _ = try LogReader(directory: directory.path("log")).read(after: nil) { item in
            if case .record(let record) = item { try body(record) }
            return true
        }
    }

    /// What a usage export would say of a delivered job.
    private static func settled(_ delivery: GeneratedDelivery, _ random: inout SeededGenerator) -> [UInt8]? {
        delivery.body.withUnsafeBytes { body in
            guard let event = try? EventScanner.event(in: body), event.kind == .jobCompleted, let run = event.run,
                let created = event.pipeline.createdAt
            else { return nil }
            let credits = Int.random(in: 1...3, using: &random) * 1000
            let row = Hex.string(UInt128(credits) << 64 | UInt128.random(in: 0...99, using: &random))
            var json = JSONWriter()
            json.object { json in
                json.member("id", "export-\(row)")
                json.member("type", "job-settled")
                json.member("happened_at", created.adding(seconds: 90_000).description)
                json.member("exported_at", created.adding(seconds: 90_000).description)
                json.member(
                    "project",
                    object: { json in
                        json.member("id", event.project.id?.string(in: body))
                        json.member("slug", event.project.slug?.string(in: body))
                    }
                )
                json.member("workflow", object: { $0.member("name", event.workflow.name?.string(in: body)) })
                json.member(
                    "job",
                    object: { json in
                        json.member("id", run.string(in: body))
                        json.member("name", event.job.name?.string(in: body))
                        json.member("status", event.job.status?.string(in: body))
                    }
                )
                json.member("pipeline", object: { $0.member("created_at", created.description) })
                json.member(
                    "usage",
                    object: { json in
                        json.member("resource_class", "medium")
                        json.member("executor", "docker")
                        json.member(
                            "credits",
                            object: { json in
                                json.member("compute", credits)
                                json.member("total", credits)
                            }
                        )
                    }
                )
            }
            return json.bytes
        }
    }
}
