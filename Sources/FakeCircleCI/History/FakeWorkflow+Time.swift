public import Wire

// What a history holds has ended; these say what of it there is at an instant. The site answers by them, and so does the
// truth of what the site told. Times of one workflow can be told in whole seconds and those of its pipeline in
// milliseconds, so a stop alone does not say that the pipeline is there.

extension FakePipeline {
    /// Whether the pipeline is there at `now`.
    public func isCreated(at now: Timestamp) -> Bool { createdAt <= now }
}

extension FakeWorkflow {
    /// Whether the workflow is there at `now`.
    public func isCreated(at now: Timestamp) -> Bool { pipeline.isCreated(at: now) && createdAt <= now }

    /// Whether the workflow is there, and has stopped for good.
    public func isEnded(at now: Timestamp) -> Bool { isCreated(at: now) && stoppedAt <= now }

    /// Whether the workflow is there and the job of it has started.
    public func isStarted(_ job: FakeJob, at now: Timestamp) -> Bool { isCreated(at: now) && job.startedAt <= now }

    /// Whether the workflow is there and the job of it has stopped.
    public func isEnded(_ job: FakeJob, at now: Timestamp) -> Bool { isCreated(at: now) && job.stoppedAt <= now }
}
