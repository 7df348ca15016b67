import EventLog
import FakeCircleCI
import Foundation
import Usage
import Wire

@testable import Meter

/// What holds at the end of a simulation, whatever has happened. It asks the log and the made-up CircleCI, and nothing of
/// what decided in between.
struct SimulationAudit {
    private struct RunKey: Hashable {
        var kind: TrueRun.Kind
        var id: String
    }

    private let simulation: Simulation
    private let service: SimulatedService
    private let deliveries: [GeneratedDelivery]
    private let sent: Set<Int>
    private let acknowledged: Set<Int>
    private let mayRepeat: Bool
    private let tornSequences: [ClosedRange<Int>]
    private let connections: [String]
    private let world: SimulatedWorld

    init?(_ simulation: Simulation) async {
        guard let service = await simulation.service else { return nil }
        self.simulation = simulation
        self.service = service
        deliveries = simulation.deliveries
        sent = await simulation.sent
        acknowledged = await simulation.acknowledged
        mayRepeat = await simulation.mayRepeat
        tornSequences = await simulation.tornSequences
        connections = await simulation.organizations.map(\.connection)
        world = simulation.world
    }

    func problems() async throws -> [String] {
        var problems: [String] = []
        let (entries, logProblems) = try await readLog()
        problems += logProblems
        let told = check(entries, &problems)
        try await checkSnapshots(entries, &problems)
        let snapshot = try await service.projector.published.snapshot()
        let truth = self.truth(told: told, entries)
        compare("jobs", TrueCounts(snapshot, .jobs), truth.jobs, &problems)
        compare("workflows", TrueCounts(snapshot, .workflows), truth.workflows, &problems)
        compare("branches", TrueCounts.branches(snapshot), truth.branches, &problems)
        checkCoverage(snapshot, told: told, &problems)
        for connection in connections {
            let state = await service.monitor.condition(of: connection)?.state
            let isWell = state.map { [.connected, .expiring, .silent].contains($0) } ?? false
            if !isWell { problems.append("\(connection) is \(state.map { "\($0)" } ?? "unknown") in the end") }
        }
        return problems
    }

    // MARK: The log

    private func readLog() async throws -> ([LogEntry], [String]) {
        let (directory, tornSequences) = (world.directory.log, tornSequences)
        return try await onOwnThread("simulation.audit") {
            var entries: [LogEntry] = []
            var problems: [String] = []
            var sequence = 0
            try LogReader(directory: directory).read(after: nil) { item in
                switch item {
                case .record(let record):
                    if record.sequence != sequence + 1 { problems.append("\(record.sequence) follows \(sequence)") }
                    sequence = record.sequence
                    entries.append(
                        LogEntry(
                            receivedAt: record.receivedAt,
                            source: record.source,
                            connection: record.connection,
                            signature: record.signature,
                            body: record.withBody { Array($0) }
                        )
                    )
                case .damage(let damage):
                    if let torn = damage.sequences, tornSequences.contains(torn), torn.lowerBound == sequence + 1 {
                        sequence = torn.upperBound
                    } else {
                        problems.append("the log is damaged: \(damage)")
                    }
                case .tornTail(let damage): problems.append("the log's end is torn: \(damage)")
                }
                return true
            }
            return (entries, problems)
        }
    }

    /// Every acknowledged delivery is there, once, and nothing that was not sent; which of them are.
    private func check(_ entries: [LogEntry], _ problems: inout [String]) -> Set<Int> {
        var places: [[UInt8]: Int] = [:]
        for (index, delivery) in deliveries.enumerated() { places[delivery.body] = index }
        var counts: [Int: Int] = [:]
        for entry in entries where entry.source == .webhook {
            guard let index = places[entry.body], sent.contains(index) else {
                problems.append("on the log and never sent: \(String(decoding: entry.body.prefix(200), as: UTF8.self))")
                continue
            }
            let connection = LiveService.connection(deliveries[index].organizationIndex)
            if entry.connection != connection { problems.append("of \(connection), and under \(entry.connection)") }
            counts[index, default: 0] += 1
        }
        for index in acknowledged.sorted() where counts[index] == nil {
            let delivery = deliveries[index]
            problems.append("acknowledged and not on the log: \(delivery.eventType) of \(delivery.sentAt)")
        }
        for (index, count) in counts.sorted(by: { $0.key < $1.key }) where count > 1 && !mayRepeat {
            problems.append("\(count) times on the log: \(deliveries[index].eventType) of \(deliveries[index].sentAt)")
        }
        return Set(counts.keys)
    }

    // MARK: The snapshot

