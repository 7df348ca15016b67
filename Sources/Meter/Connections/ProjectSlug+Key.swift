import Usage
import Wire

extension ProjectSlug {
    /// What slugs and ids of the same organization or project have in common, however they are written: `gh/Acme/web`
    /// and `github/acme/web`; ids in base58 and as UUIDs (FACTS 3). Names at GitHub and Bitbucket have no case; base58
    /// has.
    static func key(_ slugOrID: String) -> String {
        let long = longForm(slugOrID)
        guard long.hasPrefix("circleci/") else { return long.lowercased() }
        let parts = long.split(separator: "/", omittingEmptySubsequences: false).map { part in
            Identity.uuid(String(part)).map(Base58.encode) ?? String(part)
        }
        return parts.joined(separator: "/")
    }
}
