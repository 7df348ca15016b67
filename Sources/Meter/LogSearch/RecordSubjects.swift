import Usage
import Wire

/// What a record's counting hangs together with: the counters that it changes depend on the records about the same runs,
/// or about the same project where it says how far that is compared, and on no others.
struct RecordSubjects: Sendable {
    let identities: Set<UInt128>
    /// No record about the same runs was received before this; nil: not known.
    let earliest: Timestamp?

    /// How much the clocks of CircleCI and of this machine may differ.
    private static let clockErrorSeconds = 86_400.0

    init(of event: Event, in body: UnsafeRawBufferPointer, source: RecordSource) {
        identities = Set(RecordSubjects.identities(of: event, in: body, source: source))
        let isOfRuns = event.kind != .projectReconciled
        // Nobody can have told of a run before its pipeline was there.
        earliest =
            isOfRuns ? event.pipeline.createdAt?.adding(seconds: -RecordSubjects.clockErrorSeconds) : nil
    }

    func include(_ event: Event, in body: UnsafeRawBufferPointer, source: RecordSource) -> Bool {
        RecordSubjects.identities(of: event, in: body, source: source).contains { identities.contains($0) }
    }

    private static func identities(
        of event: Event,
        in body: UnsafeRawBufferPointer,
        source: RecordSource
    ) -> [UInt128] {
        guard event.kind.source.map({ $0 == source }) ?? true else { return [] }
        switch event.kind {
        case .jobCompleted, .jobSettled:
            return event.job.id.map { [$0.identity(in: body)] } ?? []
        case .workflowCompleted:
            // A workflow is another run than a job of the same id.
            return event.workflow.id.map { [~$0.identity(in: body)] } ?? []
        case .usageConfirmed:
            return event.confirmations.map { $0.job.identity(in: body) }
        case .projectReconciled:
            return event.project.id.map { [Identity.combine(Identity.of("project"), $0.identity(in: body))] } ?? []
        case .ping, .connectionChanged, .personErased, .usageSettled, .jobDescribed, .rateCardChanged, .unknown:
            return []
        }
    }
}
