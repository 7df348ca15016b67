import AsyncHTTPClient
import CircleCI
import NIOHTTP1
import Testing
import Wire

struct FakePosterTests {
    static let body = Array(#"{"type":"job-completed","id":"1"}"#.utf8)

    static func withPoster<Result>(
        maximumAnswerBytes: Int = 65_536,
        _ body: (WebhookPoster) async throws -> Result
    ) async throws -> Result {
        let client = HTTPClient(configuration: WebhookPoster.clientConfiguration())
        let poster = WebhookPoster(client: client, maximumAnswerBytes: maximumAnswerBytes)
        do {
            let result = try await body(poster)
            try await client.shutdown()
            return result
        } catch {
            try? await client.shutdown()
            throw error
        }
    }

    static func code(_ body: () async throws -> Void) async -> CircleCIError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? CircleCIError)?.code
        }
    }

    @Test("A delivery has CircleCI's headers, the body's very bytes, and a signature that holds")
    func headers() async throws {
        try await FakeHTTPServer.run { _ in
            .answer(200, #"{"status":"accepted","sequence":7}"#)
        } _: { server in
            let secret = try WebhookSecret(Array("hunter123".utf8))
            let answer = try await Self.withPoster { poster in
                try await poster.post(
                    Self.body,
                    eventType: "job-completed",
                    to: "\(server.url)/webhooks/circleci/acme",
                    signing: .secret(secret)
                )
            }
            #expect(answer == WebhookAnswer(status: 200, body: Array(#"{"status":"accepted","sequence":7}"#.utf8)))
            #expect(answer.isAcknowledged)
            let request = try #require(server.requests.first)
            #expect(request.method == .POST)
            #expect(request.path == "/webhooks/circleci/acme")
            #expect(request.body == Self.body)
            #expect(request.headers["content-type"] == ["application/json"])
            #expect(request.headers["user-agent"] == ["CircleCI-Webhook/1.0"])
            #expect(request.headers["circleci-event-type"] == ["job-completed"])
            #expect(request.headers["content-length"] == [String(Self.body.count)])
            let verdict = WebhookSignature.verify(
                header: request.headers.first(name: "circleci-signature"),
                body: request.body,
                secrets: [secret],
                at: Timestamp(microseconds: 0)
            )
            #expect(verdict == .valid)
        }
    }

    @Test("A recorded signature is sent as it was, and without a secret none is sent")
    func signing() async throws {
        try await FakeHTTPServer.run { _ in
            .answer(200, "")
        } _: { server in
            try await Self.withPoster { poster in
                _ = try await poster.post(Self.body, eventType: "ping", to: server.url, signing: .header("v1=ab,v2=cd"))
                _ = try await poster.post(Self.body, eventType: nil, to: server.url, signing: .unsigned)
            }
            let requests = server.requests
            #expect(requests.map { $0.headers["circleci-signature"] } == [["v1=ab,v2=cd"], []])
            #expect(requests.map { $0.headers["circleci-event-type"] } == [["ping"], []])
        }
    }

    @Test("Any status is an answer, and only 2xx acknowledges", arguments: [202, 302, 401, 413, 503])
    func statuses(status: Int) async throws {
        try await FakeHTTPServer.run { _ in
            .answer(status, "x", headers: ["location": "/elsewhere"])
        } _: { server in
            let answer = try await Self.withPoster {
                try await $0.post(Self.body, eventType: nil, to: server.url, signing: .unsigned)
            }
            #expect(answer.status == status)
            #expect(answer.isAcknowledged == (status == 202))
            #expect(server.requests.count == 1)
        }
    }

    @Test("An answer's body is read up to the limit")
    func boundedAnswer() async throws {
        try await FakeHTTPServer.run { _ in
            .answer(200, String(repeating: "x", count: 500_000))
        } _: { server in
            let answer = try await Self.withPoster(maximumAnswerBytes: 1000) {
                try await $0.post(Self.body, eventType: nil, to: server.url, signing: .unsigned)
            }
            #expect(answer.body.count == 1000)
        }
    }

    @Test(
        "Silence runs into the timeout, before the answer's head and after it",
        arguments: [FakeHTTPServer.Reply.silence, .unfinished]
    )
    func timeouts(reply: FakeHTTPServer.Reply) async throws {
        try await FakeHTTPServer.run { _ in
            reply
        } _: { server in
            let code = try await Self.withPoster { poster in
                await Self.code {
                    _ = try await poster.post(
                        Self.body,
                        eventType: nil,
                        to: server.url,
                        signing: .unsigned,
                        timeout: .milliseconds(50)
                    )
                }
            }
            #expect(code == .timedOut)
        }
    }

    @Test("A connection that is closed or refused is unreachable")
    func unreachable() async throws {
        let (closed, url) = try await FakeHTTPServer.run { _ in
            .close
        } _: { server in
            let code = try await Self.withPoster { poster in
                await Self.code {
                    _ = try await poster.post(Self.body, eventType: nil, to: server.url, signing: .unsigned)
                }
            }
            return (code, server.url)
        }
        #expect(closed == .unreachable)
        // The server is gone; nobody listens on its port now.
        let refused = try await Self.withPoster { poster in
            await Self.code { _ = try await poster.post(Self.body, eventType: nil, to: url, signing: .unsigned) }
        }
        #expect(refused == .unreachable)
    }

    @Test("What is no URL is refused", arguments: ["", "example.com", "ftp://example.com", "http://", "http:///x"])
    func invalidURL(url: String) async throws {
        let code = try await Self.withPoster { poster in
            await Self.code { _ = try await poster.post(Self.body, eventType: nil, to: url, signing: .unsigned) }
        }
        #expect(code == .invalidURL)
    }

    @Test("A cancelled task ends its delivery")
    func cancellation() async throws {
        let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self)
        try await FakeHTTPServer.run { _ in
            arrival.yield()
            return .silence
        } _: { server in
            try await Self.withPoster { poster in
                let posting = Task {
                    await Self.code {
                        _ = try await poster.post(Self.body, eventType: nil, to: server.url, signing: .unsigned)
                    }
                }
                _ = await arrivals.first { _ in true }
                posting.cancel()
                #expect(await posting.value == .cancelled)
            }
        }
    }

    @Test("An error names the receiver without what may be secret in its URL")
    func errorLocation() async throws {
        do {
            _ = try await Self.withPoster { poster in
                try await poster.post(
                    Self.body,
                    eventType: nil,
                    to: "ftp://user:hunter123@example.com/hooks?token=hunter123#hunter123",
                    signing: .unsigned
                )
            }
            Issue.record("an ftp URL was posted to")
        } catch let error as CircleCIError {
            #expect(error.location == "ftp://example.com/hooks")
            #expect(!"\(error) \(String(reflecting: error))".contains("hunter123"))
        }
    }
}
