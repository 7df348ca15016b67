import CircleCI
import HTTPTypes
import Hummingbird
import Logging
import Wire

/// `GET` and `POST /connect/{invitation}` on the public listener: the form behind an invitation, and nothing else. Any
/// other path is 404.
///
/// The code in the path is the secret. It is on no line of the service's log: neither Hummingbird nor the receiver logs
/// paths.
struct InvitationResponder: HTTPResponder {
    typealias Context = ReceiverContext

    let connections: ConnectionStore
    let administration: ConnectionAdministration
    let invitations: InvitationStore
    /// Asks for a pass of a connection soon.
    let wake: @Sendable (String) async -> Void
    let publicURL: String?
    let proxies: TrustedProxies
    let now: @Sendable () -> Timestamp
    let logger: Logger
    let attempts = FailedAttempts()
    /// A template that cannot be parsed is an error of each answer, as the listener has other things to do.
    private let page: Result<InvitationPage, MeterError>

    /// The place under which a client's unknown codes are counted. Behind a proxy that is not trusted all clients have one
    /// address, so it is one place; whoever has a code that counts is let in all the same.
    private func place(of request: Request, _ context: ReceiverContext) -> String {
        "unknown codes \(IPAddress.place(of: proxies.client(peer: context.peerAddress, request.headers).address))"
    }

    init(
        connections: ConnectionStore,
        administration: ConnectionAdministration,
        invitations: InvitationStore,
        wake: @escaping @Sendable (String) async -> Void,
        publicURL: String?,
        proxies: TrustedProxies = TrustedProxies(),
        now: @escaping @Sendable () -> Timestamp,
        logger: Logger
    ) {
        self.connections = connections
        self.administration = administration
        self.invitations = invitations
        self.wake = wake
        self.publicURL = publicURL
        self.proxies = proxies
        self.now = now
        self.logger = logger
        page = Result { () throws(MeterError) in try InvitationPage() }
    }

    func respond(to request: Request, context: ReceiverContext) async throws -> Response {
        let path = request.uri.path.split(separator: "/", omittingEmptySubsequences: true)
        guard path.count == 2, path[0] == "connect" else { throw HTTPProblem.notFound }
        let page = try page.get()
        let code = String(path[1])
        let place = place(of: request, context)
        do {
            switch request.method {
            case .get, .head:
                let subject = try await subject(of: code, place)
                let response = try page.form(subject, code: code, today: now().day)
                return request.method == .head ? response.createHeadResponse() : response
            case .post:
                return try await use(code, request, page, place)
            default: throw HTTPProblem.methodNotAllowed([.get, .head, .post])
            }
        } catch let refusal as InvitationRefusal {
            return try page.refusal(refusal)
        }
    }

    /// What the invitation of a code asks for.
    ///
    /// - Throws: ``InvitationRefusal`` where it counts no longer, or never did.
    private func subject(of code: String, _ place: String) async throws -> InvitationSubject {
        guard InvitationResponder.isCode(code), let invitation = try await invitations.peek(code) else {
            let seconds = attempts.secondsToWait(place, at: now())
            attempts.failed(place, at: now())
            throw seconds.map { InvitationRefusal.tooManyAttempts(seconds: $0) } ?? .unknown
        }
        guard let subject = InvitationSubject(invitation, connections.get(invitation.connection)) else {
            throw InvitationRefusal.pointless(connection: invitation.connection)
        }
        return subject
    }

    private func use(
        _ code: String,
        _ request: Request,
        _ page: InvitationPage,
        _ client: String
    ) async throws -> Response {
        guard isFromHere(request) else { throw HTTPProblem.crossSite }
        let subject = try await subject(of: code, client)
        let place = "invitation \(subject.invitation.id)"
        if let seconds = attempts.secondsToWait(place, at: now()) {
            throw InvitationRefusal.tooManyAttempts(seconds: seconds)
        }
        let fields = FormFields(try await request.body.collect(upTo: AccessMiddleware.maximumFormBytes))
        // Another site can post here only if it knows the code.
        guard let shown = fields["code"], Access.areEqual(shown, code) else { throw HTTPProblem.crossSite }
        do {
            let new = try KeyFields.readKey(fields, today: now().day)
            // Whoever closes the page while CircleCI is asked has pressed the button all the same.
            let done = try await Task { try await redeem(code, subject, new.key, new.expires, fields) }.value
            return try page.done(done)
        } catch {
            if (error as? MeterError)?.code == .invalidInvitation { throw InvitationRefusal.unknown }
            guard let failure = FormProblem(error) else { throw error }
            attempts.failed(place, at: now())
            return try page.form(subject, code: code, fields: fields, failure: failure, today: now().day)
        }
    }

    /// Uses the code up and does what it is for. A code that did nothing, since the key was mistyped, say, counts on.
    private func redeem(
        _ code: String,
        _ subject: InvitationSubject,
        _ key: Secret,
        _ expires: Day?,
        _ fields: FormFields
    ) async throws -> InvitationDone {
        let invitation = try await invitations.redeem(code)
        do {
            let done = try await connect(subject, key, expires, fields)
            logger.notice(
                "an invitation was used",
                metadata: ["connection": "\(invitation.connection)", "invitation": "\(invitation.id)"]
            )
            await wake(invitation.connection)
            return done
        } catch {
            try await invitations.giveBack(invitation)
            throw error
        }
    }

    private func connect(
        _ subject: InvitationSubject,
        _ key: Secret,
        _ expires: Day?,
        _ fields: FormFields
    ) async throws -> InvitationDone {
        let id = subject.invitation.connection
        guard subject.asksForOrganization else {
            let report = try await administration.reconnect(id, newKey: key, expires: expires)
            return InvitationDone(reconnect: report)
        }
        let new = try NewConnection(
            id: id,
            organization: KeyFields.trimmed(fields["organization"]),
            webhookSecret: nil,
            apiKey: key,
            keyExpires: expires,
            now: now()
        )
        return InvitationDone(connect: try await administration.connect(new))
    }

    /// Whether a browser says that the form came from this site, or says nothing. The page sends no referrer, for which
    /// browsers make the origin `null`.
    private func isFromHere(_ request: Request) -> Bool {
        if let site = request.headers[HTTPField.Name("sec-fetch-site")!] { return site == "same-origin" }
        guard let origin = request.headers[.origin], origin != "null" else { return true }
        if let publicURL, origin.lowercased() == publicURL.lowercased() { return true }
        guard let scheme = origin.firstRange(of: "://"), let authority = request.head.authority else { return false }
        return origin[scheme.upperBound...].lowercased() == authority.lowercased()
    }

    /// Whether a text can be a code: 64 hexadecimal digits. Others are not looked up.
    private static func isCode(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy { Hex.value($0) != nil }
    }
}

extension InvitationResponder {
    init(parts: MeterParts) {
        let circleci = parts.circleci
        self.init(
            connections: parts.connections,
            administration: parts.circleci.administration,
            invitations: parts.circleci.invitations,
            wake: { await circleci.wake($0) },
            publicURL: parts.settings.publicURL,
            proxies: parts.settings.trustedProxies,
            now: { Timestamp.now },
            logger: parts.logger
        )
    }
}
