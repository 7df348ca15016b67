import CircleCI
import Foundation
import Meter
import NIOCore

/// A program of a revision, to be counted or timed.
struct Revision {
    var name: String
    var circlemeter: Circlemeter
    /// Its own circlemeter-bench.
    var bench: String
}

/// What is done so often that its instructions count.
enum HotPath: String, CaseIterable {
    case replay, delivery, settle, scan, sign, append

    var name: String {
        switch self {
        case .replay: "replay, per record"
        case .delivery: "serve, per delivery: HTTP, signature, scan, append, counted"
        case .settle: "settle, per row of an export"
        case .scan: "scanning a body"
        case .sign: "checking a signature"
        case .append: "appending a record"
        }
    }

    /// A small and a large number of items: their difference leaves out what a program does once.
    fileprivate func sizes(isQuick: Bool) -> (small: Int, large: Int) {
        switch self {
        case .replay: isQuick ? (5000, 15_000) : (20_000, 60_000)
        case .delivery: isQuick ? (500, 1500) : (1000, 5000)
        case .settle: isQuick ? (1000, 4000) : (2000, 12_000)
        case .scan, .sign, .append: isQuick ? (500, 2500) : (1000, 11_000)
        }
    }
}

/// Counts the instructions of hot paths. Its calls block.
struct InstructionCounts: Sendable {
    private static let connectionCount = 64

    let stage: Stage
    let isQuick: Bool
    private let valgrind: Valgrind

    init(stage: Stage, isQuick: Bool) throws {
        self.stage = stage
        self.isQuick = isQuick
        valgrind = try Valgrind(stage: stage)
    }

    /// The same revision, in a form that can be counted.
    func countable(_ revision: Revision) throws -> Revision {
        Revision(
            name: revision.name,
            circlemeter: Circlemeter(path: try valgrind.countable(revision.circlemeter.path), stage: stage),
            bench: try valgrind.countable(revision.bench)
        )
    }

    /// Where the log is that is replayed.
    var log: DataSet {
        // A full day of it, as in the log that `replay` is timed with.
        DataSet(
            directory: "\(stage.directory)/counted",
            recordCount: HotPath.replay.sizes(isQuick: isQuick).large,
            dayCount: isQuick ? 2 : 8
        )
    }

    /// What an item costs, by function. Needs ``log``, and a revision that is ``countable(_:)``.
    func count(_ path: HotPath, _ revision: Revision) throws -> [String: Double] {
        let (small, large) = path.sizes(isQuick: isQuick)
        let first = try profile(path, revision, small)
        let growth = first.growth(to: try profile(path, revision, large), items: large - small)
        Stage.note("\(path.name): \(Int(growth.values.reduce(0, +))) instructions (\(revision.name))")
        return growth
    }

    private func profile(_ path: HotPath, _ revision: Revision, _ count: Int) throws -> Profile {
        let program = revision.circlemeter
        switch path {
        case .replay:
            return try valgrind.profile(
                program.path,
                ["replay", "--dry-run", "--to", "\(count)", "--data-dir", log.directory]
            )
        case .delivery:
            return try deliveries(program, count)
        case .settle:
            let file = "\(stage.directory)/export-\(count).csv"
            let directory = "\(stage.directory)/settle-\(UUID().uuidString)"
            defer { for path in [file, directory] { try? FileManager.default.removeItem(atPath: path) } }
            try ExportFile.make(file, rowCount: count)
            try program.addConnection(in: directory)
            return try valgrind.profile(program.path, ["settle", "--file", file, "--data-dir", directory])
        case .scan, .sign, .append:
            return try valgrind.profile(
                revision.bench,
                ["loop", path.rawValue, "--count", "\(count)", "--directory", stage.directory]
            )
        }
    }

    private func deliveries(_ program: Circlemeter, _ count: Int) throws -> Profile {
        let directory = "\(stage.directory)/served-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try program.addConnection(in: directory)
        let receiver = CirclemeterReceiver(program: program, secret: try BenchSecret.make())
        let requests = PreparedRequests(DataSet.deliveries(count: count, dayCount: 1), receiver.write)
        return try valgrind.profileService(program.path, Circlemeter.serveArguments(directory)) { server in
            let load = LoadGenerator(requests: requests, connectionCount: InstructionCounts.connectionCount)
            _ = try load.post(0..<count, to: .loopback(port: server.port("webhooks")))
        }
    }
}
