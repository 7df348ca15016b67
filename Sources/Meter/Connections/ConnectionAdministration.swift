package import CircleCI
package import EventLog
package import Wire

/// Connects organizations, looks after their hooks, and replaces keys and secrets. Changes of one connection take turns.
///
/// Whatever a delivery will be checked against is in the store, durably, before CircleCI is told of it.
package struct ConnectionAdministration: Sendable {
    /// How long an old secret counts beside a new one: CircleCI may send a delivery again much later.
    package static let overlapSeconds: Int64 = 24 * 3600

    let store: ConnectionStore
    let monitor: ConnectionMonitor
    let makeAPI: @Sendable (Secret) throws -> any CircleCIAPI
    let publicURL: String?
    let append: @Sendable (LogEntry) async throws -> Void
    let seenProjects: @Sendable (String) async -> [String]
    let now: @Sendable () -> Timestamp
    let turns = Turns()

    /// - Parameters:
    ///   - makeAPI: Asks CircleCI with a key.
    ///   - publicURL: Where CircleCI reaches the public listener, without a path; nil: no hooks are made.
    ///   - append: Makes an entry durable on the log.
    ///   - seenProjects: Slugs of a connection's projects that events have named.
    package init(
        store: ConnectionStore,
        monitor: ConnectionMonitor,
        makeAPI: @escaping @Sendable (Secret) throws -> any CircleCIAPI,
        publicURL: String?,
        append: @escaping @Sendable (LogEntry) async throws -> Void,
        seenProjects: @escaping @Sendable (String) async -> [String] = { _ in [] },
        now: @escaping @Sendable () -> Timestamp
    ) {
        self.store = store
        self.monitor = monitor
        self.makeAPI = makeAPI
        self.publicURL = publicURL
        self.append = append
        self.seenProjects = seenProjects
        self.now = now
    }

    /// Adds a connection: checks its key, keeps it, and makes a hook on each project.
    ///
    /// The connection is kept before the first hook is made, so that no first delivery is refused; what went wrong with
    /// single projects is in the report, and ``repairHooks(of:sendingSecret:)`` tries again.
    ///
    /// - Throws: `connection_exists`, `key_rejected`, `organization_not_found`, `circleci_unavailable`, what
    ///   ``Connection`` refuses, `unwritable_file`, and what the log throws; nothing is kept then.
    package func connect(_ new: NewConnection) async throws -> ConnectReport {
        try await turn(new.connection.id) { try await connectInTurn(new) }
    }

    private func connectInTurn(_ new: NewConnection) async throws -> ConnectReport {
        var connection = new.connection
        guard store.get(connection.id) == nil else {
            throw MeterError(.connectionExists, "There is a connection of that id already", at: connection.id)
        }
        guard let key = connection.apiKey else {
            try await keep(connection, isKeyAccepted: false)
            let hooks = HooksReport(connection: connection.id, hookURL: hookURL(of: connection.id), projects: [])
            return ConnectReport(organization: connection.organization, hooks: hooks)
        }
        let api = try client(key)
        let check = KeyCheck(api: api)
        let user = try await check.user()
        let organization = try await check.organization(connection.organization)
        connection.organization = organization.slug
        try await keep(connection, isKeyAccepted: true)
        let hooks = await ensureHooks(
            of: connection,
            at: organization,
            api,
            isNew: true,
            sending: new.isSecretGenerated ? .unlessKnown : .never,
            isAsked: new.createsHooks
        )
        return ConnectReport(login: user.login, organization: organization.slug, hooks: hooks)
    }

    /// Forgets a connection, its key and its secrets. What is on the log stays.
    ///
    /// - Parameter deletesHooks: Whether its hooks are deleted at CircleCI before; where that fails the report says so,
    ///   and the connection goes all the same.
    /// - Throws: `unknown_connection`, `unwritable_file`, and what the log throws, after which it is gone already.
    @discardableResult
    package func remove(_ id: String, deletesHooks: Bool) async throws -> HooksReport {
        try await turn(id) {
            let connection = try known(id)
            var report = HooksReport(connection: id, hookURL: hookURL(of: id), projects: [])
            if deletesHooks, let key = connection.apiKey {
                let api = try client(key)
                report.projects = await concurrentMap(connection.hooks) { await delete($0, api) }
            } else {
                report.projects = connection.hooks.map {
                    ProjectReport(slug: $0.slug, projectID: $0.projectID, webhookID: $0.webhookID, outcome: .notAsked)
                }
            }
            try await store.remove(id)
            await monitor.forget(id)
            try await append(ConnectionEvent.removed(id, at: await monitor.timeToSay(of: id)))
            return report
        }
    }

    private func delete(_ hook: ProjectHook, _ api: any CircleCIAPI) async -> ProjectReport {
        var report = ProjectReport(
            slug: hook.slug,
            projectID: hook.projectID,
            webhookID: hook.webhookID,
            outcome: .deleted
        )
        do {
            try await api.deleteWebhook(hook.webhookID)
        } catch {
            report.outcome = HookOutcome(error)
        }
        return report
    }

    /// Keeps a connection and says so on the log: known and silent would be worse than unknown.
    private func keep(_ connection: Connection, isKeyAccepted: Bool) async throws {
        try await store.add(connection)
        let condition = ConnectionEvent.conditionWhenAdded(connection, isKeyAccepted: isKeyAccepted)
        let at = await monitor.timeToSay(of: connection.id)
        do {
            try await append(ConnectionEvent.changed(connection.id, to: condition, at: at))
        } catch {
            try? await store.remove(connection.id)
            throw error
        }
        await monitor.track(connection, said: condition)
    }

    func turn<Value: Sendable>(
        _ id: String,
        _ body: @Sendable () async throws -> Value
    ) async throws -> Value {
        await turns.begin(id)
        do {
            let value = try await body()
            await turns.end(id)
            return value
        } catch {
            await turns.end(id)
            throw error
        }
    }

    func hookURL(of id: String) -> String? { ExpectedHook(connection: id, publicURL: publicURL).url }

    /// - Throws: `unknown_connection`.
    func known(_ id: String) throws(MeterError) -> Connection {
        guard let connection = store.get(id) else {
            throw MeterError(
                .unknownConnection,
                "There is no connection of that id",
                at: Connection.isValidId(id) ? id : nil,
                hint: "circlemeter connection list shows all"
            )
        }
        return connection
    }

    /// CircleCI as a key sees it.
    ///
    /// - Throws: `invalid_connection` where the key has bytes that no key has, and what making the client throws.
    func client(_ key: Secret) throws -> any CircleCIAPI {
        do {
            return try makeAPI(key)
        } catch let error as CircleCIError {
            throw MeterError(.invalidConnection, error.message, cause: error, hint: error.hint)
        }
    }

    /// The connection, and CircleCI as its key sees it.
    ///
    /// - Throws: `unknown_connection`, `no_api_key`, and what making the client throws.
    func knownWithKey(_ id: String) throws -> (Connection, any CircleCIAPI) {
        let connection = try known(id)
        guard let key = connection.apiKey else {
            throw MeterError(
                .noAPIKey,
                "The connection takes webhooks only: without an API key its hooks cannot be seen or changed",
                at: id,
                hint: "circlemeter connection reconnect \(id) --api-key-file F gives it one"
            )
        }
        return (connection, try client(key))
    }
}
