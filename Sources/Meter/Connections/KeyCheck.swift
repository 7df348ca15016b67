import CircleCI
import Usage

/// What a key is worth, asked of CircleCI before anything is kept.
struct KeyCheck: Sendable {
    let api: any CircleCIAPI

    /// Whose key it is. A 401 is asked for twice, as always.
    ///
    /// - Throws: `key_rejected`, `circleci_unavailable`.
    func user() async throws(MeterError) -> APIUser {
        do {
            return try await api.me()
        } catch  where error.code == .unauthorized {
            return try await asking { () async throws(CircleCIError) in try await api.me() }
        } catch {
            throw MeterError(asking: error)
        }
    }

    /// The organization of that slug, in either form, or id, among those of the key's owner.
    ///
    /// - Throws: `organization_not_found`, which names those that there are; `key_rejected`, `circleci_unavailable`.
    func organization(_ name: String) async throws(MeterError) -> APIOrganization {
        let organizations = try await asking { () async throws(CircleCIError) in try await api.collaborations() }
        let key = ProjectSlug.key(name)
        let found = organizations.first { organization in
            ProjectSlug.key(organization.slug) == key || organization.id?.lowercased() == key
        }
        if let found { return found }
        let slugs = organizations.map(\.slug).sorted().joined(separator: ", ")
        throw MeterError(
            .organizationNotFound,
            "The key's owner does not work in that organization",
            at: name,
            hint: slugs.isEmpty ? "there is none; ask an admin for membership" : "there are: \(slugs)"
        )
    }

    /// The first of the projects that the key can read; nil where none is given.
    ///
    /// - Throws: `projects_not_readable`; `circleci_unavailable` where CircleCI did not answer about any.
    func firstReadable(of slugs: [String]) async throws(MeterError) -> String? {
        var trouble: CircleCIError?
        for slug in slugs {
            do {
                _ = try await api.project(slug)
                return slug
            } catch  where error.code != .notFound && error.code != .forbidden {
                trouble = error
            } catch {}
        }
        if slugs.isEmpty { return nil }
        if let trouble { throw MeterError(asking: trouble) }
        throw MeterError(
            .projectsNotReadable,
            "The key can read none of the connection's projects",
            at: slugs.first,
            hint: "use the key of somebody who works in these projects"
        )
    }

    private func asking<Answer>(
        _ call: () async throws(CircleCIError) -> Answer
    ) async throws(MeterError) -> Answer {
        do { return try await call() } catch { throw MeterError(asking: error) }
    }
}

extension MeterError {
    /// What CircleCI answered a key. Errors of CircleCI hold no secret.
    init(asking error: CircleCIError) {
        if error.code == .unauthorized {
            self.init(
                .keyRejected,
                "CircleCI rejects the key",
                cause: error,
                hint: "make a personal API token at CircleCI, under User Settings; tokens of projects do not work"
            )
        } else {
            self.init(
                .circleCIUnavailable,
                "CircleCI could not be asked: \(error.message)",
                cause: error,
                hint: error.hint ?? "nothing has changed; try again later"
            )
        }
    }
}
