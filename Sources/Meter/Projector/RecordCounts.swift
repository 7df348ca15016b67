import Usage
import Wire

/// A kind of record, as the table of record counts has it.
struct RecordKind: Hashable {
    var source: RecordSource
    var type: String
    var outcome: Reducer.Outcome
}

/// How many records of each kind there were.
struct RecordCounts {
    private struct Known {
        var source: RecordSource
        var event: Event.Kind
        var outcome: Reducer.Outcome
        var count: Int
    }

    /// Of the types that have a name here; they are few, so the first that fits is found at once.
    private var known: [Known] = []
    private var others: [RecordKind: Int] = [:]

    var byKind: [RecordKind: Int] {
        known.reduce(into: others) { kinds, known in
            let kind = RecordKind(source: known.source, type: known.event.typeName ?? "", outcome: known.outcome)
            kinds[kind, default: 0] += known.count
        }
    }

    mutating func count(
        _ source: RecordSource,
        _ event: Event,
        in body: UnsafeRawBufferPointer,
        _ outcome: Reducer.Outcome
    ) {
        for index in known.indices
        where known[index].event == event.kind && known[index].source == source && known[index].outcome == outcome {
            known[index].count += 1
            return
        }
        guard event.kind.typeName == nil else {
            known.append(Known(source: source, event: event.kind, outcome: outcome, count: 1))
            return
        }
        // Short and of few values whatever is sent.
        let type = String((event.type?.string(in: body) ?? "").unicodeScalars.prefix(64))
        count(source, type: type, outcome)
    }

    mutating func count(_ source: RecordSource, type: String, _ outcome: Reducer.Outcome) {
        others[RecordKind(source: source, type: type, outcome: outcome), default: 0] += 1
    }

    mutating func removeAll() {
        known.removeAll(keepingCapacity: true)
        others.removeAll(keepingCapacity: true)
    }
}

extension Event.Kind {
    /// The type as events say it; nil for one that is not known.
    fileprivate var typeName: String? {
        switch self {
        case .jobCompleted: "job-completed"
        case .workflowCompleted: "workflow-completed"
        case .ping: "ping"
        case .connectionChanged: "connection-changed"
        case .projectReconciled: "project-reconciled"
        case .personErased: "person-erased"
        case .jobSettled: "job-settled"
        case .usageConfirmed: "usage-confirmed"
        case .usageSettled: "usage-settled"
        case .jobDescribed: "job-described"
        case .rateCardChanged: "rate-card-changed"
        case .unknown: nil
        }
    }
}
