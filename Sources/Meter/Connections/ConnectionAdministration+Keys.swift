package import CircleCI
package import Wire

extension ConnectionAdministration {
    /// Replaces the connection's key, or gives it its first. The new one is proven beside the old one: `/me` accepts it,
    /// the organization is among its owner's, and it can read a project that is known.
    ///
    /// - Throws: `unknown_connection`, `key_rejected`, `organization_not_found`, `projects_not_readable`,
    ///   `circleci_unavailable`, `invalid_connection`, `empty_secret`, `unwritable_file`; the old key stays then.
    package func reconnect(_ id: String, newKey: Secret, expires: Day?) async throws -> ReconnectReport {
        try await turn(id) {
            let connection = try known(id)
            guard !newKey.isEmpty else { throw MeterError(.emptySecret, "The API key must not be empty", at: id) }
            #if SABOTAGE
                if Sabotage.plants("key-replaced-before-proof") { try await store.update(id) { $0.apiKey = newKey } }
            #endif
            let check = KeyCheck(api: try client(newKey))
            let user = try await check.user()
            let organization = try await check.organization(connection.organization)
            let project = try await check.firstReadable(of: connection.hooks.map(\.slug) + connection.projects)
            try await store.update(id) { connection in
                connection.apiKey = newKey
                connection.keyExpires = expires
            }
            await monitor.observe([.keyReplaced(expires: expires), .keyAccepted, .callSucceeded], of: id)
            return ReconnectReport(
                connection: id,
                login: user.login,
                organization: organization.slug,
                project: project
            )
        }
    }

    /// Gives the connection and its hooks a new webhook secret without refusing a delivery: the new one counts before
    /// CircleCI is told it, and the old one counts on for a while after every hook has been told.
    ///
    /// Where a hook could not be told, the old secret stays valid without end and the report names it; another call
    /// finishes the job with the same new secret. Secrets that have ended stay in the file: logged signatures are
    /// checked with them.
    ///
    /// - Parameter overlapSeconds: How long the old secret counts on.
    /// - Throws: `unknown_connection`, `no_api_key`, `organization_not_found`, `key_rejected`, `circleci_unavailable`
    ///   (nothing has changed then), `unwritable_file`.
    package func rotateSecret(
        of id: String,
        overlapSeconds: Int64 = ConnectionAdministration.overlapSeconds
    ) async throws -> RotationReport {
        try await turn(id) {
            let (connection, api) = try knownWithKey(id)
            let organization = try await KeyCheck(api: api).organization(connection.organization)
            let isResumed = connection.hasUnfinishedRotation
            if !isResumed {
                let secret = Connection.WebhookSecret(.generated(), validFrom: now().wholeMilliseconds)
                try await store.update(id) { $0.webhookSecrets.append(secret) }
            }
            let changed = try known(id)
            let current = changed.currentSecret.secret
            let found = await projects(of: changed, at: organization, api)
            let keeper = keeper(for: changed, api)
            let reports = await concurrentMap(found.projects) { project in
                await kept(await keeper.rotate(project), project, of: id)
            }
            var report = RotationReport(hooks: report(of: id, reports, found), isResumed: isResumed)
            guard ConnectionAdministration.isTold(report.hooks) else { return report }
            #if SABOTAGE
                let overlapSeconds = Sabotage.plants("old-secret-ends-at-once") ? 0 : overlapSeconds
            #endif
            let end = now().adding(wholeSeconds: overlapSeconds).wholeMilliseconds
            try await store.update(id) { connection in
                for index in connection.webhookSecrets.indices
                where connection.webhookSecrets[index].validUntil == nil
                    && connection.webhookSecrets[index].secret != current
                {
                    connection.webhookSecrets[index].validUntil = end
                }
            }
            report.previousValidUntil = end
            return report
        }
    }

    /// Whether no hook can have the old secret any more. Where CircleCI lists no followed projects at all, those with a
    /// hook that is known are all there are.
    private static func isTold(_ report: HooksReport) -> Bool {
        let isListed = report.listingProblem == nil || report.listingProblem == CircleCIError.Code.notFound.rawValue
        return isListed && report.projects.allSatisfy(\.outcome.isGood)
            && report.projects.contains { $0.outcome == .rotated }
    }
}

extension Connection {
    /// Whether an older secret counts without end beside one that a rotation has made.
    var hasUnfinishedRotation: Bool {
        let current = currentSecret
        guard current.validFrom != nil else { return false }
        return webhookSecrets.contains { $0.validUntil == nil && $0.secret != current.secret }
    }
}

extension Secret {
    /// A webhook secret that nobody can guess: 64 hexadecimal digits, which survive every form and file.
    package static func generated() -> Secret { Secret(Array(Randomness.text().utf8)) }

    /// The secret as CircleCI is told it.
    func forCircleCI() -> SigningSecretText { SigningSecretText(String(decoding: bytes, as: UTF8.self)) }

    /// The secret as a key of CircleCI's API.
    ///
    /// - Throws: `empty_secret`, `invalid_key`.
    package func asAPIKey() throws(CircleCIError) -> APIKey { try APIKey(bytes) }
}

extension Timestamp {
    /// Files and the log keep milliseconds: a validity with more would change when it is read again.
    var wholeMilliseconds: Timestamp { Timestamp(microseconds: milliseconds * 1000) }

    func adding(wholeSeconds seconds: Int64) -> Timestamp {
        Timestamp(microseconds: microseconds + seconds * 1_000_000)
    }
}
