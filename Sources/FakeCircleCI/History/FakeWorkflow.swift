public import Wire

/// A workflow run of a pipeline, ended.
public final class FakeWorkflow: Sendable {
    public enum Attempt: Sendable {
        case first
        /// Run again by CircleCI; the number counts from 1.
        case automatic(Int)
        /// Run again by hand; the number counts from 1.
        case manual(Int)
    }

    public let pipeline: FakePipeline
    public let id: String
    public let name: String
    public let attempt: Attempt
    public let createdAt: Timestamp
    public let status: String
    /// In the order of their numbers. Empty where the workflow ended in `error`.
    public let jobs: [FakeJob]
    /// When the workflow stopped, as each of its events says: one, or growing ones of a cancelled workflow.
    public let stops: [Timestamp]

    /// When the workflow stopped for good.
    public var stoppedAt: Timestamp { stops[stops.count - 1] }

    init(
        pipeline: FakePipeline,
        id: String,
        name: String,
        attempt: Attempt,
        createdAt: Timestamp,
        status: String,
        jobs: [FakeJob],
        stops: [Timestamp]
    ) {
        self.pipeline = pipeline
        self.id = id
        self.name = name
        self.attempt = attempt
        self.createdAt = createdAt
        self.status = status
        self.jobs = jobs
        self.stops = stops
    }
}

/// A job run of a workflow, ended.
public struct FakeJob: Sendable {
    public let id: String
    public let name: String
    /// Per project, from 1.
    public let number: Int
    public let status: String
    public let startedAt: Timestamp
    public let stoppedAt: Timestamp
    public let template: FakeJobTemplate
}
