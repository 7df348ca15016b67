import Usage
import Wire

/// Branch, tag and author, which stand in `pipeline.vcs` for GitHub OAuth and Bitbucket Cloud projects and in
/// `pipeline.trigger_parameters` for all others (outbound webhooks reference; field names of the maps as seen in
/// deliveries).
enum CommitScanner {
    static func vcs(_ scanner: inout JSONScanner, into commit: inout Event.Commit) throws(JSONError) {
        guard var walk = try scanner.enterObject() else { return }
        while let name = try scanner.nextMember(&walk) {
            if scanner.matches(name, "branch") {
                commit.branch = try nonempty(&scanner)
            } else if scanner.matches(name, "tag") {
                commit.tag = try nonempty(&scanner)
            } else if scanner.matches(name, "commit") {
                try commitObject(&scanner, into: &commit)
            } else {
                try scanner.skipValue()
            }
        }
    }

    /// `git` is the provider-neutral map; `provider` collects the maps of GitLab and the GitHub App.
    static func triggerParameters(
        _ scanner: inout JSONScanner,
        git: inout Event.Commit,
        provider: inout Event.Commit
    ) throws(JSONError) {
        guard var walk = try scanner.enterObject() else { return }
        while let name = try scanner.nextMember(&walk) {
            if scanner.matches(name, "git") {
                try map(&scanner, into: &git)
            } else if scanner.matches(name, "gitlab") || scanner.matches(name, "github_app") {
                try map(&scanner, into: &provider)
            } else {
                try scanner.skipValue()
            }
        }
    }

    private static func commitObject(
        _ scanner: inout JSONScanner,
        into commit: inout Event.Commit
    ) throws(JSONError) {
        guard var walk = try scanner.enterObject() else { return }
        while let name = try scanner.nextMember(&walk) {
            guard scanner.matches(name, "author"), var author = try scanner.enterObject() else {
                if !scanner.matches(name, "author") { try scanner.skipValue() }
                continue
            }
            while let field = try scanner.nextMember(&author) {
                if scanner.matches(field, "email") {
                    commit.authorEmail = try nonempty(&scanner)
                } else if scanner.matches(field, "name") {
                    commit.authorName = try nonempty(&scanner)
                } else {
                    try scanner.skipValue()
                }
            }
        }
    }

    private static func map(_ scanner: inout JSONScanner, into commit: inout Event.Commit) throws(JSONError) {
        guard var walk = try scanner.enterObject() else { return }
        var found = Event.Commit()
        while let name = try scanner.nextMember(&walk) {
            if scanner.matches(name, "branch") {
                found.branch = try nonempty(&scanner)
            } else if scanner.matches(name, "tag") {
                found.tag = try nonempty(&scanner)
            } else if scanner.matches(name, "commit_author_email") {
                found.authorEmail = try nonempty(&scanner)
            } else if scanner.matches(name, "commit_author_name") {
                found.authorName = try nonempty(&scanner)
            } else {
                try scanner.skipValue()
            }
        }
        commit.fill(from: found)
    }

    /// Trigger parameters say `""` where `vcs` says null.
    private static func nonempty(_ scanner: inout JSONScanner) throws(JSONError) -> JSONText? {
        guard let text = try scanner.textOrSkip(), text.count > 0 else { return nil }
        return text
    }
}

extension Event.Commit {
    /// Takes from `other` what is missing here. A branch and a tag exclude each other, an author's name and address
    /// belong together.
    mutating func fill(from other: Event.Commit) {
        if branch == nil, tag == nil {
            branch = other.branch
            tag = other.tag
        }
        if authorEmail == nil, authorName == nil {
            authorEmail = other.authorEmail
            authorName = other.authorName
        }
    }
}
