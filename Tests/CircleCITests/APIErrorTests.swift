import AsyncHTTPClient
import CircleCI
import NIOHTTP1
import Synchronization
import Testing

/// What errors say, what is tried again, and what stays secret.
@Suite(.timeLimit(.minutes(2)))
struct APIErrorTests {
    static let hook = APIWebhookDraft(
        name: "n",
        url: "https://x",
        events: [],
        verifiesTLS: true,
        signingSecret: SigningSecretText("hunter123"),
        projectID: "p"
    )

    @Test(
        "Statuses become codes, with status, path and request id, and without the body",
        arguments: [
            (401, CircleCIError.Code.unauthorized), (403, .forbidden), (404, .notFound), (409, .refused),
            (422, .refused), (302, .unexpectedAnswer), (304, .unexpectedAnswer), (429, .rateLimited),
            (500, .serverError), (599, .serverError),
        ]
    )
    func statuses(status: Int, code: CircleCIError.Code) async throws {
        try await APIFixture.run { _ in
            .answer(
                status,
                "<html>canary \(APIFixture.key)</html>",
                headers: ["x-request-id": "abc-1", "location": "/elsewhere", "content-type": "text/html"]
            )
        } _: { fixture in
            let error = try #require(
                await APIFixture.error { _ = try await fixture.client.pipelines(ofProject: "a/b", pageToken: "secret") }
            )
            #expect(error.code == code && error.status == status && error.requestID == "abc-1")
            #expect(error.location == "\(fixture.server.url)/api/v2/project/a/b/pipeline")
            let text = "\(error) \(String(reflecting: error))"
            #expect(!text.contains("canary") && !text.contains("secret"))
            let isRepeated = status == 429 || status >= 500
            #expect(fixture.server.requests.count == (isRepeated ? 4 : 1))
            #expect(fixture.server.requests.allSatisfy { !$0.path.contains("elsewhere") })
        }
    }

    @Test("Request ids that cannot be shown are not")
    func requestID() async throws {
        for (id, shown) in [("a b", nil), (String(repeating: "x", count: 129), nil), ("ok", "ok")]
            as [(String, String?)]
        {
            try await APIFixture.run { _ in
                .answer(404, "", headers: ["x-request-id": id])
            } _: { fixture in
                #expect(await APIFixture.error { _ = try await fixture.client.me() }?.requestID == shown)
            }
        }
    }

    @Test("What fails for a while is tried again, and goes well then")
    func retries() async throws {
        let replies: [FakeHTTPServer.Reply] = [
            .answer(503, ""), .close, .answer(429, "Rate limited."), .answer(200, "[]"),
        ]
        try await APIFixture.run {
            replies[$0.number]
        } _: { fixture in
            let rest = try await fixture.client.collaborations()
            #expect(rest.isEmpty)
            #expect(fixture.server.requests.count == 4)
            let statuses = fixture.observations.compactMap { observation -> Int?? in
                guard case .call(_, let status, _) = observation else { return nil }
                return .some(status)
            }
            #expect(statuses == [503, nil, 429, 200])
            let retries = fixture.observations.compactMap { observation -> Duration? in
                guard case .waited(.retry, let duration) = observation else { return nil }
                return duration
            }
            #expect(retries.count == 2)
            #expect(retries[0] <= .milliseconds(500) && retries[1] <= .seconds(1))
        }
    }

    @Test("Retry-After is honoured on 429 and on 503", arguments: [429, 503])
    func retryAfter(status: Int) async throws {
        try await APIFixture.run { request in
            request.number == 0 ? .answer(status, "", headers: ["retry-after": "40"]) : .answer(200, "[]")
        } _: { fixture in
            _ = try await fixture.client.collaborations()
            #expect(fixture.clock.sleeps.map { $0 >= .seconds(39) && $0 <= .seconds(41) } == [true])
        }
    }

    @Test("PUT and DELETE may be repeated; POST and the probe are sent once", arguments: [500, 429, 0])
    func methods(status: Int) async throws {
        for (calls, call) in [
            (1, { _ = try await $0.createWebhook(Self.hook) }), (1, { _ = try await $0.me() }),
            (4, { try await $0.deleteWebhook("h") }),
            (4, { _ = try await $0.updateWebhook("h", APIWebhookChange(name: "n")) }),
        ] as [(Int, (CircleCIClient) async throws -> Void)] {
            try await APIFixture.run { _ in
                status == 0 ? .close : .answer(status, "")
            } _: { fixture in
                let error = await APIFixture.error { try await call(fixture.client) }
                #expect(error?.code == [500: .serverError, 429: .rateLimited, 0: .unreachable][status])
                #expect(fixture.server.requests.count == calls)
            }
        }
    }

    @Test("A webhook that is gone at the second try was deleted by the first, and at the first is not found")
    func repeatedDelete() async throws {
        try await APIFixture.run {
            $0.number == 0 ? .close : .answer(404, "")
        } _: { fixture in
            try await fixture.client.deleteWebhook("h")
        }
        try await APIFixture.run { _ in
            .answer(404, "")
        } _: { fixture in
            #expect(await APIFixture.error { try await fixture.client.deleteWebhook("h") }?.code == .notFound)
        }
    }

    @Test(
        "Silence ends at the deadline, before the head and after it",
        arguments: [FakeHTTPServer.Reply.silence, .unfinished]
    )
    func deadline(reply: FakeHTTPServer.Reply) async throws {
        try await APIFixture.run(
            options: CircleCIClient.Options(deadline: .milliseconds(60), maximumTries: 2)
        ) { _ in
            reply
        } _: { fixture in
            #expect(await APIFixture.error { _ = try await fixture.client.collaborations() }?.code == .timedOut)
            #expect(fixture.budget.statistics.calls == 2)
            #expect(await APIFixture.error { _ = try await fixture.client.me() }?.code == .timedOut)
        }
    }

    @Test("An answer that is too long is unexpected, and one of the greatest length is read")
    func longBody() async throws {
        let options = CircleCIClient.Options(maximumBodyBytes: 10_000)
        for (length, code) in [(10_000, nil), (10_001, .unexpectedAnswer)] as [(Int, CircleCIError.Code?)] {
            try await APIFixture.run(options: options) { _ in
                .answer(200, "[" + String(repeating: " ", count: length - 2) + "]")
            } _: { fixture in
                #expect(await APIFixture.error { _ = try await fixture.client.collaborations() }?.code == code)
            }
        }
        try await APIFixture.run(options: options) { _ in
            .answer(404, String(repeating: "x", count: 20_000))
        } _: { fixture in
            #expect(await APIFixture.error { _ = try await fixture.client.me() }?.code == .notFound)
        }
    }

    @Test("No redirect is followed, and an answer behind one is not believed", arguments: [true, false])
    func redirects(isFollowing: Bool) async throws {
        var configuration = CircleCIClient.httpConfiguration()
        if isFollowing { configuration.redirectConfiguration = .follow(max: 3, allowCycles: false) }
        try await APIFixture.run(configuration: configuration) { request in
            request.path == "/api/v2/me"
                ? .answer(307, "", headers: ["location": "/other"]) : .answer(200, APIClientTests.user)
        } _: { fixture in
            #expect(await APIFixture.error { _ = try await fixture.client.me() }?.code == .unexpectedAnswer)
            if !isFollowing { #expect(fixture.paths == ["/api/v2/me"]) }
        }
    }

    @Test("A key goes to https, or to this machine, and nowhere else")
    func baseURLs() async throws {
        for base in [
            "http://example.com", "http://127.0.0.1.example.com", "http://127.0.0.1@example.com", "ftp://x", "",
            "https://",
            "http://localhost:1?x", "https://example.com#x", "example.com", "http://127.0.0.1:x y",
        ] {
            try await APIFixture.run(base: base) { _ in
                .silence
            } _: { fixture in
                #expect(await APIFixture.error { _ = try await fixture.client.me() }?.code == .invalidURL, "\(base)")
            }
        }
        try await APIFixture.run(base: "http://SERVER/") { _ in
            .answer(200, "[]")
        } _: { fixture in
            _ = try await fixture.client.collaborations()
            #expect(fixture.paths == ["/api/v2/me/collaborations"])
        }
        try await APIFixture.run(base: "http://user:hunter123@SERVER") { _ in
            .silence
        } _: { fixture in
            let error = await APIFixture.error { _ = try await fixture.client.me() }
            #expect(error?.code == .invalidURL && !"\(String(reflecting: error))".contains("hunter123"))
        }
    }

    @Test("A cancelled call ends as cancelled, and gives its place back")
    func cancellation() async throws {
        let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self)
        try await APIFixture.run { request in
            guard request.number < 3 else { return .answer(200, "[]") }
            arrival.yield()
            return .silence
        } _: { fixture in
            for _ in 0..<3 {
                let call = Task { await APIFixture.error { _ = try await fixture.client.collaborations() }?.code }
                _ = await arrivals.first { _ in true }
                call.cancel()
                #expect(await call.value == .cancelled)
            }
            let rest = try await fixture.client.collaborations()
            #expect(rest.isEmpty)
        }
    }

    @Test("Whatever goes wrong, the key and the secret appear in no error and no observation")
    func secrecy() async throws {
        let replies: [FakeHTTPServer.Reply] = [
            .close, .unfinished, .silence, .answer(400, "\(APIFixture.key) hunter123"),
            .answer(200, #"{"\#(APIFixture.key)":"hunter123""#), .answer(200, #"{"id":"\#(APIFixture.key)","name":7}"#),
            .answer(500, APIFixture.key), .answer(429, APIFixture.key), .answer(403, APIFixture.key),
        ]
        for reply in replies {
            try await APIFixture.run(options: CircleCIClient.Options(deadline: .milliseconds(50))) { _ in
                reply
            } _: { fixture in
                let errors = [
                    await APIFixture.error { _ = try await fixture.client.createWebhook(Self.hook) },
                    await APIFixture.error { _ = try await fixture.client.me() },
                ]
                var text = "\(errors) \(String(reflecting: errors)) \(fixture.observations)"
                dump(errors, to: &text)
                dump(Self.hook, to: &text)
                #expect(!errors.contains { $0 == nil })
                #expect(!text.contains("canary") && !text.contains("hunter123"))
            }
        }
    }
}
