import ArgumentParser
import EventLog
import Foundation
import Meter
import Synchronization
import Wire

struct PeopleErase: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "erase",
        abstract:
            "Erase a person from the data directory: from the log, without breaking its chain, and from what is made of it.",
        discussion: """
            The person's texts are overwritten in place by as many other characters; every checksum stays what it was. What \
            the person ran still counts, for nobody. Signatures of deliveries that were changed go, too: log verify \
            --signatures counts them as erased. Needs the service to be stopped.
            One identity is erased at a time; an alias does not help. Backups and what CircleCI sends again are not touched.
            Exit 1 where something is left.
            """
    )

    @OptionGroup var data: DataOptions

    @Argument(help: "An e-mail address, an author's name, login:NAME or user:ID; - reads it from standard input.")
    var identity: String

    @Flag(name: .customLong("dry-run"), help: "Only look for it.")
    var isDryRun = false

    @Flag(help: "The outcome as JSON.")
    var json = false

    func run() async throws {
        let directory = try data.existingDirectory()
        let identity = try identity == "-" ? readStandardInput() : identity
        let report: PersonErasure.Report
        do {
            let erasure = try PersonErasure(identity, in: directory)
            if isDryRun {
                report = try await onOwnThread("circlemeter.erase") { try erasure.search() }
            } else {
                let bar = Mutex(ProgressBar("making the snapshot"))
                defer { bar.withLock { $0.end() } }
                report = try await erasure.run { step in
                    bar.withLock {
                        $0.update(done: step.bytes, total: step.totalBytes, detail: "\(step.sequence) records")
                    }
                }
            }
        } catch let error as MeterError where error.code == .invalidPerson {
            throw CommandFailure.misuse(error.message, hint: error.hint)
        } catch let error as LogError where error.code == .locked {
            throw CommandFailure.found(
                "a service is running on \(directory.path)",
                hint: "stop it first: what it holds in memory would be written again"
            )
        }
        json ? writeJSON(report) : writeText(report, directory)
        guard report.isComplete else { throw ExitCode(1) }
    }

    private func readStandardInput() throws -> String {
        let bytes = try FileHandle.standardInput.read(upToCount: 4096) ?? Data()
        return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private func writeText(_ report: PersonErasure.Report, _ directory: DataDirectory) {
        let done = isDryRun ? "would be" : "were"
        Console.output("\(report.records) records in \(report.segments) segments \(done) overwritten")
        for path in report.removedFiles { Console.output("\(isDryRun ? "would be removed" : "removed"): \(path)") }
        if report.isInPeopleFile { Console.output("\(directory.people) names it; take it out there") }
        if !report.keptSequences.isEmpty {
            let shown = report.keptSequences.prefix(20).map(String.init).joined(separator: ", ")
            Console.error(
                "\(report.keptSequences.count) records cannot be overwritten with the same checksum: \(shown)"
                    + (report.keptSequences.count > 20 ? ", ..." : "")
            )
        }
        for damage in report.damages { Console.error("not searched, as it is damaged: \(damage)") }
        for path in report.remainingFiles { Console.error("it still stands in \(path)") }
        for path in report.unsearchedFiles { Console.error("not searched: \(path)") }
    }

    private func writeJSON(_ report: PersonErasure.Report) {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("dry_run", isDryRun)
            writer.member("complete", report.isComplete)
            writer.member("records", report.records)
            writer.member("segments", report.segments)
            writer.member(
                "kept_sequences",
                array: { writer in for sequence in report.keptSequences { writer.integer(sequence) } }
            )
            writer.member("damages", report.damages.count)
            for (name, texts) in [
                ("removed_files", report.removedFiles), ("remaining_files", report.remainingFiles),
                ("unsearched_files", report.unsearchedFiles),
            ] {
                writer.member(name, array: { writer in for text in texts { writer.string(text) } })
            }
            writer.member("in_people_file", report.isInPeopleFile)
        }
        Console.output(writer.bytes + [UInt8(ascii: "\n")])
    }
}
