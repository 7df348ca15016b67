import HTTPTypes
import Hummingbird
import Logging
import Wire

/// `GET` and `POST /connections/new`: adds a connection, and says what became of each project.
struct ConnectionNewPage: Sendable {
    let parts: MeterParts
    let pages: Pages

    private struct Page {
        let navigation: Navigation
        let failure: FormProblem?
        let id: String
        let idProblem: String?
        let organization: String
        let organizationProblem: String?
        let secretProblem: String?
        /// Whether the part for who has no key stands open.
        let isWithoutKey: Bool
        let projects: String
        let keyFields: KeyFields
        let hasPublicURL: Bool
    }

    func form(_ context: DashboardContext) throws -> Response {
        try form(nil, nil, context)
    }

    /// - Throws: What no other input could mend.
    func connect(_ request: Request, _ context: DashboardContext) async throws -> Response {
        let fields = FormFields(try await request.body.collect(upTo: AccessMiddleware.maximumFormBytes))
        let report: ConnectReport
        do {
            report = try await parts.circleci.administration.connect(try new(fields))
        } catch {
            guard let failure = FormProblem(error) else { throw error }
            return try form(fields, failure, context)
        }
        let id = report.hooks.connection
        parts.logger.notice("a connection was added", metadata: ["connection": "\(id)"])
        await parts.circleci.wake(id)
        let path = "/webhooks/circleci/\(id)"
        let page = ConnectionReport(
            connect: report,
            webhookPath: path,
            navigation: Navigation(.connections, context)
        )
        return try pages.render("connection-report", page, status: .created)
    }

    private func new(_ fields: FormFields) throws -> NewConnection {
        let key = try KeyFields.read(fields, today: parts.today)
        // Any bytes can be a secret, white space included, but for the newline that a file ends with.
        let secret = Secret(trimming: Array((fields["webhook_secret"] ?? "").utf8))
        guard key.key != nil || !secret.isEmpty else {
            throw FormProblem(
                "An API key or a webhook secret is needed",
                "with a key everything else is done for you; without one, enter the secret of the webhooks at CircleCI",
                field: KeyFields.keyField
            )
        }
        return try NewConnection(
            id: KeyFields.trimmed(fields["id"]),
            organization: KeyFields.trimmed(fields["organization"]),
            webhookSecret: secret.isEmpty ? nil : secret,
            projects: (fields["projects"] ?? "").split(whereSeparator: \.isWhitespace).map(String.init),
            apiKey: key.key,
            keyExpires: key.key == nil ? nil : key.expires,
            now: parts.access.now()
        )
    }

    private func form(
        _ fields: FormFields?,
        _ failure: FormProblem?,
        _ context: DashboardContext
    ) throws -> Response {
        let page = Page(
            navigation: Navigation(.connections, context),
            failure: failure,
            id: fields?["id"] ?? "",
            idProblem: failure?.beside("id"),
            organization: fields?["organization"] ?? "",
            organizationProblem: failure?.beside("organization"),
            secretProblem: failure?.beside("webhook_secret"),
            isWithoutKey: failure?.field == "webhook_secret" || fields?["projects"]?.isEmpty == false,
            projects: fields?["projects"] ?? "",
            keyFields: KeyFields(fields, failure, isKeyRequired: false, today: parts.today),
            hasPublicURL: parts.settings.publicURL != nil
        )
        return try pages.render("connection-new", page, status: failure == nil ? .ok : .unprocessableContent)
    }
}
