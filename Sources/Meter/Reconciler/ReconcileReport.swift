import CircleCI
import Usage
import Wire

/// What a pass did for a connection, or in a dry run would have done.
struct ReconcileReport: Sendable {
    struct Project: Sendable {
        var slug: String
        /// Pipelines in the range, and those that the API was asked about.
        var pipelineCount = 0
        var askedCount = 0
        /// Events that the log lacked.
        var jobCount = 0
        var workflowCount = 0
        /// Pipelines that have not ended.
        var openCount = 0
        var missing: [Reconciliation.MissingItem] = []
        /// Why the project could not be reconciled; what was done before then stays.
        var error: CircleCIError?

        init(slug: String) {
            self.slug = slug
        }
    }

    var connection: String
    var projects: [Project] = []
    /// Jobs whose machine CircleCI was asked for and told.
    var describedCount = 0
    /// Why the rest was left.
    var error: CircleCIError?

    init(connection: String) {
        self.connection = connection
    }

    var addedCount: Int { projects.reduce(0) { $0 + $1.jobCount + $1.workflowCount } }
    var missing: [Reconciliation.MissingItem] { projects.flatMap(\.missing) }
}

/// How far a pass is.
struct ReconcileProgress: Hashable, Sendable {
    var connection: String
    /// The project's slug in the long form.
    var project: String
    var projectsDone: Int
    var projectCount: Int
    /// Of the project.
    var pipelinesDone: Int
    var pipelineCount: Int
    /// Events added so far, of all projects.
    var addedCount: Int
}
