import Usage
import Wire

/// Whether the API has to be asked about a pipeline, by what the log knows. Pure.
///
/// The log vouches for a pipeline where every job that it knows belongs to a workflow whose end it knows, where no number
/// is missing between the project's job numbers, and where a later job's number shows that none is missing at the end.
/// What that cannot show is the true end of a cancellation, so those are always asked about, and a workflow that ended without any job in a pipeline of which other workflows are known, so a
/// part of those pipelines is asked about all the same, and all of them once any loss was found.
struct PipelineChoice {
    enum Decision: Equatable {
        /// Nothing is missing.
        case complete
        /// It may still run, or its last events may be on their way.
        case wait
        case ask
    }

    /// Workflows are cancelled after 90 days.
    private static let maximumAgeSeconds = 91.0 * 86_400

    let known: KnownRuns
    /// The greatest number of a job that events have told.
    let maximumNumber: Int?
    let thoroughness: ReconcileRequest.Thoroughness
    let options: ReconcileOptions
    let now: Timestamp

    /// - Parameter askedAt: when it was last asked about and had not ended; nil: never.
    func decide(_ pipeline: Reconciliation.OpenPipeline, askedAt: Timestamp?) -> Decision {
        guard thoroughness != .everything else { return .ask }
        let age = seconds(since: pipeline.createdAt)
        // CircleCI itself ends what has not ended by then.
        if age > PipelineChoice.maximumAgeSeconds { return .complete }
        guard let end = toldEnd(pipeline) else {
            let patience = thoroughness == .economical ? options.untoldSeconds : options.graceSeconds
            guard age > patience else { return .wait }
            guard let askedAt else { return .ask }
            return isDueAgain(pipeline, askedAt)
        }
        // CircleCI has said that there was more to come, which the log alone cannot tell from a pipeline that ended.
        if let askedAt { return isDueAgain(pipeline, askedAt) }
        // The last events of a cancellation are those that are lost, and nothing before them shows it.
        let isCanceled = known.ofPipeline(pipeline.number).contains { $0.kind == .workflow && $0.isCanceled }
        // No number vouches for what lies before the first that was told.
        let isFirst = known.earliestStart.map { pipeline.createdAt < $0 } ?? true
        if thoroughness == .thorough || isCanceled || isFirst {
            return seconds(since: end) > options.graceSeconds ? .ask : .wait
        }
        if Identity.of(pipeline.id) % UInt128(options.sampleEvery) == 0 {
            return seconds(since: end) > options.graceSeconds ? .ask : .wait
        }
        if isVouchedFor(pipeline, end: end) { return .complete }
        return seconds(since: end) > options.tailSeconds ? .ask : .wait
    }

    /// When the pipeline's last known workflow ended, where each of its known jobs belongs to one that ended after it.
    private func toldEnd(_ pipeline: Reconciliation.OpenPipeline) -> Timestamp? {
        let runs = known.ofPipeline(pipeline.number)
        var ends: [UInt128: Timestamp] = [:]
        for run in runs where run.kind == .workflow {
            guard let stoppedAt = run.stoppedAt else { return nil }
            ends[run.id] = stoppedAt
        }
        guard let last = ends.values.max() else { return nil }
        for run in runs where run.kind == .job {
            guard let stoppedAt = run.stoppedAt else { return nil }
            // Some payloads leave the workflow out.
            let end = run.workflowID.map { ends[$0] } ?? last
            guard let end, stoppedAt <= end else { return nil }
        }
        return last
    }

    /// Whether a job is known that started after the pipeline's end and has a higher number than its jobs: then a lost one
    /// of them would leave a gap.
    private func isVouchedFor(_ pipeline: Reconciliation.OpenPipeline, end: Timestamp) -> Bool {
        guard let latest = known.latestStart, latest > end, let last = maximumNumber else { return false }
        return known.ofPipeline(pipeline.number).allSatisfy { $0.number ?? 0 < last }
    }

    /// Ever more rarely while it runs: webhooks tell of most ends first.
    private func isDueAgain(_ pipeline: Reconciliation.OpenPipeline, _ askedAt: Timestamp) -> Decision {
        seconds(since: askedAt) >= 0.5 * askedAt.seconds(since: pipeline.createdAt) ? .ask : .wait
    }

    private func seconds(since instant: Timestamp) -> Double { now.seconds(since: instant) }
}

extension Timestamp {
    func seconds(since earlier: Timestamp) -> Double { Double(microseconds - earlier.microseconds) / 1_000_000 }
    func adding(seconds: Double) -> Timestamp { Timestamp(microseconds: microseconds + Int64(seconds * 1_000_000)) }
}
