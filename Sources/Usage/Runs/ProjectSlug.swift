import Wire

/// Project slugs, which CircleCI writes in a long form in webhooks (`github/o/r`) and in a short one in its API
/// (`gh/o/r`).
public enum ProjectSlug {
    /// The long form of either.
    public static func longForm(_ slug: String) -> String {
        if slug.hasPrefix("gh/") { return "github/" + slug.dropFirst(3) }
        if slug.hasPrefix("bb/") { return "bitbucket/" + slug.dropFirst(3) }
        return slug
    }

    /// The project's UUID where the slug spells it, as those of GitLab and GitHub App projects do
    /// (`circleci/<organization>/<project>`, both in base58 or as plain UUIDs); nil for any other.
    public static func projectID(_ slug: String) -> String? {
        let parts = slug.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "circleci" else { return nil }
        guard let value = Base58.decode(parts[2]) ?? Identity.uuid(String(parts[2])) else { return nil }
        return Identity.uuidString(value)
    }
}
