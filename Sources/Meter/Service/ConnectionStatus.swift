import Usage
import Wire

/// All that can be shown of a connection, for pages, programs and commands. No secret is in it.
struct ConnectionStatus: Sendable {
    struct Project: Sendable {
        var id: String
        /// The long form.
        var slug: String
        var name: String
        /// Nil where it was never compared with CircleCI.
        var reconciledThrough: Timestamp?
        var openCount = 0
        var missing: [Reconciliation.MissingItem] = []
        /// What the latest event says of its time.
        var lastEventAt: Timestamp?
        var hook: ProjectHook?
    }

    var connection: Connection
    var condition: ConnectionCondition
    var warnings: [ConnectionCondition] = []
    /// Until the key's date; nil where none was entered.
    var keyDaysLeft: Int?
    var projects: [Project] = []
    var progress: ReconcileProgress?
    var lastReport: ReconcileReport?
    var lastReportAt: Timestamp?
    /// The day through which all usage is settled.
    var settledThrough: Day?
    var settling: SettleProgress?
    var lastSettled: (report: ExportReport, at: Timestamp)?

    /// Through which every project that was ever compared is.
    var reconciledThrough: Timestamp? { projects.compactMap(\.reconciledThrough).min() }
    var lastEventAt: Timestamp? { projects.compactMap(\.lastEventAt).max() }
    var missing: [Reconciliation.MissingItem] { projects.flatMap(\.missing) }

    /// What people press: Connect before there is a key, Reconnect once it is dead.
    var action: String? {
        if connection.apiKey == nil { return "Connect" }
        return condition.state == .reconnectRequired ? "Reconnect" : nil
    }
}

extension ConnectionStatus {
    /// The statuses of all connections, by id.
    static func all(_ parts: MeterParts) async throws -> [ConnectionStatus] {
        let connections = parts.connections.list()
        let published = parts.projector.published
        let (names, marks) = try await published.read(or: ([], [])) { (try $0.projects(), try $0.reconciliations()) }
        let (settled, runCounts) = try await published.read(or: ([], [:])) { store in
            (
                try store.settledDays(),
                try Dictionary(uniqueKeysWithValues: connections.map { ($0.id, try store.runCounts(of: $0.id)) })
            )
        }
        var statuses: [ConnectionStatus] = []
        for connection in connections {
            var status = await of(connection, parts, names: names, marks: marks)
            let days = Dictionary(
                settled.filter { $0.connection == connection.id }.map { ($0.day, $0.exportedAt) },
                uniquingKeysWith: max
            )
            let counts = runCounts[connection.id] ?? [:]
            let first = ExportPlan.firstDay(counts, addedAt: connection.addedAt, .now)
            status.settledThrough = ExportPlan.settledThrough(days, since: first)
            status.settling = await parts.circleci.settler.progress(of: connection.id)
            status.lastSettled = await parts.circleci.settler.lastReport(of: connection.id)
            statuses.append(status)
        }
        return statuses
    }

    /// - Throws: `unknown_connection`.
    static func of(_ id: String, _ parts: MeterParts) async throws -> ConnectionStatus {
        guard let status = try await all(parts).first(where: { $0.connection.id == id }) else {
            throw MeterError.noConnection(id)
        }
        return status
    }

    private static func of(
        _ connection: Connection,
        _ parts: MeterParts,
        names: [ProjectName],
        marks: [ProjectReconciliation]
    ) async -> ConnectionStatus {
        let now = Timestamp.now
        let health =
            await parts.circleci.monitor.health(of: connection.id)
            ?? ConnectionHealth(hasKey: connection.apiKey != nil, keyExpires: connection.keyExpires, at: now)
        var status = ConnectionStatus(connection: connection, condition: health.condition)
        status.warnings = health.warnings
        status.keyDaysLeft = health.keyExpiry?.daysLeft(at: now)
        status.progress = await parts.circleci.reconciler.progress(of: connection.id)
        if let last = await parts.circleci.reconciler.lastReport(of: connection.id) {
            status.lastReport = last.report
            status.lastReportAt = last.at
        }
        var projects: [String: Project] = [:]
        for name in names.filter({ $0.connection == connection.id }).sorted(by: { $0.lastSeen < $1.lastSeen }) {
            projects[name.id] = Project(
                id: name.id,
                slug: name.slug,
                name: name.name,
                // A usage export names projects and has no events.
                lastEventAt: name.lastSeen.microseconds > 0 ? name.lastSeen : nil
            )
        }
        for hook in connection.hooks {
            var project = projects[hook.projectID] ?? Project(id: hook.projectID, slug: hook.slug, name: "")
            project.hook = hook
            projects[hook.projectID] = project
        }
        for mark in marks where mark.connection == connection.id {
            guard var project = projects[mark.project] else { continue }
            project.reconciledThrough = mark.reconciliation.through
            project.openCount = mark.reconciliation.open.count
            project.missing = mark.reconciliation.missing
            projects[mark.project] = project
        }
        status.projects = projects.values.sorted { $0.slug < $1.slug }
        return status
    }
}

extension ConnectionStatus {
    /// The connection's own members, and `state`, `reason`, `since`, `message`, `action`, `warnings`, `key_days_left`,
    /// `reconciled_through`, `last_event_at`, `known_projects`, `missing`, `reconciling`, `last_reconciled`, `settled_through`,
    /// `settling`, `last_settled`.
    func write(to json: inout JSONWriter) {
        json.object { json in
            connection.writeMembers(to: &json)
            write(condition, to: &json)
            json.member("action", action)
            json.member(
                "warnings",
                array: { json in
                    for warning in warnings { json.object { write(warning, to: &$0) } }
                }
            )
            json.member("key_days_left", keyDaysLeft)
            json.member("reconciled_through", reconciledThrough?.description)
            json.member("last_event_at", lastEventAt?.description)
            json.member(
                "known_projects",
                array: { json in
                    for project in projects { write(project, to: &json) }
                }
            )
            json.member(
                "missing",
                array: { json in
                    for item in missing { item.write(to: &json) }
                }
            )
            if let progress {
                json.name("reconciling")
                progress.write(to: &json)
            }
            if let lastReport {
                json.name("last_reconciled")
                lastReport.write(to: &json, at: lastReportAt)
            }
            json.member("settled_through", settledThrough?.description)
            if let settling {
                json.name("settling")
                settling.write(to: &json)
            }
            if let lastSettled {
                json.name("last_settled")
                lastSettled.report.write(to: &json, at: lastSettled.at)
            }
        }
    }

    private func write(_ condition: ConnectionCondition, to json: inout JSONWriter) {
        json.member("state", condition.state.rawValue)
        json.member("reason", condition.reason)
        json.member("since", condition.since.description)
        json.member("message", condition.message)
    }

    private func write(_ project: Project, to json: inout JSONWriter) {
        json.object { json in
            json.member("id", project.id)
            json.member("slug", project.slug)
            json.member("name", project.name)
            json.member("reconciled_through", project.reconciledThrough?.description)
            json.member("last_event_at", project.lastEventAt?.description)
            json.member("open_pipelines", project.openCount)
            json.member("missing", project.missing.count)
            json.member("webhook_id", project.hook?.webhookID)
        }
    }
}
