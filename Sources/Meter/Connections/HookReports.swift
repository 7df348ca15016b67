package import Wire

/// What was done about a project's hook.
package enum HookOutcome: Hashable, Sendable {
    case created
    /// There, and right.
    case kept
    /// There, and made right.
    case repaired
    /// Told the new secret.
    case rotated
    case deleted
    /// Of a rotation: the list was read, and has none of ours.
    case absent
    /// CircleCI allows five hooks for a project, and they are there.
    case limitReached
    /// The key's owner may not change the project's hooks: an admin of the organization may.
    case forbidden
    /// The project or the hook is gone, or the key may not see it: CircleCI does not tell which.
    case notFound
    /// The code of what went wrong.
    case failed(String)
    /// Hooks need a public URL, and none is set.
    case noPublicURL
    /// Hooks were not asked for.
    case notAsked

    package var word: String {
        switch self {
        case .created: "created"
        case .kept: "kept"
        case .repaired: "repaired"
        case .rotated: "rotated"
        case .deleted: "deleted"
        case .absent: "absent"
        case .limitReached: "limit_reached"
        case .forbidden: "forbidden"
        case .notFound: "not_found"
        case .failed: "failed"
        case .noPublicURL: "no_public_url"
        case .notAsked: "not_asked"
        }
    }

    /// The reason of a failure; nil where the word says all.
    package var reason: String? {
        if case .failed(let reason) = self { reason } else { nil }
    }

    /// Whether the project's hook is as it should be afterwards.
    package var isGood: Bool {
        switch self {
        case .created, .kept, .repaired, .rotated, .deleted, .absent: true
        default: false
        }
    }
}

/// What became of one project.
package struct ProjectReport: Hashable, Sendable {
    /// Long form.
    package var slug: String
    /// Nil where the project could not be read.
    package var projectID: String?
    package var webhookID: String?
    package var outcome: HookOutcome

    /// `{"project","outcome","reason","webhook_id"}`.
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("project", slug)
            json.member("outcome", outcome.word)
            json.member("reason", outcome.reason)
            json.member("webhook_id", webhookID)
        }
    }
}

/// What became of the hooks of a connection's projects.
package struct HooksReport: Hashable, Sendable {
    package var connection: String
    /// Where the hooks post to; nil where there is no public URL.
    package var hookURL: String?
    package var projects: [ProjectReport]
    /// Why the followed projects could not be listed, an error's code; nil where they were. Projects that were named or
    /// known are in the report all the same.
    package var listingProblem: String?

    package var isGood: Bool { listingProblem == nil && projects.allSatisfy(\.outcome.isGood) }

    func writeMembers(to json: inout JSONWriter) {
        json.member("connection", connection)
        json.member("hook_url", hookURL)
        json.member("listing_problem", listingProblem)
        json.member(
            "projects",
            array: { json in
                for project in projects { project.write(to: &json) }
            }
        )
    }

    /// `{"connection","hook_url","listing_problem","projects":[]}`.
    package func write(to json: inout JSONWriter) {
        json.object { writeMembers(to: &$0) }
    }
}

/// What connecting did.
package struct ConnectReport: Hashable, Sendable {
    /// Whose key it is; nil without a key.
    package var login: String?
    /// As CircleCI says it, else as it was given.
    package var organization: String
    package var hooks: HooksReport

    /// The members of ``HooksReport``, and `login` and `organization`.
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("login", login)
            json.member("organization", organization)
            hooks.writeMembers(to: &json)
        }
    }
}

/// What reconnecting did.
package struct ReconnectReport: Hashable, Sendable {
    package var connection: String
    package var login: String
    package var organization: String
    /// A project that the new key was seen to read; nil where none was known.
    package var project: String?

    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("connection", connection)
            json.member("login", login)
            json.member("organization", organization)
            json.member("project", project)
        }
    }
}

/// What a rotation of the webhook secret did.
package struct RotationReport: Hashable, Sendable {
    package var hooks: HooksReport
    /// Whether an earlier rotation was gone on with, so that no other secret was made.
    package var isResumed: Bool
    /// When the old secret ends; nil where a hook may have it still: rotate again to finish.
    package var previousValidUntil: Timestamp?

    package var isFinished: Bool { previousValidUntil != nil }

    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("is_resumed", isResumed)
            json.member("is_finished", isFinished)
            json.member("previous_valid_until", previousValidUntil?.description)
            hooks.writeMembers(to: &json)
        }
    }
}

/// A project's hook beside what it should be.
package struct HookDrift: Hashable, Sendable {
    /// Long form.
    package var slug: String
    package var projectID: String?
    package var webhookID: String?
    /// Empty: all is well.
    package var problems: [HookProblem]

    package var isGood: Bool { problems.isEmpty }

    /// `{"project","webhook_id","problems":[],"reason"}`; `problems` is `["ok"]` where all is well.
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("project", slug)
            json.member("webhook_id", webhookID)
            json.member(
                "problems",
                array: { json in
                    if problems.isEmpty { json.string("ok") }
                    for problem in problems { json.string(problem.word) }
                }
            )
            let reasons = problems.compactMap { problem -> String? in
                if case .unreadable(let reason) = problem { reason } else { nil }
            }
            json.member("reason", reasons.first)
        }
    }
}
