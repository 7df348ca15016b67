import ArgumentParser
import EventLog
import Foundation
import Meter
import Synchronization
import Usage
import Wire

struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Make the snapshot anew from the log.",
        discussion: """
            The old snapshot serves until the new one is complete. With a running service the work is done through it.
            Interrupted, it leaves the published snapshot as it was, and goes on from there the next time.
            """
    )

    @OptionGroup var data: DataOptions

    @Option(help: "Count no record after this sequence.")
    var to: Int?

    @Flag(name: .customLong("dry-run"), help: "Leave the published snapshot as it is.")
    var isDryRun = false

    @Flag(help: "Show the rows in which the snapshots differ: '-' published, '+' replayed. Exit 1 where any does.")
    var diff = false

    @Flag(help: "The outcome as JSON.")
    var json = false

    func validate() throws {
        if let to, to < 0 { throw ValidationError("--to must not be negative") }
    }

    func run() async throws {
        let directory = try data.existingDirectory()
        let started = ContinuousClock().now
        let published = diff ? try await onOwnThread("circlemeter.snapshot") { try Replay(directory).published() } : nil
        let replayed: Snapshot?
        if !isDryRun, try await RunningService(directory).isRunning() {
            guard to == nil else {
                throw CommandFailure.misuse(
                    "a running service counts the whole log",
                    hint: "use --to with --dry-run, or stop the service"
                )
            }
            try await RunningService(directory).replay()
            replayed = try await onOwnThread("circlemeter.snapshot") { try Replay(directory).published() }
        } else {
            replayed = try await replay(directory)
        }
        guard let replayed else {
            throw CommandFailure.found(
                "interrupted; the snapshot is as it was",
                hint: isDryRun ? nil : "run it again to go on from here"
            )
        }
        report(replayed, seconds: Double((ContinuousClock().now - started) / .milliseconds(1)) / 1000)
        guard diff else { return }
        let empty = Snapshot(SnapshotParts())
        let lines = SnapshotDifference(published ?? empty, replayed).lines
        for line in lines { Console.output("\(line.isFirst ? "-" : "+") \(line.table.rawValue) \(line.json)") }
        guard lines.isEmpty else { throw ExitCode(1) }
    }

    private func replay(_ directory: DataDirectory) async throws -> Snapshot? {
        let (to, isDryRun, diff) = (to, isDryRun, diff)
        let interruption = Interruption()
        defer { interruption.stopWatching() }
        return try await onOwnThread("circlemeter.replay") {
            // A running service must not have its file replaced under it.
            let lock = isDryRun ? nil : try LogLock.acquire(directory: directory.log)
            defer { lock?.release() }
            var bar = ProgressBar("replaying")
            defer { bar.end() }
            return try Replay(directory).run(to: to, isDryRun: isDryRun, readsRows: diff) { step in
                bar.update(done: step.bytes, total: step.totalBytes, detail: "\(step.sequence) records")
                return !interruption.isRequested
            }
        }
    }

    private func report(_ snapshot: Snapshot, seconds: Double) {
        let sequence = snapshot.position?.sequence ?? 0
        if json {
            var writer = JSONWriter()
            writer.object { writer in
                writer.member("sequence", sequence)
                writer.member("crc", Hex.string(snapshot.position?.crc ?? 0))
                writer.member("dry_run", isDryRun)
                writer.member("duration_ms", Int(seconds * 1000))
            }
            Console.output(writer.bytes + [UInt8(ascii: "\n")])
        } else {
            let rate = seconds > 0 ? Int(Double(sequence) / seconds) : 0
            Console.error(
                "\(sequence) records counted in \(String(format: "%.1f", seconds)) s (\(rate) a second)"
                    + (isDryRun ? "; dry run, nothing was published" : "")
            )
        }
    }
}
