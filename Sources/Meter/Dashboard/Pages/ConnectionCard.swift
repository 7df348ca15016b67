import CircleCI
import Usage
import Wire

/// The values of a connection's card in the template `connections`.
///
/// The template looks for a name that is nil in what is around it, so no two levels share a name.
struct ConnectionCard {
    struct Warning {
        let warningWord: String
        let warningMessage: String
        let warningSince: ShownTime
    }

    struct Progress {
        let value: Int
        let maximum: Int
        let step: String
    }

    struct ProjectLine {
        let slug: String
        /// The display name where the slug does not show it.
        let displayName: String?
        let hookWord: String
        let hookTone: String
        let projectLastEvent: ShownTime?
        let projectThrough: ShownTime?
        let projectMissing: String
        let openCount: String
    }

    struct MissingLine {
        let what: String
        let itemID: String
        let missingSlug: String
        let why: String
        let day: String
    }

    struct LastReconcile {
        let reconciledAt: ShownTime
        let added: String
        let problems: [String]
    }

    /// What admins may press.
    struct Buttons {
        /// Connect or Reconnect, where that is needed now.
        let mainAction: String?
        let hasCalls: Bool
        let replacesKey: Bool
        let pathID: String
    }

    /// Rows of a table beyond which the rest is only counted.
    private static let maximumProjects = 100
    private static let maximumMissing = 50

    let id: String
    let organization: String
    let stateWord: String
    let tone: String
    let message: String
    let since: ShownTime
    let notice: String?
    let warnings: [Warning]
    /// How many deliveries are kept whose signature fits no secret; nil: none.
    let refused: String?
    let keyLine: String
    let keyTone: String
    let lastEvent: ShownTime?
    let reconciledThrough: ShownTime?
    /// A UTC day.
    let settledThrough: String?
    /// Why the last settling did not get through.
    let settlingProblem: String?
    let progress: Progress?
    let isStarting: Bool
    let lastReconcile: LastReconcile?
    let projects: [ProjectLine]
    let projectCount: String
    /// How many of them have no webhook that is known; nil: all have one, or nobody can look.
    let unhookedCount: String?
    let hasProjects: Bool
    let moreProjects: String?
    let missing: [MissingLine]
    let hasMissing: Bool
    let missingCount: String
    let moreMissing: String?
    let buttons: Buttons?

    /// Whether something changes by itself soon.
    var isUnderWay: Bool { progress != nil || isStarting }

    /// - Parameters:
    ///   - isStarting: A pass was asked for and has not shown how far it is.
    ///   - refusedCount: Deliveries that are kept though their signature fits no secret.
    ///   - notice: What was just done.
    init(
        _ status: ConnectionStatus,
        isAdmin: Bool,
        isStarting: Bool,
        refusedCount: Int,
        notice: String?,
        now: Timestamp
    ) {
        let connection = status.connection
        let hasKey = connection.apiKey != nil
        let isKeyDead = status.condition.state == .reconnectRequired
        id = connection.id
        organization = connection.organization
        stateWord = status.condition.word
        tone = status.condition.tone
        message = sentence(status.condition.message)
        since = ShownTime(status.condition.since, now: now)
        self.notice = notice
        warnings = status.warnings.map {
            Warning(
                warningWord: $0.word,
                warningMessage: sentence($0.message),
                warningSince: ShownTime($0.since, now: now)
            )
        }
        refused = refusedCount > 0 ? grouped(refusedCount) : nil
        (keyLine, keyTone) = ConnectionCard.key(of: status)
        lastEvent = status.lastEventAt.map { ShownTime($0, now: now) }
        reconciledThrough = status.reconciledThrough.map { ShownTime($0, now: now) }
        settledThrough = status.settledThrough?.description
        settlingProblem = status.lastSettled?.report.problem.map { sentence($0.message) }
        progress = status.progress.map(Progress.init)
        self.isStarting = isStarting && status.progress == nil
        lastReconcile = status.lastReport.flatMap { report in
            status.lastReportAt.map { LastReconcile(report, at: ShownTime($0, now: now), isKeyDead: isKeyDead) }
        }
        projects = status.projects.prefix(ConnectionCard.maximumProjects).map {
            ProjectLine($0, hasKey: hasKey, now: now)
        }
        projectCount = grouped(status.projects.count)
        let unhooked = status.projects.count { $0.hook == nil }
        unhookedCount = hasKey && unhooked > 0 ? grouped(unhooked) : nil
        hasProjects = !projects.isEmpty
        moreProjects = ConnectionCard.rest(status.projects.count, ConnectionCard.maximumProjects)
        missing = status.projects.flatMap { project in project.missing.map { MissingLine($0, of: project.slug) } }
            .prefix(ConnectionCard.maximumMissing).map(\.self)
        hasMissing = !missing.isEmpty
        missingCount = grouped(status.missing.count)
        moreMissing = ConnectionCard.rest(status.missing.count, ConnectionCard.maximumMissing)
        buttons =
            isAdmin
            ? Buttons(
                mainAction: status.action,
                hasCalls: hasKey && !isKeyDead,
                replacesKey: status.action == nil,
                pathID: connection.id
            ) : nil
    }

