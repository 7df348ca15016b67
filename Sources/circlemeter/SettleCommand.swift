import ArgumentParser
import Foundation
import Meter
import Synchronization
import Usage
import Wire

struct SettleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settle",
        abstract: "Settle credits by CircleCI's usage export: from its CSV files, plain or gzip.",
        discussion: """
            Every file is checked as a whole before any of it counts; a file with a mistake changes nothing, the others are \
            settled. Settling a file again changes nothing. Of two exports that disagree on a run, the later one counts.
            With --from and --to the files are taken to hold every run of these days, which closes them: nothing of them is \
            missing any longer.
            Exit 1 where a file could not be settled.
            """
    )

    @OptionGroup var data: DataOptions

    @Option(help: "The connection that the files are of; not needed where there is but one.")
    var connection: String?

    @Option(
        name: .customLong("file"),
        parsing: .upToNextOption,
        help: ArgumentHelp("Files of a usage export.", valueName: "csv[.gz]")
    )
    var files: [String]

    @Option(
        name: .customLong("exported-at"),
        help: "When CircleCI made the export; otherwise each file's own time of change."
    )
    var exportedAt: String?

    @Option(help: "The first UTC day of which the files hold every run, as 2026-11-01.")
    var from: String?

    @Option(help: "The last such day.")
    var to: String?

    @Flag(name: .customLong("dry-run"), help: "Check and compare, and add nothing.")
    var isDryRun = false

    @Flag(help: "The outcome as JSON.")
    var json = false

    func validate() throws {
        if files.isEmpty { throw ValidationError("--file: at least one is needed") }
        for (name, day) in [("from", from), ("to", to)] {
            if let day, Day(day) == nil { throw ValidationError("--\(name): '\(day)' is no day, as 2026-11-01 is") }
        }
        if (from == nil) != (to == nil) { throw ValidationError("--from and --to go together") }
        if let exportedAt, Timestamp(exportedAt) == nil, Day(exportedAt) == nil {
            throw ValidationError("--exported-at: '\(exportedAt)' is no time, as 2026-11-01T08:00:00Z is")
        }
    }

    func run() async throws {
        let directory = try data.existingDirectory()
        let service = RunningService(directory)
        let isRunning = try await service.isRunning()
        var order = SettleOrder()
        order.from = from
        order.to = to
        order.dry_run = isDryRun
        defer { order.removeFiles(in: directory) }
        do {
            for file in files {
                try order.add(file, name: file, exportedAt: try time(of: file), in: directory)
            }
            let output = SettleOutput(isJSON: json)
            if isRunning {
                let id = try chosen(from: try await service.get("/api/v1/connections"))
                try await service.lines("/api/v1/connections/\(id)/settle", body: order.json) { output.take($0) }
            } else {
                try await OfflineService.run(directory: directory) { [order] operations in
                    let id = try chosen(from: try await operations.list())
                    try await operations.settle(id, [UInt8](order.json)) { output.take(Data($0)) }
                }
            }
            guard output.finish() else { throw ExitCode(1) }
        } catch let error as MeterError {
            throw CommandFailure.found("\(error)")
        }
    }

    private func time(of file: String) throws -> Timestamp {
        if let exportedAt, let time = Timestamp(exportedAt) ?? Timestamp("\(exportedAt)T00:00:00Z") { return time }
        guard let changed = try? FileManager.default.attributesOfItem(atPath: file)[.modificationDate] as? Date else {
            throw CommandFailure.found("\(file): it cannot be read")
        }
        return Timestamp(microseconds: Int64(changed.timeIntervalSince1970 * 1_000_000))
    }

    private func chosen(from list: [UInt8]) throws -> String {
        struct Answer: Decodable {
            struct Connection: Decodable { var id: String }
            var connections: [Connection]
        }
        if let connection { return connection }
        let ids = try JSONDecoder().decode(Answer.self, from: Data(list)).connections.map(\.id)
        guard ids.count == 1 else {
            throw CommandFailure.found(
                ids.isEmpty
                    ? "there is no connection" : "there are several connections: \(ids.joined(separator: ", "))",
                hint: ids.isEmpty ? "circlemeter connection add" : "name one with --connection"
            )
        }
        return ids[0]
    }
}

/// Shows the lines of a settlement: how far it is, and what it did. Safe from several tasks.
private final class SettleOutput: Sendable {
    private struct Line: Decodable {
        struct File: Decodable {
            struct Problem: Decodable { var message: String }
            var file: String
            var rows: Int
            var settled: Int
            var corrected: Int
            var confirmed: Int
            var known: Int
            var credits: Int
            var problem: Problem?
        }
        struct Days: Decodable {
            var from: String
            var to: String
        }
        var file: String?
        var phase: String?
        var bytes: Int?
        var total_bytes: Int?
        var rows: Int?
        var files: [File]?
        var settled_days: Days?
    }

    private struct State {
        var bar = ProgressBar("settling")
        var isGood = false
    }

    private let isJSON: Bool
    private let state = Mutex(State())

    init(isJSON: Bool) {
        self.isJSON = isJSON
    }

    func take(_ bytes: Data) {
        guard let line = try? JSONDecoder().decode(Line.self, from: bytes) else { return }
        state.withLock { state in
            if let done = line.bytes, let total = line.total_bytes {
                state.bar.update(
                    done: done,
                    total: total,
                    detail: "\(line.phase ?? "") \(line.file ?? ""): \(line.rows ?? 0) rows"
                )
            }
            guard let files = line.files else { return }
            state.bar.end()
            state.isGood = files.allSatisfy { $0.problem == nil }
            if isJSON { return Console.output(Array(bytes) + (bytes.last == 10 ? [] : [10])) }
            for file in files { show(file) }
            if let days = line.settled_days { Console.output("closed: \(days.from) to \(days.to)") }
        }
    }

    private func show(_ file: Line.File) {
        if let problem = file.problem { return Console.error("\(problem.message); nothing of it was settled") }
        Console.output(
            "\(file.file): \(file.rows) rows, \(DecimalText.credits(file.credits)) credits: \(file.settled) settled, "
                + "\(file.corrected) corrected, \(file.confirmed) confirmed, \(file.known) known already"
        )
    }

    /// Whether all files were settled.
    func finish() -> Bool {
        state.withLock { state in
            state.bar.end()
            return state.isGood
        }
    }
}
