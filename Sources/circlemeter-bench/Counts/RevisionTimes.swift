import Foundation
import Meter

/// Times of two revisions, in turn: deliveries, a replay, a start.
struct RevisionTimes: Sendable {
    private static let connectionCount = 64

    let stage: Stage
    let revisions: [Revision]
    let rounds: Int
    let isQuick: Bool

    private struct Times {
        var deliveries: [LoadOutcome] = []
        var replays: [Resources] = []
        /// In milliseconds.
        var starts: [Double] = []
    }

    func run() async throws -> Report.Section {
        let data = DataSet(directory: "\(stage.directory)/compared", recordCount: isQuick ? 50_000 : 300_000)
        try await data.make()
        defer { try? data.remove() }
        return try await onOwnThread("bench.compare") { try measure(data) }
    }

    private func measure(_ data: DataSet) throws -> Report.Section {
        let deliveryCount = isQuick ? 10_000 : 40_000
        let secret = try BenchSecret.make()
        let first = CirclemeterReceiver(program: revisions[0].circlemeter, secret: secret)
        let requests = PreparedRequests(DataSet.deliveries(count: deliveryCount, dayCount: 1), first.write)
        var checks: [Report.Check] = []
        var times = revisions.map { _ in Times() }
        for round in 1...rounds {
            for index in revisions.indices {
                let program = revisions[index].circlemeter
                let receiver = CirclemeterReceiver(program: program, secret: secret)
                let directory = "\(stage.directory)/compared-\(round)-\(index)"
                defer { try? FileManager.default.removeItem(atPath: directory) }
                let (server, address) = try receiver.start(in: directory)
                let load = LoadGenerator(requests: requests, connectionCount: RevisionTimes.connectionCount)
                var outcome = try load.post(0..<requests.count, to: address)
                outcome.processorSeconds = server.usage.processorSeconds
                try receiver.end(server, in: directory)
                checks.append(
                    Report.Check(
                        name: "round \(round): kept by \(revisions[index].name) = deliveries acknowledged",
                        found: try receiver.keptCount(in: directory) ?? 0,
                        expected: outcome.acknowledged.count
                    )
                )
                times[index].deliveries.append(outcome)
                times[index].replays.append(
                    try Resources.of(
                        program.path,
                        ["replay", "--data-dir", data.directory],
                        cores: 1,
                        stage: stage
                    )
                )
                let (started, time) = try program.serve(data.directory)
                try started.stop()
                times[index].starts.append(time.milliseconds)
            }
            Stage.note("compare, round \(round) of \(rounds)")
        }
        func row(_ name: String, _ unit: String, _ value: (Times) -> [Double]) -> Report.Row {
            Report.Row(
                name: name,
                unit: unit,
                circlemeter: value(times[0]),
                against: revisions[1].name,
                other: value(times[1])
            )
        }
        let records = Double(data.recordCount)
        return Report.Section(
            title: "Times",
            conditions:
                "in turn; \(requests.count) deliveries over \(RevisionTimes.connectionCount) connections, "
                + "\(data.recordCount) records replayed on one core, a start with them",
            rows: [
                row("acknowledged deliveries", "/s") { $0.deliveries.map(\.perSecond) },
                row("latency p99", "ms") { $0.deliveries.map { $0.milliseconds(0.99) } },
                row("processor time per delivery", "us") { $0.deliveries.map(\.processorMicroseconds) },
                row("replay: records", "/s") { $0.replays.map { records / $0.seconds } },
                row("processor time per record", "us") { $0.replays.map { $0.processorSeconds * 1e6 / records } },
                row("peak memory of the replay", "MiB") { $0.replays.map { Double($0.peakResidentBytes >> 20) } },
                row("start until ready", "ms") { $0.starts },
            ],
            checks: checks
        )
    }
}
