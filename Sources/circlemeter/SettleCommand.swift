import ArgumentParser
import Foundation
import Meter
import Wire

struct SettleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settle",
        abstract: "Settle credits by CircleCI's usage export: through its API, or from CSV files of one.",
        discussion: """
            A service does this by itself once a day (--settle-every). Without --file, CircleCI is asked for what is not \
            settled yet through the last full day, and for the last days again, since it corrects; with --from and --to \
            for just these days. An export takes CircleCI some minutes, and it can be looked at every six. Interrupted, \
            it is taken up again: what was started is looked at, not started anew.
            With --file, plain or gzip, every file is checked as a whole before any of it counts; a file with a mistake \
            changes nothing, the others are settled. With --from and --to the files are taken to hold every run of these \
            days, which closes them: nothing of them is missing any longer.
            Settling again changes nothing. Of two exports that disagree on a run, the later one counts.
            Exit 1 where something could not be settled.
            """
    )

    @OptionGroup var data: DataOptions

    @Option(help: "Only this connection. Needed with --file where there are several.")
    var connection: String?

    @Option(
        name: .customLong("file"),
        parsing: .upToNextOption,
        help: ArgumentHelp("Files of a usage export, instead of CircleCI's API.", valueName: "csv[.gz]")
    )
    var files: [String] = []

    @Option(
        name: .customLong("exported-at"),
        help: "When CircleCI made the files; otherwise each file's own time of change."
    )
    var exportedAt: String?

    @Option(help: "The first UTC day to settle, as 2026-11-01; with --file, of which the files hold every run.")
    var from: String?

    @Option(help: "The last such day.")
    var to: String?

    @Flag(
        name: .customLong("dry-run"),
        help: "Show which exports would be started, and start none; with --file, check, compare, and add nothing."
    )
    var isDryRun = false

    @Flag(help: "The outcome as JSON, a line for each connection.")
    var json = false

    func validate() throws {
        for (name, day) in [("from", from), ("to", to)] {
            if let day, Day(day) == nil { throw ValidationError("--\(name): '\(day)' is no day, as 2026-11-01 is") }
        }
        if (from == nil) != (to == nil) { throw ValidationError("--from and --to go together") }
        if let exportedAt, Timestamp(exportedAt) == nil, Day(exportedAt) == nil {
            throw ValidationError("--exported-at: '\(exportedAt)' is no time, as 2026-11-01T08:00:00Z is")
        }
        if exportedAt != nil, files.isEmpty { throw ValidationError("--exported-at goes with --file") }
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
            var isGood = true
            if isRunning {
                for id in try chosen(from: try await service.get("/api/v1/connections")) {
                    let output = SettleOutput(id, isJSON: json)
                    do {
                        try await service.lines("/api/v1/connections/\(id)/settle", body: order.json) {
                            output.take($0)
                        }
                    } catch let failure as CommandFailure where files.isEmpty {
                        Console.error("\(id): \(failure.description)")
                    }
                    isGood = output.finish() && isGood
                }
            } else {
                isGood = try await OfflineService.run(directory: directory) { [order] operations in
                    var isGood = true
                    for id in try chosen(from: try await operations.list()) {
                        let output = SettleOutput(id, isJSON: json)
                        do {
                            try await operations.settle(id, [UInt8](order.json)) { output.take(Data($0)) }
                        } catch let error as MeterError where files.isEmpty {
                            Console.error("\(id): \(error)")
                        }
                        isGood = output.finish() && isGood
                    }
                    return isGood
                }
            }
            guard isGood else { throw ExitCode(1) }
        } catch let error as MeterError {
            throw CommandFailure.found("\(error)")
        }
    }

    private func time(of file: String) throws -> Timestamp {
        if let exportedAt, let time = Timestamp(exportedAt) ?? Timestamp("\(exportedAt)T00:00:00Z") { return time }
        guard let path = SettleOrder.regularFile(file),
            let changed = try? FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
        else { throw CommandFailure.found("\(file): it is no file that can be read") }
        return Timestamp(microseconds: Int64(changed.timeIntervalSince1970 * 1_000_000))
    }

    /// The one that was named; otherwise the only one for files, and all that have a key for the API.
    private func chosen(from list: [UInt8]) throws -> [String] {
        struct Answer: Decodable {
            struct Connection: Decodable {
                var id: String
                var has_api_key: Bool
            }
            var connections: [Connection]
        }
        if let connection { return [connection] }
        let connections = try JSONDecoder().decode(Answer.self, from: Data(list)).connections
        let ids = connections.map(\.id)
        if ids.isEmpty { throw CommandFailure.found("there is no connection", hint: "circlemeter connection add") }
        guard files.isEmpty else {
            guard ids.count == 1 else {
                throw CommandFailure.found(
                    "there are several connections: \(ids.joined(separator: ", "))",
                    hint: "name one with --connection"
                )
            }
            return ids
        }
        let withKey = connections.filter(\.has_api_key).map(\.id)
        if withKey.isEmpty {
            throw CommandFailure.found(
                "no connection has an API key",
                hint: "circlemeter connection reconnect ID --api-key-file FILE gives it one; or settle --file"
            )
        }
        return withKey
    }
}
