import CircleCI

/// What is wrong with a project's hook.
package enum HookProblem: Hashable, Sendable {
    case missing
    /// Missing, and there is no room for it: CircleCI allows five.
    case limitReached
    case urlChanged
    case eventsChanged
    case tlsOff
    /// Another hook of the project is ours, too: every event comes twice. Harmless, and not touched.
    case duplicated
    /// Nobody knows the URL that it should have.
    case noPublicURL
    /// The hooks could not be listed; the error's code.
    case unreadable(String)

    package var word: String {
        switch self {
        case .missing: "missing"
        case .limitReached: "limit_reached"
        case .urlChanged: "url_changed"
        case .eventsChanged: "events_changed"
        case .tlsOff: "tls_off"
        case .duplicated: "duplicated"
        case .noPublicURL: "no_public_url"
        case .unreadable: "unreadable"
        }
    }
}

/// How a connection's hook should be, on any project.
struct ExpectedHook: Hashable, Sendable {
    static let events = ["workflow-completed", "job-completed"]
    /// Of a project (FACTS 1).
    static let maximumCount = 5

    let connection: String
    /// Nil where there is no public URL.
    let url: String?

    init(connection: String, publicURL: String?) {
        self.connection = connection
        url = publicURL.map { base in
            let base = base.hasSuffix("/") ? String(base.dropLast()) : base
            return "\(base)/webhooks/circleci/\(connection)"
        }
    }

    var name: String { "circlemeter \(connection)" }
}

/// A project's hooks beside the one that should be there.
struct HookExamination: Sendable {
    /// The hook that is ours; nil where none is.
    let ours: APIWebhook?
    /// Empty where all is well.
    let problems: [HookProblem]

    /// - Parameters:
    ///   - webhookID: The id of the hook that was made or found before; nil where none was.
    ///   - matchesName: Whether a hook is ours by its name alone. Not when a connection is new: another circlemeter may
    ///     have one of the same id, and its hook is not to be taken away.
    init(_ hooks: [APIWebhook], expected: ExpectedHook, webhookID: String?, matchesName: Bool) {
        let byID = hooks.filter { $0.id == webhookID }
        let byURL = hooks.filter { $0.url == expected.url }
        let byName = matchesName ? hooks.filter { $0.name == expected.name } : []
        guard let ours = byID.first ?? byURL.first ?? byName.first else {
            self.ours = nil
            problems = hooks.count >= ExpectedHook.maximumCount ? [.limitReached] : [.missing]
            return
        }
        self.ours = ours
        var problems: [HookProblem] = []
        if let url = expected.url, ours.url != url { problems.append(.urlChanged) }
        if Set(ours.events) != Set(ExpectedHook.events) { problems.append(.eventsChanged) }
        if !ours.verifiesTLS { problems.append(.tlsOff) }
        if (byURL + byName).contains(where: { $0.id != ours.id }) { problems.append(.duplicated) }
        self.problems = problems
    }

    /// Whether a change of the hook makes it right.
    var needsChange: Bool {
        problems.contains { [.urlChanged, .eventsChanged, .tlsOff].contains($0) }
    }
}
