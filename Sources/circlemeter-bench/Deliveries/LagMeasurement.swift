import Foundation
import NIOCore

/// How far the snapshot is behind the log while many deliveries come at a steady rate.
struct LagMeasurement: Sendable {
    private static let rates = [10_000, 8000, 6000, 4000, 2000, 1000]
    private static let connectionCount = 64
    private static let limitSeconds = 1.0
    /// So far behind the rate nobody catches up.
    private static let secondsBehind: Int64 = 3
    /// The share of a rate that has to be answered for it to count as kept.
    private static let keptShare = 0.97

    let stage: Stage
    let program: Circlemeter
    let seconds: Int

    private struct Outcome {
        var rate: Int
        var load: LoadOutcome
        /// In seconds, in the order of time.
        var lags: [Double]

        var isKept: Bool { !load.fellBehind && load.perSecond >= Double(rate) * LagMeasurement.keptShare }
    }

    /// Blocks.
    func run() throws -> Report.Section {
        let receiver = CirclemeterReceiver(program: program, secret: try BenchSecret.make())
        let requests = PreparedRequests(
            DataSet.deliveries(count: LagMeasurement.rates[0] * seconds, dayCount: 1),
            receiver.write
        )
        var outcome: Outcome?
        for rate in LagMeasurement.rates where outcome?.isKept != true {
            outcome = try measure(receiver, requests, rate)
        }
        guard let outcome else { throw BenchFailure("no rate was tried") }
        let half = outcome.lags.count / 2
        func row(_ name: String, _ unit: String, _ value: Double, _ aims: [Report.Aim] = []) -> Report.Row {
            Report.Row(name: name, unit: unit, circlemeter: [value], aims: aims)
        }
        let name = "projection lag at \(outcome.rate) deliveries/s"
        let kept = outcome.isKept ? Double(outcome.rate) : 0
        return Report.Section(
            title: "Projection lag",
            conditions:
                "deliveries at a steady rate for \(seconds) s, whatever the answers; the lag is what /metrics says every "
                + "100 ms; of the rates \(LagMeasurement.rates.map(String.init).joined(separator: ", ")) a second the first "
                + "that was kept (\(Int(LagMeasurement.keptShare * 100)) % of it answered)",
            rows: [
                row("steady rate kept", "/s", kept, [.atLeast(Double(LagMeasurement.rates[0]))]),
                row("\(name), greatest", "s", outcome.lags.max() ?? 0, [.below(LagMeasurement.limitSeconds)]),
                row("\(name), median", "s", outcome.lags.median),
                row("\(name), greatest in the first half", "s", outcome.lags.prefix(half).max() ?? 0),
                row("\(name), greatest in the second half", "s", outcome.lags.dropFirst(half).max() ?? 0),
                row("answered", "/s", outcome.load.perSecond),
                row("latency p99, from when each was due", "ms", outcome.load.milliseconds(0.99)),
            ]
        )
    }

    private func measure(
        _ receiver: CirclemeterReceiver,
        _ requests: PreparedRequests,
        _ rate: Int
    ) throws -> Outcome {
        let directory = "\(stage.directory)/lag-\(rate)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let (server, address) = try receiver.start(in: directory)
        let sampler = try LagSampler(port: server.port("dashboard"), token: server.token)
        var load = LoadGenerator(requests: requests, connectionCount: LagMeasurement.connectionCount)
        load.pace = .perSecond(rate)
        load.givesUpBehind = .seconds(LagMeasurement.secondsBehind)
        let answered = try load.post(0..<(rate * seconds), to: address)
        let outcome = Outcome(rate: rate, load: answered, lags: try sampler.stop())
        try server.stop()
        Stage.note(
            "lag at \(rate) a second: at most \(Report.number(outcome.lags.max() ?? 0)) s; "
                + "\(Int(outcome.load.perSecond)) a second answered"
        )
        return outcome
    }
}
