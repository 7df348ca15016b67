public import Wire

/// A pipeline: what started the workflows, and of which code.
public final class FakePipeline: Sendable {
    public enum Trigger: Sendable, CaseIterable {
        case push
        case tag
        case api
        case schedule
    }

    public let project: FakeProject
    public let id: String
    /// Per project, from 1.
    public let number: Int
    public let createdAt: Timestamp
    public let trigger: Trigger
    /// Whether the code comes from a fork.
    public let isFork: Bool
    public let commit: FakeCommit

    init(
        project: FakeProject,
        id: String,
        number: Int,
        createdAt: Timestamp,
        trigger: Trigger,
        isFork: Bool,
        commit: FakeCommit
    ) {
        self.project = project
        self.id = id
        self.number = number
        self.createdAt = createdAt
        self.trigger = trigger
        self.isFork = isFork
        self.commit = commit
    }
}

extension FakePipeline {
    /// Login of who triggered it: mostly who wrote the code, now and then somebody else. Follows from the id alone.
    var triggerLogin: String {
        var random = SeededGenerator(seed: UInt64(truncatingIfNeeded: Identity.of("trigger \(id)")))
        let other = FakeNames.person(random.integer(in: 1...25)).name
        guard !random.chance(0.1), let author = commit.authorEmail?.split(separator: "@").first else { return other }
        return String(author)
    }
}

/// The commit of a pipeline, as far as its events tell: what they leave out or give as null or as `""` is nil.
public struct FakeCommit: Sendable {
    public let revision: String
    /// Nil for a tag.
    public let branch: String?
    /// Nil but for a tag.
    public let tag: String?
    public let subject: String?
    public let body: String?
    public let authorName: String?
    public let authorEmail: String?
    public let committedAt: Timestamp?
}
