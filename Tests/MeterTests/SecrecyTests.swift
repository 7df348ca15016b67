import AsyncHTTPClient
import CircleCI
import Foundation
import NIOCore
import NIOHTTP1
import Testing

@testable import Meter

/// Promise 7: whatever is sent, and at whatever level the service logs.
struct SecrecyTests {
    @Test func `no secret, token, signature or body reaches the service's log, metrics or answers`() async throws {
        let lines = LogLines()
        let live = try await LiveService(logger: lines.logger)
        let mark = "a-word-that-only-the-body-has"
        let secret = try LiveService.secret.forSigning()
        let token = try live.token
        let url = "\(live.running.webhookURL)/webhooks/circleci/\(LiveService.connection(0))"
        var answers: [String] = []
        try await withClient { client in
            let poster = WebhookPoster(client: client)
            let bodies = ["{\"id\":\"1\",\"type\":\"ping\",\"note\":\"\(mark)\"}", "[\"\(mark)\"]", "{\"\(mark)", ""]
            for body in bodies.map({ Array($0.utf8) }) {
                let signature = WebhookSignature.header(for: body, secret: secret)
                for signing: WebhookPoster.Signing in [
                    .secret(secret), .unsigned, .header("v1=\(mark)"), .header(signature.replacing("v1", with: "v2")),
                ] {
                    let answer = try await poster.post(
                        body,
                        eventType: "ping",
                        to: url,
                        signing: signing,
                        timeout: .seconds(60)
                    )
                    answers.append(String(decoding: answer.body, as: UTF8.self))
                }
            }
            for token in [token, mark, ""] {
                for path in ["/metrics", "/api/v1/connections", "/api/v1/snapshot?from=\(mark)", "/login/\(mark)"] {
                    var request = HTTPClientRequest(url: live.running.dashboardURL + path)
                    request.headers.add(name: "authorization", value: "Bearer \(token)")
                    let response = try await client.execute(request, timeout: .seconds(30))
                    answers.append(String(buffer: try await response.body.collect(upTo: 1 << 20)))
                }
            }
        }
        _ = try await live.snapshot()
        await live.stop()
        let logged = lines.text
        #expect(logged.contains("quarantine"))
        let secrets = [
            String(decoding: LiveService.secret.bytes, as: UTF8.self), token,
            WebhookSignature.header(for: Array("[\"\(mark)\"]".utf8), secret: secret), mark,
        ]
        for secret in secrets {
            #expect(!logged.contains(secret), "\(secret)")
            #expect(!answers.joined().contains(secret), "\(secret)")
        }
    }
}
