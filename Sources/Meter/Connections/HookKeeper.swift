import CircleCI

/// Makes, mends and changes the hook of one project at a time. Nothing is thrown: one project's trouble is its own.
struct HookKeeper: Sendable {
    let api: any CircleCIAPI
    let expected: ExpectedHook
    /// The secret that hooks are to sign with.
    let secret: Secret

    /// A project of the connection, as far as it is known.
    struct Project: Hashable, Sendable {
        /// Long form.
        var slug: String
        var id: String
        /// The hook that was made or found before.
        var webhookID: String?
    }

    struct Result: Sendable {
        var outcome: HookOutcome
        var hook: APIWebhook?

        init(_ outcome: HookOutcome, _ hook: APIWebhook? = nil) {
            self.outcome = outcome
            self.hook = hook
        }
    }

    /// Whether the hook that is found is told the secret though nothing else is wrong with it.
    enum SecretSending: Hashable, Sendable {
        case always
        /// Where it is not the one that is known.
        case unlessKnown
        /// Its secret was given to the connection by a person.
        case never
    }

    /// Sees to it that the project has a hook, and that it is right.
    func ensure(_ project: Project, isNew: Bool, sending: SecretSending) async -> Result {
        guard let url = expected.url else { return Result(.noPublicURL) }
        let hooks: [APIWebhook]
        do { hooks = try await api.webhooks(ofProject: project.id) } catch { return Result(HookOutcome(error)) }
        let examination = examine(hooks, project, matchesName: !isNew)
        guard let ours = examination.ours else {
            guard !examination.problems.contains(.limitReached) else { return Result(.limitReached) }
            return await create(url, in: project, besides: hooks)
        }
        let isInDoubt = sending == .always || sending == .unlessKnown && ours.id != project.webhookID
        guard examination.needsChange || isInDoubt else { return Result(.kept, ours) }
        // Who changed one thing may have changed the secret, which nobody can read: it goes along.
        let change = APIWebhookChange(
            name: expected.name,
            url: url,
            events: ExpectedHook.events,
            verifiesTLS: true,
            signingSecret: secret.forCircleCI()
        )
        do {
            return Result(.repaired, try await api.updateWebhook(ours.id, change))
        } catch {
            return Result(HookOutcome(error), ours)
        }
    }

    /// Tells the project's hook the secret. `absent` only where the list was read and has none of ours.
    func rotate(_ project: Project) async -> Result {
        let hooks: [APIWebhook]
        do { hooks = try await api.webhooks(ofProject: project.id) } catch { return Result(HookOutcome(error)) }
        let ours = hooks.filter { hook in
            !examine([hook], project, matchesName: true).isForeign
        }
        guard !ours.isEmpty else { return Result(.absent) }
        var changed: APIWebhook?
        // Of two that are ours both sign.
        for hook in ours {
            do {
                let change = APIWebhookChange(signingSecret: secret.forCircleCI())
                changed = try await api.updateWebhook(hook.id, change)
            } catch {
                return Result(HookOutcome(error), hook)
            }
        }
        return Result(.rotated, ours.first { $0.id == project.webhookID } ?? changed)
    }

    /// What is wrong with the project's hook.
    func drift(_ project: Project) async -> HookDrift {
        var drift = HookDrift(slug: project.slug, projectID: project.id, problems: [])
        do {
            let examination = examine(try await api.webhooks(ofProject: project.id), project, matchesName: true)
            drift.webhookID = examination.ours?.id
            drift.problems = examination.problems
            if expected.url == nil { drift.problems.append(.noPublicURL) }
        } catch {
            drift.problems = [.unreadable(error.code.rawValue)]
        }
        return drift
    }

    private func examine(_ hooks: [APIWebhook], _ project: Project, matchesName: Bool) -> HookExamination {
        HookExamination(hooks, expected: expected, webhookID: project.webhookID, matchesName: matchesName)
    }

    /// Sent once. Where the answer leaves it open whether the hook was made, the list says.
    private func create(_ url: String, in project: Project, besides others: [APIWebhook]) async -> Result {
        let draft = APIWebhookDraft(
            name: expected.name,
            url: url,
            events: ExpectedHook.events,
            verifiesTLS: true,
            signingSecret: secret.forCircleCI(),
            projectID: project.id
        )
        do {
            return Result(.created, try await api.createWebhook(draft))
        } catch {
            guard HookKeeper.leavesOpen(error) else { return Result(HookOutcome(error)) }
            let known = Set(others.map(\.id))
            let hooks = try? await api.webhooks(ofProject: project.id)
            let made = hooks?.first { !known.contains($0.id) && $0.url == url }
            return made.map { Result(.created, $0) } ?? Result(HookOutcome(error))
        }
    }

    private static func leavesOpen(_ error: CircleCIError) -> Bool {
        switch error.code {
        case .unreachable, .timedOut, .serverError, .unexpectedAnswer, .cancelled: true
        default: false
        }
    }
}

extension HookExamination {
    /// Whether none of the hooks is ours.
    var isForeign: Bool { ours == nil }
}

extension HookOutcome {
    init(_ error: CircleCIError) {
        switch error.code {
        case .forbidden: self = .forbidden
        case .notFound: self = .notFound
        default: self = .failed(error.code.rawValue)
        }
    }
}