    /// What is published is what comes of the log from scratch, in SQLite and in memory, in order and shuffled.
    private func checkSnapshots(_ entries: [LogEntry], _ problems: inout [String]) async throws {
        let published = try await service.projector.published.snapshot()
        let directory = world.directory
        let replayed = try await onOwnThread("simulation.audit") {
            try Replay(directory).run(to: nil, isDryRun: true, progress: { _ in true })
        }
        if published.canonicalBytes() != replayed?.canonicalBytes() {
            problems.append("the published snapshot is not what comes of the log from scratch")
            if let replayed { problems += SnapshotDifference(published, replayed).lines.prefix(5).map { "\($0)" } }
        }
        var random = SeededGenerator(seed: world.seed)
        let memory = MemoryLog()
        try memory.append(entries.shuffled(using: &random))
        let shuffled = memory.snapshot
        if published.canonicalBytes(includesPosition: false) != shuffled.canonicalBytes(includesPosition: false) {
            problems.append("the snapshot depends on the order of the log")
            problems += SnapshotDifference(published, shuffled).lines.prefix(5).map { "\($0)" }
        }
    }

    // MARK: The truth

    private func runs(_ runs: some Sequence<TrueRun>) -> [RunKey: TrueRun] {
        Dictionary(runs.map { (RunKey(kind: $0.kind, id: $0.id), $0) }, uniquingKeysWith: { first, _ in first })
    }

    private func isTold(_ told: Set<Int>) -> @Sendable (String, String) -> Bool {
        let events = Set(
            told.map { DeliveredEvent(webhookID: deliveries[$0].webhookID, eventID: deliveries[$0].eventID) }
        )
        return { events.contains(DeliveredEvent(webhookID: $0, eventID: $1)) }
    }

    /// What CircleCI knows, in the precision of whoever told it: a run that both the API and a webhook have told is as the
    /// one says that has the later end.
    private func truth(told: Set<Int>, _ entries: [LogEntry]) -> Truth {
        let history = world.site.history
        let heard = runs(history.runs(toldBy: isTold(told)))
        let answered = runs(history.runs(toldBy: { _, _ in false }, apiAsOf: world.time.now))
        let asked = Set(entries.lazy.filter { $0.source == .api }.compactMap(SimulationAudit.run))
        var names: [String: String] = [:]
        let all = history.runs(toldBy: isTold(told), apiAsOf: world.time.now).map { run in
            let key = RunKey(kind: run.kind, id: run.id)
            guard !run.isToldByAPI, asked.contains(key), let answer = answered[key], let version = heard[key] else {
                return run
            }
            // What the version with the later end leaves out is filled from the other.
            names[run.id] = answer.workflowName
            guard let end = answer.stoppedAt else { return version }
            return version.stoppedAt.map { $0 < end } ?? true ? answer : version
        }
        return Truth(all, workflowNames: names)
    }

    /// The run of an event that the reconciler made; nil: it is about something else.
    private static func run(of entry: LogEntry) -> RunKey? {
        let object = try? JSONSerialization.jsonObject(with: Data(entry.body)) as? [String: Any]
        guard let object, let type = object["type"] as? String else { return nil }
        let kind: TrueRun.Kind? =
            switch type {
            case "job-completed": .job
            case "workflow-completed": .workflow
            default: nil
            }
        guard let kind, let run = object[kind.rawValue] as? [String: Any], let id = run["id"] as? String else {
            return nil
        }
        return RunKey(kind: kind, id: id)
    }

    private func compare(_ what: String, _ seen: TrueCounts, _ truth: TrueCounts, _ problems: inout [String]) {
        guard seen != truth else { return }
        let keys = Set(seen.sums.keys).union(truth.sums.keys).filter { seen.sums[$0] != truth.sums[$0] }
        for key in keys.sorted(by: { $0.lexicographicallyPrecedes($1) }).prefix(5) {
            let words = [seen.sums[key], truth.sums[key]].map { sums in
                sums.map { "\($0.runs) runs, \($0.milliseconds) ms" } ?? "none"
            }
            problems.append("\(what) \(key): counted \(words[0]); in truth \(words[1])")
        }
    }

    /// Who told of how many jobs, by connection, day and project.
    private func checkCoverage(_ snapshot: Snapshot, told: Set<Int>, _ problems: inout [String]) {
        let heard = runs(world.site.history.runs(toldBy: isTold(told)))
        var truth: [[String]: (runs: Int, webhook: Int)] = [:]
        for run in world.site.history.runs(toldBy: isTold(told), apiAsOf: world.time.now)
        where run.kind == .job && run.status != "not_run" {
            let key = [LiveService.connection(run.organizationIndex), run.day.description, run.projectSlug]
            truth[key, default: (0, 0)].runs += 1
            if heard[RunKey(kind: run.kind, id: run.id)] != nil { truth[key, default: (0, 0)].webhook += 1 }
        }
        for row in snapshot[.coverage] {
            let key = [row.key.connection, row.key.day.description] + row.key.texts
            let (runs, webhook) = truth.removeValue(forKey: key) ?? (0, 0)
            let tally = (0..<6).map { row.tally[$0] }
            if tally[0] != runs || tally[1] != webhook || tally[2] != runs - webhook || tally[3] != 0 || tally[5] != 0 {
                problems.append("coverage of \(key): \(tally); in truth \(runs) runs, \(webhook) by webhook")
            }
        }
        for key in truth.keys { problems.append("no coverage of \(key)") }
    }
}
