import HTTPTypes
import Hummingbird
import Wire

/// The pages behind an invitation. The style sheet is inside each, named in the policy by its digest: the public listener
/// serves nothing else.
struct InvitationPage: Sendable {
    private let pages: Pages
    private let style = String(decoding: PackageResources.style_css, as: UTF8.self)
    private let policy: String

    private struct Values {
        let style: String
        let heading: String
        var form: Form?
        var done: InvitationDone?
        var refusal: String?
    }

    private struct Form {
        let code: String
        let connectionID: String
        /// Of a connection that is there; nil where it is asked for.
        let knownOrganization: String?
        let asksForOrganization: Bool
        let organization: String
        let organizationProblem: String?
        let isReconnect: Bool
        let action: String
        let failure: FormProblem?
        let keyFields: KeyFields
        let expiresAt: ShownTime
    }

    /// - Throws: `invalid_template`.
    init() throws(MeterError) {
        pages = try Pages()
        policy =
            "default-src 'none'; style-src 'sha256-\(Base64.encode(Randomness.sha256(PackageResources.style_css)))'; "
            + "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    }

    func form(
        _ subject: InvitationSubject,
        code: String,
        fields: FormFields? = nil,
        failure: FormProblem? = nil,
        today: Day
    ) throws(MeterError) -> Response {
        let id = subject.invitation.connection
        let failure = subject.asksForOrganization ? failure : failure?.onKey
        let form = Form(
            code: code,
            connectionID: id,
            knownOrganization: subject.organization,
            asksForOrganization: subject.asksForOrganization,
            organization: fields?["organization"] ?? "",
            organizationProblem: failure?.beside("organization"),
            isReconnect: subject.action == "Reconnect",
            action: subject.action,
            failure: failure,
            keyFields: KeyFields(fields, failure, today: today),
            expiresAt: ShownTime(subject.invitation.expiresAt, now: subject.invitation.createdAt)
        )
        return try answer(
            Values(style: style, heading: "\(subject.action) \(id)", form: form),
            failure == nil ? .ok : .unprocessableContent
        )
    }

    func done(_ done: InvitationDone) throws(MeterError) -> Response {
        try answer(Values(style: style, heading: done.heading, done: done), .ok)
    }

    func refusal(_ refusal: InvitationRefusal) throws(MeterError) -> Response {
        var values = Values(style: style, heading: "This link does nothing any more")
        switch refusal {
        case .unknown:
            values.refusal =
                "It was used already, it has expired, or it was taken back. Ask the person who sent it for a new one."
            return try answer(values, .gone)
        case .pointless(let connection):
            values.refusal = "Nothing is left to be done for \(connection). Ask the person who sent it for a new one."
            return try answer(values, .gone)
        case .tooManyAttempts(let seconds):
            values = Values(style: style, heading: "Too many attempts")
            values.refusal = "Please wait \(seconds) seconds, then try again. The link is not used up."
            var response = try answer(values, .tooManyRequests)
            response.headers[.retryAfter] = String(seconds)
            return response
        }
    }

    private func answer(_ values: Values, _ status: HTTPResponse.Status) throws(MeterError) -> Response {
        var response = try pages.render("invitation", values, status: status)
        response.headers[.contentSecurityPolicy] = policy
        response.headers[.xContentTypeOptions] = "nosniff"
        response.headers[.cacheControl] = "no-store"
        response.headers[HTTPField.Name("referrer-policy")!] = "no-referrer"
        response.headers[HTTPField.Name("cross-origin-opener-policy")!] = "same-origin"
        response.headers[HTTPField.Name("cross-origin-resource-policy")!] = "same-origin"
        response.headers[HTTPField.Name("x-robots-tag")!] = "noindex"
        return response
    }
}
