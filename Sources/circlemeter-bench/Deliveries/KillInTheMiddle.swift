import Foundation
import Meter
import Synchronization

/// Kills the service while the load goes on. What it had acknowledged has to be there when it is back: sent again, all of
/// it is a duplicate; the rest is taken, and in the end each delivery is on the log once.
struct KillInTheMiddle {
    let stage: Stage
    let program: Circlemeter
    let connections: Int
    let requests: PreparedRequests

    /// Blocks.
    func run() throws -> [Report.Check] {
        let directory = "\(stage.directory)/killed"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let receiver = CirclemeterReceiver(program: program, secret: try BenchSecret.make())
        let (server, address) = try receiver.start(in: directory)
        let process = server.processIdentifier
        var load = LoadGenerator(requests: requests, connectionCount: connections)
        load.endsWithServer = true
        let half = requests.count / 2
        load.onAnswer = { count in
            if count == half { kill(process, SIGKILL) }
        }
        let first = try load.post(0..<requests.count, to: address)
        try server.kill()
        Stage.note("killed in the middle: \(first.acknowledged.count) of \(requests.count) were acknowledged")

        let (second, secondAddress) = try receiver.restart(in: directory)
        load.onAnswer = nil
        load.endsWithServer = false
        let again = try load.post(first.acknowledged, to: secondAddress)
        let rest = Set(0..<requests.count).subtracting(first.acknowledged).sorted()
        let outcome = try load.post(rest, to: secondAddress)
        try second.kill()
        return [
            Report.Check(
                name: "killed in the middle: acknowledged before, and there afterwards",
                found: again.duplicateCount,
                expected: first.acknowledged.count
            ),
            Report.Check(
                name: "killed in the middle, the rest sent then: records = deliveries",
                found: try receiver.keptCount(in: directory) ?? 0,
                expected: first.acknowledged.count + outcome.acknowledged.count
            ),
        ]
    }
}
