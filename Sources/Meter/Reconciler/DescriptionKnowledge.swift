import Usage
import Wire

/// What the log knows of the machines that jobs run on.
protocol DescriptionKnowledge: Sendable {
    /// Job runs that are not settled, of the pipelines that were created on a UTC day.
    func sightings(of connection: String, day: Day) async throws -> [JobSighting]
    /// The jobs of which a usage export told the machine on any day, as their rows have them.
    func settledJobs(of connection: String) async throws -> [JobName]
    /// What CircleCI said when it was asked.
    func jobDescriptions(of connection: String) async throws -> [JobDescription]
}

/// A job by its names.
struct JobName: Hashable, Sendable {
    var project: String
    var workflow: String
    var job: String
}

extension PublishedKnowledge {
    func sightings(of connection: String, day: Day) async throws -> [JobSighting] {
        try await published.read(or: []) { store in
            try JobSighting.read(try store.partition(connection: connection, day: day), day: day)
        }
    }

    func settledJobs(of connection: String) async throws -> [JobName] {
        try await published.read(or: []) { try $0.settledJobs(of: connection) }
    }

    func jobDescriptions(of connection: String) async throws -> [JobDescription] {
        try await published.read(or: []) { try $0.jobDescriptions() }.filter { $0.connection == connection }
    }
}
