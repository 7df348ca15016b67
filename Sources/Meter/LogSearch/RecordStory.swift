import CircleCI
import EventLog
import Usage
import Wire

/// A record, and what can be told of it: the other records about the same run, and what it changed.
struct RecordStory: Sendable {
    let summary: RecordSummary
    /// The line of the log without its newline.
    let line: [UInt8]
    /// The event, byte for byte.
    let body: [UInt8]
    /// The signature header as it stands on the log.
    let signatureHeader: String?
    let signature: SignatureState
    let crc: UInt32
    /// The log's end when it was read.
    let end: LogPosition
    private let position: LogPosition
    /// The records about the same run, itself among them, in order; empty where it is about none or about several.
    private(set) var runRecords: [RecordSummary] = []
    /// Whether all of the log was searched in which there can be such records.
    private(set) var isRunComplete = true
    private(set) var effect = RecordEffect()

    /// What the search for later records of the run may take: they follow soon, but for settlements.
    private static let laterBounds = LogSearch.Bounds(bytes: 64 << 20, duration: .milliseconds(500))
    private static let maximumRunRecords = 200
    /// So many records in a row from before a run can have been told of: one alone may have a wrong time.
    private static let tooEarlyCount = 1000
    /// Of the earlier records about the same runs.
    private static let maximumEarlierBytes = 64 << 20

    init(_ record: LogRecord, signature: SignatureState, end: LogPosition) {
        summary = RecordSummary(record)
        line = Array(record.line)
        body = record.withBody { Array($0) }
        signatureHeader = record.signature
        self.signature = signature
        crc = record.crc
        position = record.position
        self.end = end
    }

    /// Whether it is about one run.
    var isAboutRun: Bool {
        switch summary.kind {
        case .jobCompleted, .workflowCompleted, .jobSettled: summary.run?.isEmpty == false
        default: false
        }
    }

    /// Reads what else there is on the log. Blocking.
    mutating func tell(
        _ reader: LogReader,
        bounds: LogSearch.Bounds,
        personName: @escaping @Sendable (String) -> String?
    ) throws {
        let subjects = body.withUnsafeBytes { body -> RecordSubjects? in
            guard let event = try? EventScanner.event(in: body) else { return nil }
            return RecordSubjects(of: event, in: body, source: summary.source)
        }
        var earlier: [RecordEffect.Record] = []
        var isComplete = true
        if let subjects, !subjects.identities.isEmpty {
            (earlier, isComplete) = try self.earlier(subjects, reader, SearchWatch(bounds))
        }
        let this = RecordEffect.Record(summary: summary, body: body)
        effect = try RecordEffect(of: this, after: earlier, personName: personName)
        effect.isComplete = isComplete
        guard isAboutRun, let subjects else { return }
        let later = try self.later(subjects, reader, SearchWatch(RecordStory.laterBounds))
        runRecords = earlier.map(\.summary).suffix(RecordStory.maximumRunRecords) + [summary] + later.records
        isRunComplete = isComplete && later.isComplete && earlier.count <= RecordStory.maximumRunRecords
    }

    /// The records before this one, in order.
    private func earlier(
        _ subjects: RecordSubjects,
        _ reader: LogReader,
        _ watch: SearchWatch
    ) throws -> (records: [RecordEffect.Record], isComplete: Bool) {
        var found: [RecordEffect.Record] = []
        var foundBytes = 0
        var tooEarlyCount = 0
        var cameToStart = false
        let reading = try reader.readBackward(before: summary.sequence, through: end, mayGoOn: watch.mayGoOn) { item in
            // What cannot be read is not counted either.
            guard case .record(let record) = item else { return true }
            tooEarlyCount = subjects.earliest.map { record.receivedAt < $0 } ?? false ? tooEarlyCount + 1 : 0
            cameToStart = tooEarlyCount >= RecordStory.tooEarlyCount
            guard !cameToStart else { return false }
            guard isAbout(subjects, record) else { return true }
            let body = record.withBody { Array($0) }
            foundBytes += body.count
            found.append(RecordEffect.Record(summary: RecordSummary(record), body: body))
            return foundBytes < RecordStory.maximumEarlierBytes
        }
        return (found.reversed(), cameToStart || reading.searchedTo == 1)
    }

    private func later(
        _ subjects: RecordSubjects,
        _ reader: LogReader,
        _ watch: SearchWatch
    ) throws -> (records: [RecordSummary], isComplete: Bool) {
        var found: [RecordSummary] = []
        var bytesRead = 0
        var isComplete = true
        _ = try reader.read(after: position, through: end) { item in
            guard case .record(let record) = item else { return true }
            bytesRead += record.line.count
            if isAbout(subjects, record) { found.append(RecordSummary(record)) }
            isComplete =
                record.sequence == end.sequence
                || found.count < RecordStory.maximumRunRecords && watch.mayGoOn(bytesRead)
            return isComplete
        }
        return (found, isComplete)
    }

    private func isAbout(_ subjects: RecordSubjects, _ record: LogRecord) -> Bool {
        guard record.connectionText.raw(in: record.line).elementsEqual(summary.connection.utf8) else { return false }
        return record.withBody { body in
            guard let event = try? EventScanner.event(in: body) else { return false }
            return subjects.include(event, in: body, source: record.source)
        }
    }
}
