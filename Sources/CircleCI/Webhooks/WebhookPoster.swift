public import AsyncHTTPClient
import NIOCore
import NIOHTTP1

/// Posts deliveries as CircleCI does: `POST`, the body's bytes as they are, and the documented headers
/// (circleci.com/docs/guides/integration/outbound-webhooks).
public struct WebhookPoster: Sendable {
    /// What CircleCI's deliveries say of themselves.
    public static let userAgent = "CircleCI-Webhook/1.0"

    /// How a delivery is signed.
    public enum Signing: Sendable {
        /// Anew, with a secret. Its validity plays no part.
        case secret(WebhookSecret)
        /// With a header as it once came.
        case header(String)
        /// Not at all, as from a webhook without a secret.
        case unsigned
    }

    private let client: HTTPClient
    private let maximumAnswerBytes: Int

    /// - Parameters:
    ///   - client: Made with ``clientConfiguration(concurrency:)``: one that follows redirects would take their target's
    ///     answer for the receiver's. Shutting it down is the caller's.
    ///   - maximumAnswerBytes: An answer's body is read up to here; what follows is dropped.
    public init(client: HTTPClient, maximumAnswerBytes: Int = 65_536) {
        self.client = client
        self.maximumAnswerBytes = maximumAnswerBytes
    }

    /// A client's configuration for up to `concurrency` deliveries to one receiver at a time: HTTP/1.1, no redirects.
    public static func clientConfiguration(concurrency: Int = 8) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = concurrency
        // A receiver that is away answers by silence at times; who posts decides when to come back.
        configuration.connectionPool.retryConnectionEstablishment = false
        return configuration
    }

    /// Posts one delivery, once. Any status is an answer; only 2xx acknowledges.
    ///
    /// - Parameters:
    ///   - eventType: For the header `circleci-event-type`; nil leaves it out.
    ///   - timeout: For all of it, from the connection to the answer's last byte. CircleCI waits ten seconds.
    /// - Throws: `invalid_url`, `unreachable`, `timed_out`, `cancelled`.
    public func post(
        _ body: [UInt8],
        eventType: String?,
        to url: String,
        signing: Signing,
        timeout: Duration = .seconds(10)
    ) async throws(CircleCIError) -> WebhookAnswer {
        guard ["http://", "https://"].contains(where: url.lowercased().hasPrefix) else {
            throw CircleCIError(
                .invalidURL,
                "Not a URL that can be posted to",
                at: Self.publicPart(of: url),
                hint: "begin it with http:// or https://"
            )
        }
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.headers.add(name: "user-agent", value: Self.userAgent)
        if let eventType { request.headers.add(name: "circleci-event-type", value: eventType) }
        switch signing {
        case .secret(let secret):
            request.headers.add(
                name: "circleci-signature",
                value: WebhookSignature.header(for: body, secret: secret)
            )
        case .header(let header): request.headers.add(name: "circleci-signature", value: header)
        case .unsigned: break
        }
        request.body = .bytes(body)
        do {
            return try await exchange(request, timeout: timeout)
        } catch {
            throw Self.error(error, url: url)
        }
    }

    /// The client's own deadline ends with the answer's head, so the whole exchange runs against a clock of its own.
    private func exchange(_ request: HTTPClientRequest, timeout: Duration) async throws -> WebhookAnswer {
        try await withThrowingTaskGroup(of: WebhookAnswer.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await answer(to: request) }
            group.addTask {
                try await Task.sleep(for: timeout)
                throw HTTPClientError.deadlineExceeded
            }
            guard let answer = try await group.next() else { throw CancellationError() }
            return answer
        }
    }

    private func answer(to request: HTTPClientRequest) async throws -> WebhookAnswer {
        let response = try await client.execute(request, deadline: .distantFuture)
        var body: [UInt8] = []
        for try await chunk in response.body {
            body.append(contentsOf: chunk.readableBytesView.prefix(maximumAnswerBytes - body.count))
            if body.count == maximumAnswerBytes { break }
        }
        // A cancelled body ends as if it were complete.
        try Task.checkCancellation()
        return WebhookAnswer(status: Int(response.status.code), body: body)
    }

    private static func error(_ error: any Error, url: String) -> CircleCIError {
        let location = publicPart(of: url)
        if Task.isCancelled || error is CancellationError {
            return CircleCIError(.cancelled, "The delivery was cancelled", at: location)
        }
        switch error as? HTTPClientError {
        case .invalidURL, .emptyHost, .emptyScheme, .missingSocketPath:
            return CircleCIError(.invalidURL, "Not a URL that can be posted to", at: location)
        case .deadlineExceeded, .connectTimeout, .readTimeout, .writeTimeout, .getConnectionFromPoolTimeout:
            return CircleCIError(.timedOut, "No complete answer in time", at: location)
        default:
            return CircleCIError(.unreachable, "The receiver cannot be reached", at: location, cause: error)
        }
    }

    /// The URL without user information, query and fragment, which may hold secrets.
    static func publicPart(of url: String) -> String {
        let plain = url.prefix { $0 != "?" && $0 != "#" }
        guard let scheme = plain.firstRange(of: "://") else { return String(plain) }
        let authority = plain[scheme.upperBound...].prefix { $0 != "/" }
        guard let at = authority.lastIndex(of: "@") else { return String(plain) }
        return String(plain[..<scheme.upperBound] + plain[plain.index(after: at)...])
    }
}

/// What a receiver answered.
public struct WebhookAnswer: Hashable, Sendable {
    public let status: Int
    /// The first bytes of the body.
    public let body: [UInt8]

    public init(status: Int, body: [UInt8]) {
        self.status = status
        self.body = body
    }

    /// Whether CircleCI would count the delivery as done.
    public var isAcknowledged: Bool { (200..<300).contains(status) }
}
