import ArgumentParser
import Foundation
import Meter
import Synchronization
import Wire

struct ReconcileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconcile",
        abstract: "Ask CircleCI for what the webhooks missed, and add it to the log.",
        discussion: """
            A service does this by itself (--reconcile-every). By hand, every pipeline since the last time is asked about. \
            Interrupted, it keeps what it has added, and goes on from there the next time.
            Exit 1 where something could not be fetched.
            """
    )

    @OptionGroup var data: DataOptions

    @Option(help: "Only this connection.")
    var connection: String?

    @Option(help: "Go back to this day or time, as in 2026-11-01; otherwise to where the last pass ended.")
    var since: String?

    @Flag(name: .customLong("dry-run"), help: "Show what would be added, and add nothing.")
    var isDryRun = false

    @Flag(help: "The outcome as JSON, a line for each connection.")
    var json = false

    func validate() throws {
        if let since, Day(since) == nil, Timestamp(since) == nil {
            throw ValidationError("--since: '\(since)' is no day and no time, as 2026-11-01 is")
        }
    }

    func run() async throws {
        let directory = try data.existingDirectory()
        var isGood = true
        if try await RunningService(directory).isRunning() {
            let service = RunningService(directory)
            let list = try await service.get("/api/v1/connections")
            for id in try chosen(from: list) {
                var output = ReconcileOutput(isJSON: json)
                do {
                    try await service.lines("/api/v1/connections/\(id)/reconcile", body: body) { output.take($0) }
                } catch let failure as CommandFailure {
                    Console.error("\(id): \(failure.description)")
                }
                isGood = output.finish() && isGood
            }
        } else {
            do {
                isGood = try await OfflineService.run(directory: directory) { operations in
                    var isGood = true
                    for id in try chosen(from: try await operations.list()) {
                        let output = SharedOutput(ReconcileOutput(isJSON: json))
                        do {
                            try await operations.reconcile(id, [UInt8](body)) { output.take(Data($0)) }
                        } catch let error as MeterError {
                            Console.error("\(id): \(error)")
                        }
                        isGood = output.finish() && isGood
                    }
                    return isGood
                }
            } catch let error as MeterError {
                throw CommandFailure.found("\(error)")
            }
        }
        guard isGood else { throw ExitCode(1) }
    }

    private var body: Data {
        var object: [String: Any] = ["dry_run": isDryRun]
        object["since"] = since
        return (try? JSONSerialization.data(withJSONObject: object)) ?? Data("{}".utf8)
    }

    /// Those with a key, or the one that was named.
    private func chosen(from list: [UInt8]) throws -> [String] {
        struct Answer: Decodable {
            struct Connection: Decodable {
                var id: String
                var has_api_key: Bool
            }
            var connections: [Connection]
        }
        let connections = try JSONDecoder().decode(Answer.self, from: Data(list)).connections
        if let connection { return [connection] }
        let chosen = connections.filter(\.has_api_key).map(\.id)
        if chosen.isEmpty {
            throw CommandFailure.found(
                "no connection has an API key",
                hint: "circlemeter connection reconnect ID --api-key-file FILE gives it one"
            )
        }
        return chosen
    }
}

/// Shows the lines of a pass: a plan, how far it is, and what it did.
struct ReconcileOutput {
    private struct Line: Decodable {
        struct Project: Decodable {
            struct Missing: Decodable {
                var kind: String
                var id: String
                var reason: String
            }
            var project: String
            var pipelines: Int
            var asked: Int
            var jobs: Int
            var workflows: Int
            var open: Int
            var missing: [Missing]
            var error: String?
        }
        enum Projects: Decodable {
            case count(Int)
            case all([Project])

            init(from decoder: any Decoder) throws {
                let value = try decoder.singleValueContainer()
                if let count = try? value.decode(Int.self) {
                    self = .count(count)
                } else {
                    self = .all(try value.decode([Project].self))
                }
            }
        }
        var connection: String?
        var planned: String?
        var project: String?
        var id: String?
        var status: String?
        var projects: Projects?
        var projects_done: Int?
        var pipelines_done: Int?
        var pipelines: Int?
        var added: Int?
        var error: String?
    }

    private let isJSON: Bool
    /// Whether only the bar is shown.
    private let isQuiet: Bool
    private var bar = ProgressBar("reconciling")
    private var isGood = false

    init(isJSON: Bool, isQuiet: Bool = false) {
        self.isJSON = isJSON
        self.isQuiet = isQuiet
    }

    mutating func take(_ bytes: Data) {
        guard let line = try? JSONDecoder().decode(Line.self, from: bytes) else { return }
        switch line.projects {
        case .count(let count):
            // Every project counts alike; within one, its pipelines do.
            let within = Double(line.pipelines_done ?? 0) / Double(max(1, line.pipelines ?? 1))
            bar.update(
                done: Int((Double(line.projects_done ?? 0) + within) * 1000),
                total: count * 1000,
                detail: "\(line.project ?? "") \(line.pipelines_done ?? 0)/\(line.pipelines ?? 0) pipelines, "
                    + "\(line.added ?? 0) added"
            )
        case .all(let projects):
            bar.end()
            isGood = line.error == nil && projects.allSatisfy { $0.error == nil && $0.missing.isEmpty }
            if isQuiet { return }
            if isJSON { return Console.output(Array(bytes) + (bytes.last == 10 ? [] : [10])) }
            show(line, projects)
        case nil:
            guard let planned = line.planned else { return }
            if isJSON { return Console.output(Array(bytes) + (bytes.last == 10 ? [] : [10])) }
            Console.output("+ \(planned) \(line.project ?? "") \(line.id ?? "") \(line.status ?? "")")
        }
    }

    /// Whether all could be fetched.
    mutating func finish() -> Bool {
        bar.end()
        return isGood
    }

    private func show(_ line: Line, _ projects: [Line.Project]) {
        for project in projects {
            Console.output(
                "\(project.project)  \(project.pipelines) pipelines, \(project.asked) asked about: "
                    + "\(project.workflows) workflows and \(project.jobs) jobs were missing, \(project.open) still open"
            )
            for item in project.missing { Console.output("  not to be had: \(item.kind) \(item.id) (\(item.reason))") }
            if let error = project.error { Console.output("  \(error)") }
        }
        if let error = line.error { Console.error("\(line.connection ?? ""): \(error)") }
    }
}

/// The output, from several tasks.
private final class SharedOutput: Sendable {
    private let output: Mutex<ReconcileOutput>

    init(_ output: ReconcileOutput) { self.output = Mutex(output) }

    func take(_ bytes: Data) { output.withLock { $0.take(bytes) } }
    func finish() -> Bool { output.withLock { $0.finish() } }
}
