import Foundation

/// How long a delivery takes where few come, against one sync of the same disk at the same pace: more cannot be had where
/// every answer waits for one.
struct LatencyComparison: Sendable {
    private static let rate = 500
    private static let connectionCount = 64
    private static let p50 = 2.0
    private static let p99 = 5.0

    let stage: Stage
    let program: Circlemeter
    let rounds: Int
    let seconds: Int

    /// Blocks.
    func run() throws -> Report.Section {
        let receiver = CirclemeterReceiver(program: program, secret: try BenchSecret.make())
        let count = LatencyComparison.rate * seconds
        let warmUpCount = LatencyComparison.rate
        let requests = PreparedRequests(
            DataSet.deliveries(count: count + warmUpCount, dayCount: 1),
            receiver.write
        )
        var load = LoadGenerator(requests: requests, connectionCount: LatencyComparison.connectionCount)
        load.pace = .perSecond(LatencyComparison.rate)
        var outcomes: [LoadOutcome] = []
        var syncs: [[Double]] = []
        for round in 1...rounds {
            let directory = "\(stage.directory)/latency-\(round)"
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let (server, address) = try receiver.start(in: directory)
            _ = try load.post(0..<warmUpCount, to: address)
            outcomes.append(try load.post(warmUpCount..<requests.count, to: address))
            try server.stop()
            syncs.append(
                try DiskProbe.times(in: stage.directory, count: count, perSecond: LatencyComparison.rate).sorted()
            )
            let p50 = Report.number(outcomes[round - 1].milliseconds(0.5))
            Stage.note("latency, round \(round) of \(rounds): p50 \(p50) ms")
        }
        let medians = syncs.map(\.median)
        func row(
            _ name: String,
            _ share: Double,
            _ other: [Double],
            _ against: String,
            _ aims: [Report.Aim]
        ) -> Report.Row {
            Report.Row(
                name: "latency \(name) at \(LatencyComparison.rate) deliveries/s",
                unit: "ms",
                circlemeter: outcomes.map { $0.milliseconds(share) },
                against: against,
                other: other,
                aims: aims
            )
        }
        let tails = syncs.map { $0[min($0.count - 1, $0.count * 99 / 100)] }
        return Report.Section(
            title: "Latency",
            conditions:
                "\(LatencyComparison.rate) deliveries a second for \(seconds) s, whatever the answers, each counted from "
                + "the moment when it was due; a sync is a write of \(DiskProbe.byteCount) bytes to the end of a file and "
                + "an fdatasync, timed alone, at the same pace",
            rows: [
                row("p50", 0.5, medians, "one fdatasync, median", [.ratioAtMost(LatencyComparison.p50)]),
                row("p99", 0.99, medians, "one fdatasync, median", [.ratioAtMost(LatencyComparison.p99)]),
                row("p99", 0.99, tails, "one fdatasync, p99", []),
            ]
        )
    }
}
