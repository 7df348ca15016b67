import ArgumentParser
import EventLog
import Foundation
import Meter
import Wire

struct LogRepairCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair",
        abstract: "Take from a copy of the log, such as a backup, what the log itself has lost.",
        discussion: """
            A record is taken only where the chain of checksums leads through it, from the log's own line before the damage to \
            the one behind. So any copy will do, also an older or damaged one: it gives what it can prove, and nothing else of \
            the log changes. Without --from only what needs no copy is mended, such as a line that stands there twice.
            Then the snapshot is made anew. Needs the service to be stopped, but for --dry-run. Interrupted, it leaves each \
            segment as it was or repaired, and goes on from there the next time.
            A copy from before a person was erased can hold that person: erase again after a repair from it.
            Exit 1 where damage is left.
            """
    )

    @OptionGroup var data: DataOptions

    @Option(name: .customLong("from"), help: "A copy of the data directory, or of its log.", completion: .directory)
    var copy: String?

    @Flag(name: .customLong("dry-run"), help: "Only say what would be repaired.")
    var isDryRun = false

    @Flag(help: "The outcome as JSON.")
    var json = false

    /// What was found and done.
    private struct Outcome: Sendable {
        var plan: RepairPlan
        /// When somebody was last erased from the log.
        var peopleErasedAt: Timestamp?
        /// The copy's last record; 0 where it cannot be read, nil where there is no copy.
        var copyEnd: Int?

        /// Whether the copy goes on where the log has ended.
        var isEndMissing: Bool { (copyEnd ?? 0) > (plan.after.end?.sequence ?? 0) }
        var isGood: Bool { plan.after.isIntact && !isEndMissing }
    }

    func run() async throws {
        let directory = try data.existingDirectory()
        let copy = try copyDirectory(beside: directory)
        let isDryRun = isDryRun
        let interruption = Interruption()
        defer { interruption.stopWatching() }
        let outcome: Outcome?
        do {
            outcome = try await onOwnThread("circlemeter.log") {
                let lock = isDryRun ? nil : try LogLock.acquire(directory: directory.log)
                defer { lock?.release() }
                if isDryRun { try LogLock.finishErasure(directory: directory.log) }
                guard let outcome = try LogRepairCommand.find(directory, copy, interruption) else { return nil }
                guard let lock else { return outcome }
                return try LogRepairCommand.carryOut(outcome.plan, lock, directory, interruption) ? outcome : nil
            }
        } catch let error as LogError where error.code == .locked {
            throw CommandFailure.found(
                "a service is running on \(directory.path)",
                hint: "stop it first, or use --dry-run"
            )
        }
        guard let outcome else { throw CommandFailure.found("interrupted", hint: "run it again to go on") }
        json ? writeJSON(outcome) : writeText(outcome)
        guard outcome.isGood else { throw ExitCode(1) }
    }

    /// The copy's log.
    private func copyDirectory(beside directory: DataDirectory) throws -> String? {
        guard let copy else { return nil }
        let inside = DataDirectory(copy).log
        var isDirectory: ObjCBool = false
        let isInside =
            FileManager.default.fileExists(atPath: inside, isDirectory: &isDirectory) && isDirectory.boolValue
        let path = isInside ? inside : copy
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue else {
            throw CommandFailure.misuse(
                "there is no directory \(copy)",
                hint: "name a copy of the data directory or its log"
            )
        }
        let isSame =
            URL(filePath: path).resolvingSymlinksInPath() == URL(filePath: directory.log).resolvingSymlinksInPath()
        guard !isSame else { throw CommandFailure.misuse("\(copy) is the log itself", hint: "name a copy of it") }
        return path
    }

    /// Nil where it was interrupted. Blocking.
    private static func find(
        _ directory: DataDirectory,
        _ copy: String?,
        _ interruption: Interruption
    ) throws -> Outcome? {
        let repair = LogRepair(directory: directory.log, copy: copy)
        let copyEnd: Int?
        do throws(LogError) {
            copyEnd = try repair.copyEnd()
        } catch {
            // Its other segments may do.
            Console.error("the copy's end cannot be read: \(error)")
            copyEnd = 0
        }
        if let copy, copyEnd == nil {
            throw CommandFailure.misuse(
                "there is no log in \(copy)",
                hint: "name a copy of the data directory or its log"
            )
        }
        var bar = ProgressBar("reading")
        defer { bar.end() }
        var peopleErasedAt: Timestamp?
        let plan = try repair.plan(
            progress: { step in
                bar.update(done: step.doneBytes, total: step.totalBytes)
                return !interruption.isRequested
            },
            inspect: { item in
                if case .record(let record) = item, PersonErasure.isNotice(record) {
                    peopleErasedAt = record.receivedAt
                }
            }
        )
        return plan.map { Outcome(plan: $0, peopleErasedAt: peopleErasedAt, copyEnd: copyEnd) }
    }

    /// Whether all of it is done. Blocking.
    private static func carryOut(
        _ plan: RepairPlan,
        _ lock: LogLock,
        _ directory: DataDirectory,
        _ interruption: Interruption
    ) throws -> Bool {
        // An earlier repair may have been interrupted before its snapshot was made.
        let hasSnapshot = FileManager.default.fileExists(atPath: directory.usage)
        guard !plan.segments.isEmpty || !hasSnapshot else { return true }
        // How persons are called has to be known before the snapshot goes.
        let people = try PersonPolicy.load(directory)
        var bar = ProgressBar("repairing")
        defer { bar.end() }
        if !plan.segments.isEmpty {
            try directory.removeSnapshots()
            let isDone = try lock.repair(plan) { step in
                bar.update(done: step.doneBytes, total: step.totalBytes)
                return !interruption.isRequested
            }
            guard isDone else { return false }
        }
        bar.end()
        bar = ProgressBar("replaying")
        let snapshot = try Replay(directory).run(to: nil, isDryRun: false, people: people, readsRows: false) { step in
            bar.update(done: step.bytes, total: step.totalBytes, detail: "\(step.sequence) records")
            return !interruption.isRequested
        }
        return snapshot != nil
    }

    private func writeText(_ outcome: Outcome) {
        let plan = outcome.plan
        let (before, after) = (plan.before.damages.count, plan.after.damages.count)
        for error in plan.unreadable { Console.error("the copy cannot be read: \(error)") }
        for damage in plan.after.damages { Console.error("damage left: \(damage)") }
        if outcome.isEndMissing, let copyEnd = outcome.copyEnd {
            Console.error(
                "the copy goes on to record \(copyEnd), the log ends at \(plan.after.end?.sequence ?? 0): its end is missing, which "
                    + "nothing on the log can prove. If the copy is of this log, put it in the log's place"
            )
        }
        if plan.recordCount > 0, let erasedAt = outcome.peopleErasedAt {
            Console.error(
                "somebody was erased from this log at \(erasedAt): if the copy is from before, run circlemeter people erase again"
            )
        }
        guard before > 0 else {
            if outcome.isGood { Console.output("intact; nothing to repair") }
            return
        }
        let names = plan.segments.map(String.init).joined(separator: ", ")
        Console.output(
            "\(before - after) of \(before) damaged places \(isDryRun ? "would be" : "are") whole again, with \(plan.recordCount) "
                + "records" + (names.isEmpty ? "" : ", in \(plan.segments.count) segments: \(names)")
        )
    }

    private func writeJSON(_ outcome: Outcome) {
        let plan = outcome.plan
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("dry_run", isDryRun)
            writer.member("intact", plan.after.isIntact)
            writer.member("repaired_damages", plan.before.damages.count - plan.after.damages.count)
            writer.member("repaired_records", plan.recordCount)
            writer.member("segments", array: { writer in for segment in plan.segments { writer.integer(segment) } })
            writer.member("damages", array: { writer in for damage in plan.after.damages { writer.damage(damage) } })
            writer.member("end_missing", outcome.isEndMissing)
            writer.member("people_erased_at", outcome.peopleErasedAt?.description)
            writer.member(
                "unreadable",
                array: { writer in for error in plan.unreadable { writer.string("\(error)") } }
            )
        }
        Console.output(writer.bytes + [UInt8(ascii: "\n")])
    }
}
