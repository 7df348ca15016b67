import Wire

/// What an invitation asks for, given what is there now.
struct InvitationSubject {
    let invitation: Invitation
    /// Nil where there is no such connection yet: the one who was invited names it.
    let organization: String?
    /// Connect or Reconnect.
    let action: String

    var asksForOrganization: Bool { organization == nil }

    /// Nil where nothing is left to be done: somebody has connected it, or removed it.
    init?(_ invitation: Invitation, _ connection: Connection?) {
        switch (invitation.purpose, connection) {
        case (.reconnect, nil): return nil
        case (.connect, let connection?) where connection.apiKey != nil: return nil
        default: break
        }
        self.invitation = invitation
        organization = connection?.organization
        action = connection?.apiKey == nil ? "Connect" : "Reconnect"
    }
}

/// Why an invitation is not answered with its form.
enum InvitationRefusal: Error {
    /// Never was, was used, was revoked, or has expired: who asks is not told which.
    case unknown
    /// There is nothing left that it could do.
    case pointless(connection: String)
    case tooManyAttempts(seconds: Int)
}

/// What an invitation did, as its page says it.
struct InvitationDone {
    let heading: String
    let lines: [String]
    let rows: [ConnectionReport.Row]
    let hasRows: Bool

    init(reconnect report: ReconnectReport) {
        heading = "\(report.connection) is connected again"
        lines = [
            "The key of \(report.login) is accepted, and sees \(report.organization).",
            "What was missed meanwhile is filled in now. You can close this page; the link does nothing any more.",
        ]
        rows = []
        hasRows = false
    }

    init(connect report: ConnectReport) {
        heading = "\(report.hooks.connection) is connected"
        lines = [
            "The key of \(report.login ?? "") is accepted, and sees \(report.organization).",
            "You can close this page; the link does nothing any more.",
        ]
        rows = report.hooks.projects.map {
            ConnectionReport.Row(
                slug: $0.slug,
                outcome: $0.outcome.sentence,
                rowTone: $0.outcome.isGood ? "good" : "warning"
            )
        }
        hasRows = !rows.isEmpty
    }
}