    private static func rest(_ count: Int, _ maximum: Int) -> String? {
        count > maximum ? grouped(count - maximum) : nil
    }

    private static func key(of status: ConnectionStatus) -> (line: String, tone: String) {
        guard status.connection.apiKey != nil else { return ("None: webhooks only", "plain") }
        let isRejected = status.condition.reason == ConnectionCondition.Reason.keyRejected
        if status.condition.state == .reconnectRequired, isRejected { return ("Rejected by CircleCI", "bad") }
        guard let expires = status.connection.keyExpires, let left = status.keyDaysLeft else {
            return ("Expiry date not entered", "plain")
        }
        switch left {
        case ..<0: return ("Expired \(expires)", "bad")
        case 0: return ("Expires today, \(expires)", "bad")
        case 1: return ("Expires tomorrow, \(expires)", "bad")
        default: return ("Expires in \(left) days, \(expires)", left <= 30 ? "warning" : "plain")
        }
    }
}

extension ConnectionCard.Progress {
    private static let unitsPerProject = 1000

    fileprivate init(_ progress: ReconcileProgress) {
        let projectCount = max(progress.projectCount, 1)
        let done = min(progress.projectsDone, projectCount)
        var units = done * Self.unitsPerProject
        if progress.pipelineCount > 0, done < projectCount {
            units += min(progress.pipelinesDone, progress.pipelineCount) * Self.unitsPerProject / progress.pipelineCount
        }
        value = units
        maximum = projectCount * Self.unitsPerProject
        var step = "Project \(min(done + 1, projectCount)) of \(projectCount)"
        if !progress.project.isEmpty { step += ": \(progress.project)" }
        if progress.pipelineCount > 0 {
            step += ", pipeline \(grouped(progress.pipelinesDone)) of \(grouped(progress.pipelineCount))"
        }
        self.step = step + "; \(grouped(progress.addedCount)) runs filled in"
    }
}

extension ConnectionCard.ProjectLine {
    fileprivate init(_ project: ConnectionStatus.Project, hasKey: Bool, now: Timestamp) {
        slug = project.slug
        displayName = project.name.isEmpty || project.slug.hasSuffix("/" + project.name) ? nil : project.name
        if project.hook != nil {
            (hookWord, hookTone) = ("yes", "good")
        } else {
            // Without a key nobody can look.
            (hookWord, hookTone) = hasKey ? ("none known", "warning") : ("cannot be seen", "plain")
        }
        projectLastEvent = project.lastEventAt.map { ShownTime($0, now: now) }
        projectThrough = project.reconciledThrough.map { ShownTime($0, now: now) }
        projectMissing = grouped(project.missing.count)
        openCount = grouped(project.openCount)
    }
}

extension ConnectionCard.MissingLine {
    fileprivate init(_ item: Reconciliation.MissingItem, of slug: String) {
        let pipeline = "pipeline #\(item.pipeline.number)"
        what = item.kind == "workflow" ? "A workflow of \(pipeline)" : capitalized(pipeline)
        itemID = item.id
        missingSlug = slug
        why = CircleCIWords.reason(item.reason)
        day = item.day.description
    }
}

extension ConnectionCard.LastReconcile {
    fileprivate init(_ report: ReconcileReport, at time: ShownTime, isKeyDead: Bool) {
        reconciledAt = time
        let filled = report.addedCount > 0 ? "\(grouped(report.addedCount)) runs filled in" : nil
        if report.error == nil {
            added = filled ?? "nothing was missing"
        } else {
            added = filled.map { "\($0), then broke off" } ?? "broke off"
        }
        var problems: [String] = []
        // What was said of a key that has been replaced since needs nobody any more.
        if let error = report.error, isKeyDead || error.code != .unauthorized {
            problems.append("The last comparison broke off: \(CircleCIWords.reason(error.code.rawValue)).")
        }
        for project in report.projects {
            guard let error = project.error else { continue }
            problems.append("\(nameInSentence(project.slug)): \(CircleCIWords.reason(error.code.rawValue)).")
        }
        self.problems = problems
    }
}
