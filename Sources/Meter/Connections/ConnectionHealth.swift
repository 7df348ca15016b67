import CircleCI
package import Wire

/// What a connection's observations add up to: pure, with the time given to it.
///
/// Only a second consecutive 401 of `/me` is a dead key. CircleCI answers 404 for a project both where it is gone and
/// where the key is bad; 403, 429, 5xx and network trouble say nothing of the key (FACTS 6).
package struct ConnectionHealth: Sendable {
    /// Consecutive 401s of `/me` at which a key is dead.
    static let rejectionsUntilDead = 2
    /// Time between two looks at whether a key that was rejected is rejected still: a false alarm heals by itself.
    static let probeIntervalSeconds: Int64 = 6 * 3600

    package private(set) var hasKey: Bool
    package private(set) var keyExpiry: KeyExpiry?
    /// Slugs of projects that answer 404.
    package private(set) var lostProjects: Set<String> = []
    /// Slugs of projects whose runs no webhook tells, with the time since when.
    package private(set) var silentProjects: [String: Timestamp] = [:]

    /// All that holds besides `connected`, one for each state.
    private var holding: [ConnectionCondition.State: ConnectionCondition] = [:]
    /// What is said where nothing else holds.
    private var connected: ConnectionCondition
    private var trouble = CallTrouble()
    private var consecutiveRejections = 0
    private var firstRejectedAt: Timestamp?
    private var lastRejectedAt: Timestamp?
    private var mustAskForKey = false

    /// - Parameters:
    ///   - restored: What was said last, before a restart; nil where nothing was.
    ///   - now: When `connected` began where nothing was said.
    package init(hasKey: Bool, keyExpires: Day?, restored: ConnectionCondition? = nil, at now: Timestamp) {
        self.hasKey = hasKey
        keyExpiry = keyExpires.map(KeyExpiry.init)
        let reason: String =
            hasKey ? ConnectionCondition.Reason.keyNotChecked : ConnectionCondition.Reason.webhooksOnly
        connected = ConnectionCondition(state: .connected, reason: reason, since: now)
        if let restored { restore(restored) }
        refreshExpiry(at: now)
    }

    /// The most severe condition that holds.
    package var condition: ConnectionCondition { all[0] }

    /// What holds besides ``condition``, the most severe first.
    package var warnings: [ConnectionCondition] { Array(all.dropFirst()) }

    /// ``condition`` and ``warnings``.
    package var all: [ConnectionCondition] {
        holding.isEmpty ? [connected] : holding.values.sorted { $0.state > $1.state }
    }

    /// Whether calls with the key make sense: there is one, and it is not dead.
    package var allowsCalls: Bool {
        #if SABOTAGE
            if Sabotage.plants("dead-key-called-again") { return hasKey }
        #endif
        return hasKey && holding[.reconnectRequired] == nil
    }

    /// Whether `/me` should be asked at once: a first 401 is to be confirmed, or another call than `/me` had one.
    package var needsConfirmation: Bool { allowsCalls && (consecutiveRejections > 0 || mustAskForKey) }

    /// Whether the dead key may be tried once more, with `/me` alone.
    package func mayProbe(at now: Timestamp) -> Bool {
        guard hasKey, holding[.reconnectRequired] != nil else { return false }
        guard let last = lastRejectedAt else { return true }
        let waited = now.microseconds - last.microseconds
        // A time that is yet to come is one of a clock that was ahead.
        return waited < 0 || waited >= ConnectionHealth.probeIntervalSeconds * 1_000_000
    }

    package mutating func observe(_ observation: ConnectionObservation, at now: Timestamp) {
        switch observation {
        case .keyReplaced(let expires):
            replaceKey(expires: expires, at: now)
        case .projectSilent(let project, let since):
            silentProjects[project] = min(silentProjects[project] ?? since, since)
            refreshSilence(at: now)
        case .projectHeard(let project):
            // Without a key there are no passes, whose end says that all projects have been looked at.
            let wasSilent = silentProjects.removeValue(forKey: project) != nil
            if silentProjects.isEmpty, wasSilent || !hasKey { end(.silent, at: now) }
        case .timePassed: break
        default: if hasKey { observeCall(observation, at: now) }
        }
        refreshExpiry(at: now)
    }

    private mutating func observeCall(_ observation: ConnectionObservation, at now: Timestamp) {
        switch observation {
        case .keyAccepted:
            forgetRejections()
            end(.reconnectRequired, at: now)
            sayConnected(ConnectionCondition.Reason.keyAccepted, since: now)
        case .keyRejected:
            reject(at: now)
        case .callSucceeded:
            trouble = CallTrouble()
            end(.unreachable, at: now)
            end(.rateLimited, at: now)
            // What was restored and not found again is over.
            if lostProjects.isEmpty { end(.limited, at: now) }
            if silentProjects.isEmpty { end(.silent, at: now) }
        case .callFailed(let error):
            fail(error, at: now)
        case .projectLost(let project):
            lostProjects.insert(project)
            begin(.limited, ConnectionCondition.Reason.projectsGone, since: now)
        case .projectsListed(let projects):
            lostProjects.formIntersection(projects)
            silentProjects = silentProjects.filter { projects.contains($0.key) }
        case .projectFound(let project):
            if lostProjects.remove(project) != nil, lostProjects.isEmpty { end(.limited, at: now) }
        case .keyReplaced, .projectSilent, .projectHeard, .timePassed: break
        }
    }

    private mutating func reject(at now: Timestamp) {
        mustAskForKey = false
        #if SABOTAGE
            if Sabotage.plants("first-rejection-believed") { consecutiveRejections += 1 }
        #endif
        consecutiveRejections += 1
        firstRejectedAt = firstRejectedAt ?? now
        lastRejectedAt = now
        guard consecutiveRejections >= ConnectionHealth.rejectionsUntilDead, holding[.reconnectRequired] == nil
        else { return }
        let reason: String =
            keyExpiry?.explainsRejection(at: now) == true
            ? ConnectionCondition.Reason.keyExpired : ConnectionCondition.Reason.keyRejected
        begin(.reconnectRequired, reason, since: firstRejectedAt ?? now)
    }

    private mutating func fail(_ error: CircleCIError, at now: Timestamp) {
        #if SABOTAGE
            if Sabotage.plants("rate-limit-taken-for-dead-key"), error.code == .rateLimited { reject(at: now) }
            if Sabotage.plants("forbidden-taken-for-dead-key"), error.code == .forbidden { reject(at: now) }
        #endif
        switch CallTrouble.Kind(error) {
        case .rateLimit:
            begin(.rateLimited, ConnectionCondition.Reason.tooManyCalls, since: now)
        case .trouble(let reason):
            if let shown = trouble.count(reason, at: now) { begin(.unreachable, shown.reason, since: shown.since) }
        case .rejection:
            mustAskForKey = true
        case .none: break
        }
    }

    private mutating func replaceKey(expires: Day?, at now: Timestamp) {
        hasKey = true
        keyExpiry = expires.map(KeyExpiry.init)
        forgetRejections()
        // Which projects a key may see, and how much it may ask, are the key's own.
        lostProjects = []
        for state in [ConnectionCondition.State.reconnectRequired, .limited, .rateLimited] { end(state, at: now) }
        sayConnected(ConnectionCondition.Reason.keyNotChecked, since: now)
    }

    private mutating func forgetRejections() {
        consecutiveRejections = 0
        firstRejectedAt = nil
        lastRejectedAt = nil
        mustAskForKey = false
    }

    private mutating func restore(_ restored: ConnectionCondition) {
        switch restored.state {
        case .connected:
            // A connection that got its key, or lost it, since then starts anew.
            let isOfKey = restored.reason != ConnectionCondition.Reason.webhooksOnly
            if isOfKey == hasKey { connected = restored }
        case .expiring, .silent:
            holding[restored.state] = restored
        case .limited, .rateLimited, .unreachable, .reconnectRequired:
            guard hasKey else { return }
            holding[restored.state] = restored
            if restored.state == .unreachable {
                trouble = CallTrouble(restored: restored.reason)
            } else if restored.state == .reconnectRequired {
                consecutiveRejections = ConnectionHealth.rejectionsUntilDead
                // When it was looked at last is not known: it is looked at once after a restart.
                firstRejectedAt = restored.since
            }
        }
        if restored.state != .connected, hasKey {
            sayConnected(ConnectionCondition.Reason.keyAccepted, since: restored.since)
        }
    }

    /// The date of a key that is dead already plays no part.
    private mutating func refreshExpiry(at now: Timestamp) {
        if allowsCalls, let reason = keyExpiry?.reason(at: now) {
            begin(.expiring, reason, since: now)
        } else {
            end(.expiring, at: now)
        }
    }

    private mutating func refreshSilence(at now: Timestamp) {
        let reason: String =
            hasKey ? ConnectionCondition.Reason.webhooksMissing : ConnectionCondition.Reason.unusuallyQuiet
        begin(.silent, reason, since: silentProjects.values.min() ?? now)
    }

    /// A condition that holds already for the same reason keeps its beginning.
    private mutating func begin(_ state: ConnectionCondition.State, _ reason: String, since: Timestamp) {
        guard holding[state]?.reason != reason else { return }
        holding[state] = ConnectionCondition(state: state, reason: reason, since: since)
    }

    private mutating func sayConnected(_ reason: String, since: Timestamp) {
        guard connected.reason != reason else { return }
        connected = ConnectionCondition(state: .connected, reason: reason, since: since)
    }

    private mutating func end(_ state: ConnectionCondition.State, at now: Timestamp) {
        guard holding.removeValue(forKey: state) != nil, holding.isEmpty else { return }
        connected.since = now
    }
}
