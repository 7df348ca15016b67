import AsyncHTTPClient
import CircleCI
import NIOCore
import NIOHTTP1

/// Posts a notice, once.
package protocol NoticeTransport: Sendable {
    /// The answer's status. Redirects are answers, not followed: a signed message is for one receiver.
    ///
    /// - Parameter timeout: For the whole exchange.
    func post(
        _ body: [UInt8],
        headers: [(name: String, value: String)],
        to url: String,
        timeout: Duration
    ) async throws -> Int
}

/// Over a client of its own, which is shut down by ``shutdown()``.
package struct HTTPNoticeTransport: NoticeTransport {
    private let client: HTTPClient

    package init() {
        // No redirects, HTTP/1.1.
        client = HTTPClient(configuration: WebhookPoster.clientConfiguration(concurrency: 1))
    }

    package func post(
        _ body: [UInt8],
        headers: [(name: String, value: String)],
        to url: String,
        timeout: Duration
    ) async throws -> Int {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        for header in headers { request.headers.add(name: header.name, value: header.value) }
        request.body = .bytes(body)
        let (seconds, attoseconds) = timeout.components
        // The answer's body is dropped, so the deadline of the head is that of the exchange.
        let response = try await client.execute(
            request,
            deadline: .now() + .seconds(seconds) + .nanoseconds(attoseconds / 1_000_000_000)
        )
        return Int(response.status.code)
    }

    package func shutdown() async {
        try? await client.shutdown()
    }
}
