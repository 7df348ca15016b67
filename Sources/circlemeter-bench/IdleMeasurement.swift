import CircleCI
import Foundation
import NIOCore

/// What a service costs that has nothing to do.
struct IdleMeasurement: Sendable {
    private static let memoryMebibytes = 60.0
    /// No timer of the service comes more often than once a second.
    private static let wakeUpsPerSecond = 2.0
    private static let deliveryCount = 1000

    let stage: Stage
    let program: Circlemeter
    let seconds: Int

    /// Blocks.
    func run() throws -> Report.Section {
        let directory = "\(stage.directory)/idle"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let receiver = CirclemeterReceiver(program: program, secret: try BenchSecret.make())
        let (server, address) = try receiver.start(in: directory)
        let requests = PreparedRequests(
            DataSet.deliveries(count: IdleMeasurement.deliveryCount, dayCount: 1),
            receiver.write
        )
        _ = try LoadGenerator(requests: requests, connectionCount: 4).post(0..<requests.count, to: address)
        Stage.note("idle: \(2 * seconds) s")
        Thread.sleep(forTimeInterval: Double(seconds))
        let memory = Double(server.usage.residentBytes) / Double(1 << 20)
        let (before, processor) = (server.usage.sleepCounts, server.usage.processorSeconds)
        Thread.sleep(forTimeInterval: Double(seconds))
        // A thread that has ended is not counted, one that is new is counted from its beginning.
        let sleeps = server.usage.sleepCounts.reduce(0) { $0 + $1.value - (before[$1.key] ?? 0) }
        let sleepsPerSecond = Double(sleeps) / Double(seconds)
        let share = (server.usage.processorSeconds - processor) / Double(seconds) * 100
        try server.stop()
        return Report.Section(
            title: "Idle",
            conditions:
                "one connection without an API key; \(requests.count) deliveries, then nothing for \(seconds) s; wake-ups "
                + "are voluntary context switches of all threads over the \(seconds) s that follow",
            rows: [
                Report.Row(
                    name: "idle: resident memory",
                    unit: "MiB",
                    circlemeter: [memory],
                    aims: [.below(IdleMeasurement.memoryMebibytes)]
                ),
                Report.Row(
                    name: "idle: wake-ups",
                    unit: "/s",
                    circlemeter: [sleepsPerSecond],
                    aims: [.below(IdleMeasurement.wakeUpsPerSecond)]
                ),
                Report.Row(name: "idle: share of a processor", unit: "%", circlemeter: [share]),
            ]
        )
    }
}
