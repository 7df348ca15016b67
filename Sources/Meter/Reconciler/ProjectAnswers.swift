import CircleCI
import Usage
import Wire

/// Asks about the pipelines of one project. What fails is a part of the answer, so that one item never stops the rest.
struct ProjectAnswers: Sendable {
    let api: any CircleCIAPI
    let project: ReconcileProject
    /// Whether the jobs of workflows that have not ended are wanted, too.
    let asksUnended: Bool
    /// Items in succession that may fail.
    let maximumFailures: Int
    /// Pipelines that failed before: whether CircleCI is away is not to be told by them.
    var knownFailures: Set<String> = []
    /// Checks that the key lives and the project answers: with a dead key everything is a 404 (FACTS 6).
    let confirmAccess: @Sendable () async throws(CircleCIError) -> Void

    /// The pipelines created since `horizon`, newest first as far as CircleCI keeps an order.
    func pipelines(since horizon: Timestamp) async throws(CircleCIError) -> [APIPipeline] {
        var found: [APIPipeline] = []
        var token: String?
        repeat {
            let page = try await api.pipelines(ofProject: project.slug, pageToken: token)
            found += page.items.filter { $0.createdAt >= horizon }
            token = page.nextPageToken
            if !page.items.isEmpty, page.items.allSatisfy({ $0.createdAt < horizon }) { break }
        } while token != nil
        return found
    }

    /// What CircleCI says of `pipelines`, in their order.
    /// - Throws: what is wrong with CircleCI or the key rather than with one item.
    func answers(for pipelines: [APIPipeline]) async throws(CircleCIError) -> [PipelineAnswer] {
        let outcomes = await withTaskGroup(of: (Int, Outcome).self) { group in
            for (index, pipeline) in pipelines.enumerated() {
                group.addTask { (index, await outcome(pipeline)) }
            }
            var outcomes: [(Int, Outcome)] = []
            for await outcome in group { outcomes.append(outcome) }
            return outcomes.sorted { $0.0 < $1.0 }.map(\.1)
        }
        var failures = 0
        for outcome in outcomes {
            if let error = outcome.fatal { throw error }
            if knownFailures.contains(outcome.answer.pipeline.id) { continue }
            failures = outcome.failure == nil ? 0 : failures + 1
            if let error = outcome.failure, failures >= maximumFailures { throw error }
        }
        if outcomes.contains(where: \.wasNotFound) { try await confirmAccess() }
        return outcomes.map(\.answer)
    }

    private struct Outcome: Sendable {
        var answer: PipelineAnswer
        /// Of an item that could not be fetched.
        var failure: CircleCIError?
        /// Ends the pass.
        var fatal: CircleCIError?
        var wasNotFound = false
    }

    private func outcome(_ pipeline: APIPipeline) async -> Outcome {
        var outcome = Outcome(answer: PipelineAnswer(pipeline: pipeline, workflows: .answered([])))
        let workflows: [APIWorkflow]
        do throws(CircleCIError) {
            workflows = try await api.workflows(ofPipeline: pipeline.id)
        } catch {
            if error.code == .notFound {
                // A pipeline without workflows, as yet or for good, or one that is no longer kept.
                outcome.wasNotFound = true
            } else {
                note(error, in: &outcome)
                outcome.answer.workflows = .failed(error.code.rawValue)
            }
            return outcome
        }
        var told: [PipelineAnswer.Workflow] = []
        for workflow in workflows {
            guard asksUnended || RunState.hasEnded(workflow.status, stoppedAt: workflow.stoppedAt) else {
                told.append(PipelineAnswer.Workflow(workflow: workflow, jobs: nil))
                continue
            }
            do throws(CircleCIError) {
                let jobs = try await api.jobs(ofWorkflow: workflow.id)
                told.append(PipelineAnswer.Workflow(workflow: workflow, jobs: .answered(jobs)))
            } catch {
                if error.code == .notFound { outcome.wasNotFound = true }
                note(error, in: &outcome)
                told.append(PipelineAnswer.Workflow(workflow: workflow, jobs: .failed(error.code.rawValue)))
            }
        }
        outcome.answer.workflows = .answered(told)
        return outcome
    }

    private func note(_ error: CircleCIError, in outcome: inout Outcome) {
        if error.endsPass {
            outcome.fatal = outcome.fatal ?? error
        } else {
            outcome.failure = outcome.failure ?? error
        }
    }
}

extension CircleCIError {
    /// Whether it is about the key or the caller rather than about what was asked for.
    var endsPass: Bool { code == .unauthorized || code == .cancelled || code == .rateLimited }
}
