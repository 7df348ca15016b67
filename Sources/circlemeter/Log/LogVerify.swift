import ArgumentParser
import EventLog
import Foundation
import Meter
import Wire

struct LogVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check every line of the log: checksums, order, segments, and that the snapshot's position is on it.",
        discussion: """
            Exit 1 where something is wrong; each place is named with segment, line and byte. A torn tail is no damage: \
            it is a batch that was being written, and the service cuts it off when it starts.
            """
    )

    @OptionGroup var data: DataOptions

    @Flag(help: "Also check each delivery's signature against the secrets of its connection.")
    var signatures = false

    @Flag(help: "As JSON.")
    var json = false

    private struct Outcome: Sendable {
        var verification: LogVerification
        var signatures: SignatureCheck?
        /// Nil where there is no snapshot.
        var isSnapshotOnLog: Bool?
    }

    func run() async throws {
        let directory = try data.existingDirectory()
        let checker = signatures ? try await SignatureChecker.open(directory: directory) : nil
        let interruption = Interruption()
        defer { interruption.stopWatching() }
        let outcome = try await onOwnThread("circlemeter.log") {
            try LogLock.finishErasure(directory: directory.log)
            var bar = ProgressBar("verifying")
            defer { bar.end() }
            var check = checker.map { SignatureCheck($0) }
            let verification = try LogVerifier(directory: directory.log).verify(
                progress: { step in
                    bar.update(done: step.doneBytes, total: step.totalBytes)
                    return !interruption.isRequested
                },
                inspect: { item in if case .record(let record) = item { check?.check(record) } }
            )
            return Outcome(
                verification: verification,
                signatures: check,
                isSnapshotOnLog: try LogVerify.isSnapshotOnLog(directory)
            )
        }
        guard outcome.verification.isComplete else { throw CommandFailure.found("interrupted") }
        json ? writeJSON(outcome) : writeText(outcome)
        let isGood =
            outcome.verification.isIntact && outcome.isSnapshotOnLog != false
            && outcome.signatures?.mismatches.isEmpty != false
        guard isGood else { throw ExitCode(1) }
    }

    /// A log that was cut between two lines looks whole; a snapshot that counts further gives it away.
    private static func isSnapshotOnLog(_ directory: DataDirectory) throws -> Bool? {
        guard let position = try Replay(directory).publishedPosition() else { return nil }
        do {
            _ = try LogReader(directory: directory.log).read(after: position) { _ in false }
            return true
        } catch let error as LogError where error.code == .positionNotFound {
            return false
        }
    }

    private func writeText(_ outcome: Outcome) {
        let verification = outcome.verification
        for damage in verification.damages { Console.error("damage: \(damage)") }
        if let torn = verification.tornTail { Console.error("torn tail: \(torn)") }
        if outcome.isSnapshotOnLog == false {
            Console.error(
                "damage: the snapshot counts records that are not on the log; its end is missing, or it is another log"
            )
        }
        if let signatures = outcome.signatures {
            for sequence in signatures.mismatches.prefix(20) {
                Console.error("signature: record \(sequence) fits none of its connection's secrets")
            }
            Console.output(
                "\(signatures.valid) signatures valid, \(signatures.mismatches.count) not, \(signatures.erased) erased, "
                    + "\(signatures.unknownConnection) of connections that are gone, \(signatures.unsigned) unsigned records"
            )
        }
        let times = [verification.firstReceivedAt, verification.lastReceivedAt].compactMap { $0?.description }
        Console.output(
            "\(verification.recordCount) records in \(verification.batchCount) batches and "
                + "\(verification.segmentCount) segments, \(verification.byteCount) bytes"
                + (times.isEmpty ? "" : ", received \(times.joined(separator: " to "))")
        )
        Console.output(verification.isIntact ? "intact" : "\(verification.damages.count) places are damaged")
    }

    private func writeJSON(_ outcome: Outcome) {
        let verification = outcome.verification
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("intact", verification.isIntact)
            writer.member("records", verification.recordCount)
            writer.member("batches", verification.batchCount)
            writer.member("segments", verification.segmentCount)
            writer.member("bytes", verification.byteCount)
            writer.member("first_received_at", verification.firstReceivedAt?.description)
            writer.member("last_received_at", verification.lastReceivedAt?.description)
            writer.member("sequence", verification.end?.sequence ?? 0)
            writer.member("crc", Hex.string(verification.end?.crc ?? 0))
            writer.member(
                "damages",
                array: { writer in
                    for damage in verification.damages { writer.damage(damage) }
                }
            )
            writer.name("torn_tail")
            if let torn = verification.tornTail { writer.damage(torn) } else { writer.null() }
            writer.name("snapshot_on_log")
            if let isOnLog = outcome.isSnapshotOnLog { writer.bool(isOnLog) } else { writer.null() }
            if let signatures = outcome.signatures {
                writer.member(
                    "signatures",
                    object: { writer in
                        writer.member("valid", signatures.valid)
                        writer.member("erased", signatures.erased)
                        writer.member("unsigned", signatures.unsigned)
                        writer.member("unknown_connection", signatures.unknownConnection)
                        writer.member(
                            "mismatches",
                            array: { writer in
                                for sequence in signatures.mismatches { writer.integer(sequence) }
                            }
                        )
                    }
                )
            }
        }
        Console.output(writer.bytes + [UInt8(ascii: "\n")])
    }
}
