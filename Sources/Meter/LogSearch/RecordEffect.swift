import CircleCI
import Usage
import Wire

/// What one record changed in the counters: the rows with it without the rows without it, by folding the records about the
/// same runs that came before, and then this one.
///
/// What is provisional, credits and the use of features, is not among them, since it is reckoned from all runs of a job.
struct RecordEffect: Sendable {
    struct Record: Sendable {
        var summary: RecordSummary
        var body: [UInt8]
    }

    var changes: [UsageChanges.ShownRow] = []
    var outcome = Reducer.Outcome.unreadable
    /// Where nothing changed: an earlier record of the same event.
    var repeatedSequence: Int?
    /// Where nothing changed: an earlier record that says how the run ended later.
    var laterVersionSequence: Int?
    /// Where nothing changed: the last one about the same run before it.
    var earlierSequence: Int?
    /// Whether all earlier records about the same runs were found.
    var isComplete = true

    init() {}

    /// - Parameter earlier: In order.
    init(
        of record: Record,
        after earlier: [Record],
        personName: @escaping @Sendable (String) -> String?
    ) throws {
        let storage = UsageTables()
        var reducer = try Reducer(storage: storage, personName: personName)
        for record in earlier { _ = try reducer.fold(record, storage) }
        let before = reducer.takeChanges()
        outcome = try reducer.fold(record, storage)
        changes = reducer.takeChanges().shownRows(after: before)
        guard changes.isEmpty, outcome == .run || outcome == .notice else { return }
        repeatedSequence =
            earlier.first { other in
                other.summary.eventID != nil && other.summary.eventID == record.summary.eventID
            }?.summary.sequence
        earlierSequence = earlier.last?.summary.sequence
        let greatest = earlier.max { RecordEffect.precedes($0, $1) }
        if let greatest, RecordEffect.precedes(record, greatest) { laterVersionSequence = greatest.summary.sequence }
    }

    /// By when the run ended, when that was said, and by whom, as versions of runs are ordered.
    private static func precedes(_ first: Record, _ second: Record) -> Bool {
        let (mine, theirs) = (VersionTimes(first), VersionTimes(second))
        if mine.stoppedAt != theirs.stoppedAt { return mine.stoppedAt < theirs.stoppedAt }
        if mine.happenedAt != theirs.happenedAt { return mine.happenedAt < theirs.happenedAt }
        return mine.rank < theirs.rank
    }

    private struct VersionTimes {
        var stoppedAt = Int64.min
        var happenedAt = Int64.min
        let rank: Int

        init(_ record: Record) {
            rank = [RecordSource.meter, .export, .api, .webhook].firstIndex(of: record.summary.source) ?? 0
            (stoppedAt, happenedAt) = record.body.withUnsafeBytes { body in
                guard let event = try? EventScanner.event(in: body) else { return (.min, .min) }
                let stoppedAt = event.kind == .workflowCompleted ? event.workflow.stoppedAt : event.job.stoppedAt
                return (stoppedAt?.microseconds ?? .min, event.happenedAt?.microseconds ?? .min)
            }
        }
    }
}

extension Reducer {
    fileprivate mutating func fold(_ record: RecordEffect.Record, _ storage: UsageTables) throws -> Outcome {
        try record.body.withUnsafeBytes { body in
            guard let event = try? EventScanner.event(in: body) else { return .unreadable }
            var connection = record.summary.connection
            return try connection.withUTF8 { connection in
                try fold(
                    event,
                    in: body,
                    connection: UnsafeRawBufferPointer(connection),
                    source: record.summary.source,
                    storage: storage
                )
            }
        }
    }
}
