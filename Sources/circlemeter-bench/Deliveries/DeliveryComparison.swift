import CircleCI
import EventLog
import Foundation
import Meter
import NIOCore

/// Deliveries a second: a service that checks, keeps, syncs and counts each of them, against others that do less.
struct DeliveryComparison: Sendable {
    /// Unmeasured at the start of each round: connections, caches, the first segment.
    private static let warmUpCount = 1000
    /// adnanh/webhook starts programs for each delivery, and gets only so many.
    private static let webhookCount = 600
    private static let logBytesPerBodyByte = 1.2

    let stage: Stage
    let program: Circlemeter
    let rounds: Int
    let connections: Int
    let count: Int

    /// One side of the comparison.
    private struct Side {
        var receiver: any DeliveryReceiver
        var requests: PreparedRequests
        /// Of circlemeter's rate to its own.
        var aim: Double?
        var outcomes: [LoadOutcome] = []

        var median: [Double] { outcomes.map(\.perSecond) }
    }

    /// Blocks.
    func run() throws -> (section: Report.Section, versions: [String: String]) {
        Stage.note("preparing \(count) signed deliveries")
        var sides = try makeSides()
        var checks: [Report.Check] = []
        var (syncs, overwrites): ([Double], [Double]) = ([], [])
        var logBytes: [Double] = []
        for round in 1...rounds {
            for index in sides.indices {
                let side = sides[index]
                let directory = "\(stage.directory)/deliveries-\(round)-\(index)"
                try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
                defer { try? FileManager.default.removeItem(atPath: directory) }
                let (outcome, acknowledgedCount) = try post(side, in: directory)
                sides[index].outcomes.append(outcome)
                if let kept = try side.receiver.keptCount(in: directory) {
                    let name = "round \(round): kept by \(side.receiver.name) = deliveries acknowledged"
                    checks.append(Report.Check(name: name, found: kept, expected: acknowledgedCount))
                }
                if index == 0 { logBytes.append(try logBytesPerBodyByte(directory, side.requests)) }
                Stage.note(
                    "deliveries, round \(round) of \(rounds): \(side.receiver.name) \(Int(outcome.perSecond)) a second"
                )
            }
            syncs.append(try DiskProbe.times(in: stage.directory).median)
            overwrites.append(try DiskProbe.times(in: stage.directory, isGrowing: false).median)
        }
        let kill = KillInTheMiddle(
            stage: stage,
            program: program,
            connections: connections,
            requests: sides[0].requests
        )
        checks += try kill.run()
        var versions: [String: String] = [:]
        for side in sides { versions[side.receiver.name] = side.receiver.version }
        return (section(sides, checks, syncs, overwrites, logBytes), versions)
    }

    private func makeSides() throws -> [Side] {
        let secret = try BenchSecret.make()
        // Of one day, as what comes in while a service runs.
        let all = Array(DataSet.deliveries(count: count + DeliveryComparison.warmUpCount, dayCount: 1))
        func side(_ receiver: any DeliveryReceiver, _ aim: Double?, count: Int? = nil) -> Side {
            Side(
                receiver: receiver,
                requests: PreparedRequests(all.prefix(count ?? all.count), receiver.write),
                aim: aim
            )
        }
        var sides = [side(CirclemeterReceiver(program: program, secret: secret), nil)]
        sides.append(side(BareReceiver(stage: stage, secret: secret), 0.85))
        if let node = Command.find("node") {
            sides.append(side(NodeReceiver(node: node, stage: stage, secret: secret), 1.5))
        } else {
            Stage.note("there is no node: not compared with")
        }
        if let programs = Postgres.find() {
            sides.append(side(Postgres(programs: programs, stage: stage, secret: secret), 1.5))
        } else {
            Stage.note("there is no PostgreSQL: not compared with")
        }
        if let webhook = Command.find("webhook") {
            let receiver = WebhookProgram(webhook: webhook, stage: stage, secret: secret)
            sides.append(side(receiver, 50, count: DeliveryComparison.webhookCount))
        } else {
            Stage.note("there is no adnanh/webhook: not compared with")
        }
        return sides
    }

    /// The outcome of what is measured, and the number of all that was acknowledged.
    private func post(_ side: Side, in directory: String) throws -> (LoadOutcome, Int) {
        let (server, address) = try side.receiver.start(in: directory)
        let load = LoadGenerator(
            requests: side.requests,
            connectionCount: connections,
            dialect: side.receiver.dialect
        )
        let warmUpCount = min(DeliveryComparison.warmUpCount, side.requests.count / 6)
        let warmUp = try load.post(0..<warmUpCount, to: address)
        let before = server.usage.processorSeconds
        var outcome = try load.post(warmUpCount..<side.requests.count, to: address)
        outcome.processorSeconds = server.usage.processorSeconds - before
        try side.receiver.end(server, in: directory)
        return (outcome, warmUp.acknowledged.count + outcome.acknowledged.count)
    }

    private func logBytesPerBodyByte(_ directory: String, _ requests: PreparedRequests) throws -> Double {
        let bytes = try LogStatistics.read(directory: DataDirectory(directory).log).byteCount
        return Double(bytes) / Double(requests.bodyByteCount)
    }

    private func section(
        _ sides: [Side],
        _ checks: [Report.Check],
        _ syncs: [Double],
        _ overwrites: [Double],
        _ logBytes: [Double]
    ) -> Report.Section {
        let mine = sides[0].outcomes
        let others = sides.dropFirst()
        func row(_ name: String, _ unit: String, _ other: Side, _ value: (LoadOutcome) -> Double) -> Report.Row {
            Report.Row(
                name: name,
                unit: unit,
                circlemeter: mine.map(value),
                against: other.receiver.name,
                other: other.outcomes.map(value)
            )
        }
        var rows = others.map { other in
            var rate = row("acknowledged deliveries", "/s", other) { $0.perSecond }
            if let aim = other.aim { rate.aims = [.ratioAtLeast(aim)] }
            return rate
        }
        for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
            rows += others.map { row("latency \(name)", "ms", $0) { $0.milliseconds(share) } }
        }
        // PostgreSQL's own processes and the programs that webhook starts are not seen.
        rows += others.prefix(2).map {
            row("processor time of the server per delivery", "us", $0) { $0.processorMicroseconds }
        }
        rows.append(
            Report.Row(
                name: "one fdatasync of \(DiskProbe.byteCount) bytes, for scale: at a file's end",
                unit: "ms",
                circlemeter: syncs,
                against: "over other bytes, as PostgreSQL does",
                other: overwrites
            )
        )
        rows.append(
            Report.Row(
                name: "disk per event: the log to the raw bodies",
                unit: "",
                circlemeter: logBytes,
                aims: [.below(DeliveryComparison.logBytesPerBodyByte)]
            )
        )
        let requests = sides[0].requests
        return Report.Section(
            title: "Deliveries",
            conditions:
                "\(connections) connections, one request in flight on each; \(count) signed, distinct deliveries a round "
                + "(adnanh/webhook \(DeliveryComparison.webhookCount)), \(requests.bodyByteCount / requests.count) bytes "
                + "each on average. circlemeter checks the signature, drops duplicates, answers after fdatasync and "
                + "publishes counters meanwhile; the bare handler reads the body and answers 200; Node.js checks the "
                + "signature and answers after a group fdatasync; PostgreSQL inserts on conflict do nothing, prepared, "
                + "over a socket of the file system, synchronous_commit=on; adnanh/webhook checks the signature in a "
                + "header that it knows, and appends and syncs by a shell script",
            rows: rows,
            checks: checks
        )
    }
}
