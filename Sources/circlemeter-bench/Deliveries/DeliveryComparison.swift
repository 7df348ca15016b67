import CircleCI
import Foundation

/// Deliveries a second: a real service that checks, keeps and syncs each of them, against a handler that does nothing.
struct DeliveryComparison: Sendable {
    private static let secret = "a secret of the benchmark"
    /// Unmeasured at the start of each round: connections, caches, the first segment.
    private static let warmUpCount = 1000

    let stage: Stage
    let program: Circlemeter
    let rounds: Int
    let connections: Int
    let count: Int

    /// Blocks.
    func run() throws -> Report.Section {
        Stage.note("preparing \(count) signed deliveries")
        // Of one day, as what comes in while a service runs.
        let all = DataSet.deliveries(count: count + DeliveryComparison.warmUpCount, dayCount: 1)
        let requests = PreparedRequests(all, secret: try WebhookSecret(Array(DeliveryComparison.secret.utf8)))
        let load = LoadGenerator(requests: requests, connectionCount: connections)
        var measured: [LoadGenerator.Outcome] = []
        var bare: [LoadGenerator.Outcome] = []
        var syncs: [Double] = []
        var checks: [Report.Check] = []
        for round in 1...rounds {
            let (outcome, check) = try circlemeter(load, requests, round)
            measured.append(outcome)
            checks.append(check)
            bare.append(try bareServer(load, requests))
            syncs.append(try DiskProbe.milliseconds(in: stage.directory))
            Stage.note(
                "deliveries, round \(round) of \(rounds): \(Int(measured[round - 1].perSecond)) a second, "
                    + "bare Hummingbird \(Int(bare[round - 1].perSecond))"
            )
        }
        func row(_ name: String, _ unit: String, _ value: (LoadGenerator.Outcome) -> Double) -> Report.Row {
            Report.Row(name: name, unit: unit, circlemeter: measured.map(value), other: bare.map(value))
        }
        var rate = row("acknowledged deliveries", "/s") { $0.perSecond }
        rate.target = .ratioAtLeast(0.6)
        return Report.Section(
            title: "Deliveries",
            conditions:
                "\(connections) connections, one request in flight on each; \(count) signed, distinct deliveries a round, "
                + "\(requests.bodyByteCount / requests.count) bytes each on average; circlemeter checks the signature, "
                + "drops duplicates, answers after fdatasync and publishes counters meanwhile; the bare handler reads "
                + "the body and answers 200",
            other: "bare Hummingbird",
            rows: [
                rate, row("latency p50", "ms") { $0.milliseconds(0.5) },
                row("latency p95", "ms") { $0.milliseconds(0.95) },
                row("latency p99", "ms") { $0.milliseconds(0.99) },
                row("processor time of the server per delivery", "us") { $0.processorMicroseconds },
                Report.Row(name: "one fdatasync of \(DiskProbe.byteCount) bytes, for scale", unit: "ms", other: syncs),
            ],
            checks: checks
        )
    }

    private func circlemeter(
        _ load: LoadGenerator,
        _ requests: PreparedRequests,
        _ round: Int
    ) throws -> (LoadGenerator.Outcome, Report.Check) {
        let directory = "\(stage.directory)/deliveries-\(round)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        _ = try program.output(
            [
                "connection", "add", PreparedRequests.connection, "--org", "gh/bench", "--webhook-secret-file", "-",
                "--data-dir", directory,
            ],
            input: DeliveryComparison.secret
        )
        let before = try program.recordCount(in: directory)
        let server = try program.serve(directory).server
        let (outcome, acknowledgedCount) = try post(load, requests, to: server, listeningAs: "webhooks")
        // Killed rather than stopped: what was acknowledged is on the log by then or it never will be.
        try server.kill()
        let recordCount = try program.recordCount(in: directory) - before
        let check = Report.Check(
            name: "round \(round): records on the log of a killed service = deliveries acknowledged",
            found: recordCount,
            expected: acknowledgedCount
        )
        return (outcome, check)
    }

    private func bareServer(_ load: LoadGenerator, _ requests: PreparedRequests) throws -> LoadGenerator.Outcome {
        let server = try Server(Circlemeter.thisProgram, ["bare-server"], stage: stage)
        let (outcome, _) = try post(load, requests, to: server, listeningAs: "bare")
        try server.stop()
        return outcome
    }

    /// The outcome of what is measured, and the number of all that was acknowledged.
    private func post(
        _ load: LoadGenerator,
        _ requests: PreparedRequests,
        to server: Server,
        listeningAs name: String
    ) throws -> (LoadGenerator.Outcome, Int) {
        let port = try server.port(name)
        let warmUpCount = min(DeliveryComparison.warmUpCount, requests.count / 2)
        let warmUp = try load.post(0..<warmUpCount, port: port)
        let before = server.processorSeconds()
        var outcome = try load.post(warmUpCount..<requests.count, port: port)
        outcome.processorSeconds = server.processorSeconds() - before
        return (outcome, warmUp.acknowledgedCount + outcome.acknowledgedCount)
    }
}
