import CircleCI
import Usage
import Wire

/// What a record says, in sentences for people.
struct RecordWords {
    private let story: RecordStory
    let headline: String

    init(_ story: RecordStory) {
        self.story = story
        headline = story.body.withUnsafeBytes { body in
            guard let event = try? EventScanner.event(in: body) else {
                return "A body from \(RecordWords.sender(story.summary.source)) that is no JSON object."
            }
            return sentence(RecordWords.headline(story.summary, event, in: body))
        }
    }

    var facts: [(title: String, value: String)] {
        let summary = story.summary
        let all: [(String, String?)] = [
            ("Source", "\(summary.source.rawValue): \(RecordWords.sender(summary.source))"),
            ("Connection", summary.connection), ("Event", summary.type), ("Event id", summary.eventID),
            ("Project", summary.project), ("Branch", summary.branch), ("Run", story.isAboutRun ? summary.run : nil),
            ("Batch", grouped(summary.batch)),
        ]
        return all.compactMap { title, value in value.map { (title, $0) } }
    }

    /// Why nothing changed, and what could not be searched.
    var changeNotes: [String] {
        let effect = story.effect
        var notes: [String] = []
        if effect.changes.isEmpty { notes.append("Nothing: \(reason)") }
        if !effect.isComplete {
            notes.append(
                "The log was not searched to its beginning for what came before, so this is as if nothing older were there."
            )
        }
        return notes
    }

    var othersNote: String? {
        if !story.isRunComplete { return "Not all of the log was searched: there may be others, far from this one." }
        return story.runRecords.count > 1 ? nil : "No other record is about this run."
    }

    private var reason: String {
        let effect = story.effect
        if let sequence = effect.repeatedSequence { return "the same event is record \(sequence) already." }
        if let sequence = effect.laterVersionSequence {
            return "a later version of this run had come before (record \(sequence))."
        }
        switch (effect.outcome, story.summary.kind) {
        case (.unreadable, _): return "it lacks what its counting needs, such as a job's id."
        case (.unknown, .unknown): return "events of this type are kept, and count nothing."
        case (.unknown, _): return "the service's own words count only where it said them itself."
        case (.notice, .ping): return "a ping is no run."
        case (.notice, .connectionChanged): return "a connection's state is no counter."
        case (.notice, .jobDescribed), (.notice, .rateCardChanged):
            return "counters stay; it is provisional credits that are reckoned with it."
        case (.notice, .usageSettled): return "counters stay; it says of which days they are complete."
        default:
            if let sequence = effect.earlierSequence {
                return "what it says was known already (record \(sequence) is the last before it)."
            }
            return story.summary.status == "not_run"
                ? "a job that was not run is no run." : "it says nothing that is counted."
        }
    }

    private static func sender(_ source: RecordSource) -> String {
        switch source {
        case .webhook: "a delivery from CircleCI"
        case .api: "found through CircleCI's API"
        case .export: "a row of CircleCI's usage export"
        case .meter: "circlemeter's own word"
        }
    }

    private static func headline(
        _ summary: RecordSummary,
        _ event: Event,
        in body: UnsafeRawBufferPointer
    ) -> String {
        let type = summary.type.map(kindInSentence) ?? "nameless"
        let project = summary.project.map { " of \(nameInSentence($0))" } ?? ""
        let job = summary.job.map(nameInSentence) ?? "without a name"
        let carrier =
            switch summary.source {
            case .webhook: "webhook"
            case .api: "event found through the API"
            case .export: "row of the usage export"
            case .meter: "event of circlemeter's own"
            }
        guard event.kind.source.map({ $0 == summary.source }) ?? true else { return "A \(type) \(carrier)" }
        switch event.kind {
        case .jobCompleted, .jobSettled:
            return "A \(type) \(carrier) about job \(job)\(project)\(ending(summary))"
        case .workflowCompleted:
            return
                "A \(type) \(carrier) about workflow \(summary.workflow.map(nameInSentence) ?? "without a name")\(project)"
                + ending(summary)
        case .ping: return "A ping: CircleCI tried whether this service answers"
        case .connectionChanged: return connectionChanged(summary, event, in: body)
        case .projectReconciled: return reconciled(summary, event)
        case .personErased: return "Circlemeter says that a person was erased from records before this one"
        case .usageConfirmed:
            let count = event.confirmations.count
            return
                "A later usage export says of \(count == 1 ? "a job run" : "\(grouped(count)) job runs") what an earlier one said"
        case .usageSettled:
            let days = event.settledDays.map { " from \($0.lowerBound) to \($0.upperBound)" } ?? ""
            return "Circlemeter says that a usage export holds every run of the days\(days)"
        case .jobDescribed:
            let machine =
                (event.usage?.resourceClass?.string(in: body)).map(nameInSentence) ?? "a machine of no name"
            return "CircleCI's API says that job \(job)\(project) runs on \(machine)"
        case .rateCardChanged: return "Circlemeter says that the rate card was changed"
        case .unknown: return "A \(carrier) of type \(type), which this version does not know"
        }
    }

    /// A type or a status: a word of CircleCI's as it is, anything else as the name that it may be.
    private static func kindInSentence(_ text: String) -> String {
        text.unicodeScalars.allSatisfy { ("a"..."z").contains($0) || $0 == "-" || $0 == "_" } && text.utf8.count < 40
            ? text : nameInSentence(text)
    }

    private static func ending(_ summary: RecordSummary) -> String {
        guard let status = summary.status else { return "" }
        return ": \(kindInSentence(status))" + (summary.durationMilliseconds.map { " after \(duration($0))" } ?? "")
    }

    private static func connectionChanged(
        _ summary: RecordSummary,
        _ event: Event,
        in body: UnsafeRawBufferPointer
    ) -> String {
        let state = event.connection.state?.string(in: body) ?? "of no state"
        let reason = event.connection.reason?.string(in: body) ?? ""
        let word =
            ConnectionCondition.State(rawValue: state)
            .map { ConnectionCondition(state: $0, reason: reason, since: Timestamp(microseconds: 0)).word }
            ?? nameInSentence(state)
        return "Circlemeter says that connection \(summary.connection) is in state \(word)"
            + (reason.isEmpty ? "" : ": \(kindInSentence(reason).replacing("_", with: " "))")
    }

    private static func reconciled(_ summary: RecordSummary, _ event: Event) -> String {
        let through = event.reconciliation.map { " through \($0.through)" } ?? ""
        let missing = event.reconciliation?.missing.count ?? 0
        return
            "Circlemeter says that \(summary.project.map(nameInSentence) ?? "a project") is compared with CircleCI\(through)"
            + (missing == 0 ? "" : "; \(missing) could not be fetched")
    }

    /// A column of a table of counters, as people call it.
    static func counter(_ table: UsageTable, _ column: String) -> String {
        let words = column.replacing("_ms", with: "").replacing("_", with: " ")
        let name = table.rawValue.replacing("_", with: " ")
        return "\(capitalized(name)): \(words)"
    }

    static func difference(_ change: Int, _ column: String) -> String {
        let sign = change > 0 ? "+" : "−"
        if column.hasSuffix("_ms") { return sign + duration(abs(change)) }
        if column.hasPrefix("credits") { return sign + ReportText.credits(abs(change)) }
        return sign + grouped(abs(change))
    }
}
