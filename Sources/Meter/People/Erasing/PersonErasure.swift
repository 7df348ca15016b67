import CircleCI
package import EventLog
import Foundation
import Usage
import Wire

/// Erases a person from a data directory: from the log, whose chain stays what it is, and from everything that was made
/// of it.
package struct PersonErasure: Sendable {
    /// What was found and done, or would be.
    package struct Report: Sendable {
        /// On the log.
        package var records = 0
        package var segments = 0
        /// Records that hold the text and cannot be overwritten, by sequence.
        package var keptSequences: [Int] = []
        /// Places of the log that cannot be read, and so were not searched.
        package var damages: [LogDamage] = []
        /// Files that were removed.
        package var removedFiles: [String] = []
        /// Files that hold the text still.
        package var remainingFiles: [String] = []
        /// Files that could not be searched.
        package var unsearchedFiles: [String] = []
        /// Whether `people.json` names the identity; only people change that file.
        package var isInPeopleFile = false

        package init() {}

        /// Nothing of the person is left that this program could find.
        package var isComplete: Bool {
            keptSequences.isEmpty && damages.isEmpty && remainingFiles.isEmpty && unsearchedFiles.isEmpty
        }
    }

    private let directory: DataDirectory
    private let identity: PersonIdentity
    private let person: PersonText
    private let environment: [String: String]

    /// - Parameter identity: An e-mail address, an author's name, `login:NAME` or `user:ID`.
    /// - Throws: `invalid_person`.
    package init(
        _ identity: String,
        in directory: DataDirectory,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(MeterError) {
        self.identity = PersonIdentity(identity)
        self.directory = directory
        self.environment = environment
        guard let person = PersonText(self.identity), !ErasedText.isErased(identity) else {
            throw MeterError(
                .invalidPerson,
                "Not what the log calls a person",
                hint: "give an e-mail address, an author's name, login:NAME or user:ID"
            )
        }
        self.person = person
    }

    /// Looks for the person, and changes nothing. Blocking.
    package func search() throws -> Report {
        let plan = try makePlan()
        var report = report(plan)
        report.removedFiles = try Quarantine.files(in: directory) { !places(in: $0).isEmpty } + exports()
        try complete(&report, plan)
        return report
    }

    /// Erases the person, and says on the log of each connection how many records it was erased from. No service may run:
    /// the log's lock is held all the while. Interrupted at any instant, the next start goes on with what has been begun;
    /// the rest is done by erasing again.
    ///
    /// - Parameter progress: told how far the counters are that are made anew.
    /// - Throws: The log's error `locked` where a service runs; `unusable`, `unwritable_file`.
    package func run(progress: @escaping @Sendable (ReplayProgress) -> Void = { _ in }) async throws -> Report {
        let path = directory.log
        let log = try await onOwnThread("circlemeter.erase") {
            try EventLog.open(directory: path, now: { Timestamp.now }, deduplicationKey: { _ in nil })
        }
        do {
            let report = try await run(log, progress)
            await log.close()
            return report
        } catch {
            await log.close()
            throw error
        }
    }

    func run(
        _ log: EventLog,
        _ progress: @escaping @Sendable (ReplayProgress) -> Void
    ) async throws -> Report {
        let (policy, plan) = try await onOwnThread("circlemeter.erase") {
            // How persons are called has to be known before the snapshot goes.
            let policy = try PersonPolicy.load(directory, environment: environment)
            let plan = try makePlan()
            if plan.recordCount > 0 { try directory.removeSnapshots() }
            return (policy, plan)
        }
        // Before anything goes: whoever finishes what was interrupted does not know of whom to tell.
        for (connection, count) in plan.recordCounts.sorted(by: { $0.key < $1.key }) {
            _ = try await log.append(PersonErasure.notice(connection, records: count))
        }
        try await log.erase(plan)
        return try await onOwnThread("circlemeter.erase") {
            var report = report(plan)
            for path in try Quarantine.files(in: directory, where: { !places(in: $0).isEmpty }) + exports() {
                guard unlink(path) == 0 || errno == ENOENT else { throw unremovable(path) }
                try PrivateFile.syncDirectory(of: path)
                report.removedFiles.append(path)
            }
            if plan.recordCount > 0 {
                _ = try Replay(directory).run(to: nil, isDryRun: false, people: policy, readsRows: false) { step in
                    progress(step)
                    return true
                }
            }
            try complete(&report, nil)
            return report
        }
    }

    /// What the log says of it: nothing of the person. Clients see by it that what they have is out of date.
    private static func notice(_ connection: String, records: Int) -> LogEntry {
        let now = Timestamp.now
        var json = JSONWriter()
        json.object { json in
            json.member("id", Identity.uuidString(UInt128.random(in: .min ... .max)))
            json.member("type", noticeType)
            json.member("happened_at", now.description)
            json.member("records", records)
        }
        return LogEntry(receivedAt: now, source: .meter, connection: connection, body: json.bytes, isKnownJSON: true)
    }

    private static let noticeType = "person-erased"

    /// Whether a record says that somebody was erased.
    package static func isNotice(_ record: LogRecord) -> Bool {
        guard record.source == .meter else { return false }
        let member = Array("\"type\":\"\(noticeType)\"".utf8)
        return record.withBody { TextSearch.first(member, in: $0, from: 0, ignoringCase: false) != nil }
    }

    private func places(in body: [UInt8]) -> [Range<Int>] { body.withUnsafeBytes { person.places(in: $0) } }

    /// First without touching events' ids. Where an `api` record has too little text for its checksum to be kept, its id's
    /// digits are used if the id decides nothing.
    private func makePlan() throws -> ErasurePlan {
        var ends = VersionEnds()
        let plan = try ErasurePlan(directory: directory.log) { record, body in
            let places = person.places(in: body)
            guard !places.isEmpty else { return nil }
            if record.source == .api { ends.want(record, body) }
            return RecordErasure(texts: places)
        }
        guard !plan.keptSequences.isEmpty, !ends.isEmpty else { return plan }
        _ = try LogReader(directory: directory.log).read(after: nil) { item in
            if case .record(let record) = item, record.source == .api { record.withBody { ends.see(record, $0) } }
            return true
        }
        return try ErasurePlan(directory: directory.log) { record, body in
            let places = person.places(in: body)
            guard !places.isEmpty else { return nil }
            return RecordErasure(texts: places, reserve: record.source == .api ? ends.freeID(record, body) : nil)
        }
    }

    private func report(_ plan: ErasurePlan) -> Report {
        var report = Report()
        report.records = plan.recordCount
        report.segments = plan.segmentCount
        report.keptSequences = plan.keptSequences
        report.damages = plan.damages
        return report
    }

    /// Adds what only a look at the files tells.
    /// - Parameter plan: What will be overwritten; nil where it has been.
    private func complete(_ report: inout Report, _ plan: ErasurePlan?) throws {
        let file = try PeopleFile.read(directory)
        let named = file.aliases.flatMap { $0.identities + [PersonIdentity($0.name)] }
        report.isInPeopleFile =
            named.contains(identity) || file.bots.contains(identity) || file.notBots.contains(identity)
        report.unsearchedFiles = try Quarantine.files(in: directory) { person.isUncertain(in: $0) }
        guard plan == nil else { return }
        let removed = Set(report.removedFiles)
        for path in TextFiles.all(in: directory) where path != directory.people && !removed.contains(path) {
            guard person.isTelling else {
                // Its members cannot be told apart in what is no whole line.
                if path.hasPrefix("\(directory.log)/aside/") { report.unsearchedFiles.append(path) }
                continue
            }
            do {
                if try TextFiles.holds(path, person) { report.remainingFiles.append(path) }
            } catch {
                report.unsearchedFiles.append(path)
            }
        }
    }

    /// Files of usage exports that wait to be settled: packed, they cannot be searched, and whoever laid them there has
    /// them.
    private func exports() -> [String] { TextFiles.all(under: directory.exports).filter { $0.contains(".csv") } }

    private func unremovable(_ path: String) -> MeterError {
        MeterError(.unwritableFile, "The file cannot be removed", at: path, cause: SystemError.last("unlink"))
    }
}
