public import Wire

/// What a made-up history holds. Equal options give equal histories, byte for byte.
public struct FakeHistoryOptions: Sendable {
    /// Of the organizations and projects, and of what happens in them unless ``eventSeed`` says otherwise.
    public var seed: UInt64
    /// Of what happens: other pipelines in the same projects.
    public var eventSeed: UInt64
    public var organizationCount = 1
    /// Of each organization.
    public var projectCount = 4
    /// Kinds of project, dealt out in turn.
    public var projectKinds: [FakeProject.Kind] = [.github, .gitlab, .bitbucket, .githubApp]
    /// The first day (UTC) on which pipelines start.
    public var firstDay: Day
    /// Number of days on which pipelines start. Reruns, and what crosses midnight, come later.
    public var dayCount = 7
    /// Of each organization, on a working day. A pipeline makes about ten deliveries.
    public var pipelinesPerDay = 20
    /// Pipelines on a Saturday or Sunday, as a share of those on a working day.
    public var weekendShare = 0.25
    /// Share of the workflows of which a job fails.
    public var failureShare = 0.1
    public var oddities = OddityRates()

    public init(seed: UInt64, firstDay: Day) {
        self.seed = seed
        eventSeed = seed
        self.firstDay = firstDay
    }
}

/// How often each surprise occurs, as probabilities from 0 to 1. All 0 at first: a plain organization, in which pushes
/// to branches succeed or fail.
public struct OddityRates: Sendable {
    // Of pipelines.
    /// Started by a tag: GitHub and Bitbucket then give no branch, no `tag` and no commit.
    public var tags = 0.0
    /// Started through the API: every field of the commit is null.
    public var apiTriggers = 0.0
    public var schedules = 0.0
    /// Pull requests from forks: origin and target repository differ.
    public var forks = 0.0
    /// Late pipelines whose jobs run on into the next day.
    public var midnightCrossings = 0.0

    // Of workflows.
    /// Cancelled while running: of N jobs, N + 1 `workflow-completed` with growing durations.
    public var cancellations = 0.0
    /// Ended as `error`, without a job.
    public var errors = 0.0
    public var unauthorized = 0.0
    /// Of failed workflows: run again by CircleCI right away, up to five times.
    public var automaticReruns = 0.0
    /// Of ended workflows: run again by hand, hours or days later.
    public var manualReruns = 0.0
    /// Times in whole seconds or in microseconds instead of milliseconds.
    public var timePrecisions = 0.0

    // Of jobs.
    public var zeroDurations = 0.0
    /// A status that the webhook's documentation does not know.
    public var unknownStatuses = 0.0

    // Of names, when a project is made.
    /// Of workflows, jobs, branches and projects: emoji, HTML, quotes, right-to-left script, hundreds of characters.
    public var oddNames = 0.0
    public var emptyProjectNames = 0.0
    /// Projects with two webhooks that both lead here. Half of them share the event ids, half do not; which of the two
    /// CircleCI does is unknown.
    public var secondWebhooks = 0.0

    // Of events and their deliveries.
    public var missingStops = 0.0
    /// Of job events of GitLab and GitHub App projects: no `workflow` object, as in CircleCI's own sample.
    public var missingWorkflows = 0.0
    /// `happened_at` days before the start, as in CircleCI's own sample.
    public var earlyEvents = 0.0
    /// `+00:00` instead of `Z`, milliseconds or seconds instead of microseconds in `happened_at`.
    public var timeForms = 0.0
    public var memberOrders = 0.0
    /// Bodies of several lines.
    public var prettyBodies = 0.0
    /// Of workflows: followed by an event of a type that is not known.
    public var unknownTypes = 0.0
    /// Of workflows: followed by a ping.
    public var pings = 0.0

    public init() {}

    /// Every surprise, each about as rare as it is in earnest.
    public static let usual: OddityRates = {
        var rates = OddityRates(all: 0.02)
        rates.apiTriggers = 0.05
        rates.schedules = 0.05
        rates.cancellations = 0.06
        rates.manualReruns = 0.05
        rates.automaticReruns = 0.2
        rates.memberOrders = 0.5
        rates.secondWebhooks = 0.15
        rates.midnightCrossings = 0.3
        return rates
    }()

    /// Every surprise with one probability: for tests which want all of them soon.
    public init(all rate: Double) {
        tags = rate
        apiTriggers = rate
        schedules = rate
        forks = rate
        midnightCrossings = rate
        cancellations = rate
        errors = rate
        unauthorized = rate
        automaticReruns = rate
        manualReruns = rate
        timePrecisions = rate
        zeroDurations = rate
        unknownStatuses = rate
        oddNames = rate
        emptyProjectNames = rate
        secondWebhooks = rate
        missingStops = rate
        missingWorkflows = rate
        earlyEvents = rate
        timeForms = rate
        memberOrders = rate
        prettyBodies = rate
        unknownTypes = rate
        pings = rate
    }
}
