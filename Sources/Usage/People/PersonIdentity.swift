/// What the log calls somebody: a commit author's e-mail address or name, `login:NAME` for who triggered a pipeline by
/// the API, `user:ID` for who did by the usage export. Addresses and logins are in small letters. Equal where the bytes
/// are.
public struct PersonIdentity: Hashable, Comparable, Sendable {
    public let text: String

    private static let loginPrefix = "login:"
    private static let userPrefix = "user:"

    public init(_ text: String) {
        let isFolded =
            text.hasPrefix(PersonIdentity.loginPrefix)
            || !text.hasPrefix(PersonIdentity.userPrefix) && text.utf8.contains(UInt8(ascii: "@"))
        self.text = isFolded ? text.lowercased() : text
    }

    public static func == (first: PersonIdentity, second: PersonIdentity) -> Bool {
        first.text.hasBytes(of: second.text)
    }

    public func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }

    public static func < (first: PersonIdentity, second: PersonIdentity) -> Bool {
        first.text.precedesInBytes(second.text)
    }
}

extension PersonIdentity {
    /// In the order in which one is preferred to show a person by.
    enum Kind: Int, Comparable {
        case address, name, login
        /// An address that only stands for a login.
        case noReplyAddress
        case user

        static func < (first: Kind, second: Kind) -> Bool { first.rawValue < second.rawValue }
    }

    var kind: Kind {
        if text.hasPrefix(PersonIdentity.userPrefix) { return .user }
        if text.hasPrefix(PersonIdentity.loginPrefix) { return .login }
        guard address != nil else { return .name }
        return noReplyLogin == nil ? .address : .noReplyAddress
    }

    /// What rules take it for, so that two identities with one key are one person: the login of an address that a code
    /// host gives out for commits (`12345+ann@users.noreply.github.com`), an address without its tag (`ann+ci@example.com`),
    /// else itself.
    public var key: PersonIdentity {
        if let login = noReplyLogin { return PersonIdentity(PersonIdentity.loginPrefix + login) }
        guard let (local, domain) = address, let plus = local.firstIndex(of: "+"), plus > local.startIndex else {
            return self
        }
        return PersonIdentity("\(local[..<plus])@\(domain)")
    }

    /// What stands before and after the `@`; nil for what is no address.
    private var address: (local: Substring, domain: Substring)? {
        guard !text.hasPrefix(PersonIdentity.loginPrefix), !text.hasPrefix(PersonIdentity.userPrefix),
            let at = text.lastIndex(of: "@"), at > text.startIndex, text.index(after: at) < text.endIndex
        else { return nil }
        return (text[..<at], text[text.index(after: at)...])
    }

    private var noReplyLogin: Substring? {
        guard let (local, domain) = address else { return nil }
        let separator: Character
        switch domain {
        case "users.noreply.github.com": separator = "+"
        case "users.noreply.gitlab.com": separator = "-"
        default: return nil
        }
        // Older addresses have no number; a login may look like one that has.
        guard let end = local.firstIndex(of: separator), end > local.startIndex,
            local[..<end].utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            local.index(after: end) < local.endIndex
        else { return local }
        return local[local.index(after: end)...]
    }
}

extension PersonIdentity {
    /// Whether it is by its looks a program's. Logins and local parts are compared whole: `circleci@example.com` may be
    /// the address that a person gave to CircleCI.
    public var looksLikeBot: Bool {
        if text.contains("[bot]") { return true }
        guard let (local, domain) = address, noReplyLogin == nil else {
            guard kind != .user else { return false }
            let login = noReplyLogin.map(String.init) ?? bare.lowercased()
            return PersonIdentity.programs.contains(login) || PersonIdentity.programLogins.contains(login)
        }
        if PersonIdentity.mailboxes.contains(String(local)) || PersonIdentity.programs.contains(String(local)) {
            return true
        }
        return PersonIdentity.programAddresses.contains("\(local)@\(domain)")
    }

    /// Without the prefix that tells its kind.
    private var bare: Substring {
        for prefix in [PersonIdentity.loginPrefix, PersonIdentity.userPrefix] where text.hasPrefix(prefix) {
            return text.dropFirst(prefix.count)
        }
        return text[...]
    }

    private static let mailboxes: Set<String> = ["noreply", "no-reply", "donotreply", "do-not-reply"]

    private static let programs: Set<String> = [
        "dependabot", "dependabot-preview", "renovate", "renovate-bot", "renovatebot", "github-actions",
        "github actions", "greenkeeper", "snyk-bot", "pre-commit-ci", "semantic-release-bot", "mergify",
        "allcontributors", "imgbot", "whitesource-bolt-for-github", "mend-bolt-for-github", "circleci-bot",
    ]

    private static let programLogins: Set<String> = ["circleci", "web-flow", "renovate bot", "mend renovate"]

    private static let programAddresses: Set<String> = [
        "support@dependabot.com", "bot@renovateapp.com", "renovate@whitesourcesoftware.com", "action@github.com",
        "actions@github.com", "builds@circleci.com", "bot@circleci.com", "support@circleci.com",
    ]
}
