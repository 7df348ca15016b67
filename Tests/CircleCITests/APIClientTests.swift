import AsyncHTTPClient
import CircleCI
import NIOHTTP1
import Testing
import Wire

/// What is asked, and when it is asked again.
@Suite(.timeLimit(.minutes(2)))
struct APIClientTests {
    static let user = #"{"id":"u","login":"octo","name":"Octo"}"#
    static let empty = #"{"items":[],"next_page_token":null}"#
    static let hook = #"""
        {"id":"h","name":"n","url":"https://x","events":[],"verify-tls":true,"scope":{"id":"p","type":"project"}}
        """#

    @Test("Every call carries the key as a bearer, and API v1.1 in its own header too")
    func headers() async throws {
        try await APIFixture.run { request in
            .answer(200, request.path.hasSuffix("/me") ? Self.user : "[]")
        } _: { fixture in
            _ = try await fixture.client.me()
            _ = try await fixture.client.followedProjects()
            #expect(fixture.paths == ["/api/v2/me", "/api/v1.1/projects"])
            for request in fixture.server.requests {
                #expect(request.headers["authorization"] == ["Bearer \(APIFixture.key)"])
                #expect(request.headers["accept"] == ["application/json"])
                #expect(request.headers["user-agent"] == ["circlemeter"])
            }
            #expect(fixture.server.requests.map { $0.headers["circle-token"] } == [[], [APIFixture.key]])
        }
    }

    @Test("Paths and queries are escaped, and slashes of slugs stay")
    func escaping() async throws {
        try await APIFixture.run { _ in
            .answer(200, Self.empty)
        } _: { fixture in
            let client = fixture.client
            _ = try await client.pipelines(ofProject: "gh/ac me/we?b#%é", pageToken: "a+b/c&d=e")
            _ = try await client.pipelines(ofOrganization: "gh/acme", pageToken: nil)
            _ = try await client.workflows(ofPipeline: "p;1")
            _ = try await client.webhooks(ofProject: "p&q")
            #expect(
                fixture.paths == [
                    "/api/v2/project/gh/ac%20me/we%3Fb%23%25%C3%A9/pipeline?page-token=a%2Bb%2Fc%26d%3De",
                    "/api/v2/pipeline?org-slug=gh%2Facme", "/api/v2/pipeline/p%3B1/workflow",
                    "/api/v2/webhook?scope-id=p%26q&scope-type=project",
                ]
            )
        }
    }

    @Test("What would become another path is not sent", arguments: ["", "gh/../me", "gh//x", "./x", "/me", "x/", ".."])
    func badSlugs(slug: String) async throws {
        try await APIFixture.run { _ in
            .answer(200, Self.empty)
        } _: { fixture in
            for call in [
                { _ = try await fixture.client.project(slug) },
                { _ = try await fixture.client.workflows(ofPipeline: slug) },
                { try await fixture.client.deleteWebhook(slug) },
            ] as [() async throws -> Void] {
                #expect(await APIFixture.error(call)?.code == .invalidURL)
            }
            #expect(fixture.paths == [])
        }
    }

    @Test("Webhooks are created, changed by what is given, and deleted")
    func hooks() async throws {
        try await APIFixture.run {
            .answer($0.method == .POST ? 201 : 200, Self.hook)
        } _: { fixture in
            let secret = SigningSecretText("s\"1")
            let draft = APIWebhookDraft(
                name: "n",
                url: "https://x",
                events: ["job-completed"],
                verifiesTLS: true,
                signingSecret: secret,
                projectID: "p"
            )
            #expect(try await fixture.client.createWebhook(draft).id == "h")
            _ = try await fixture.client.updateWebhook("h", APIWebhookChange(events: ["a", "b"], verifiesTLS: false))
            _ = try await fixture.client.updateWebhook("h", APIWebhookChange(signingSecret: secret))
            try await fixture.client.deleteWebhook("h")
            let requests = fixture.server.requests
            #expect(requests.map(\.method) == [.POST, .PUT, .PUT, .DELETE])
            #expect(fixture.paths == ["/api/v2/webhook"] + Array(repeating: "/api/v2/webhook/h", count: 3))
            #expect(
                requests.map { String(decoding: $0.body, as: UTF8.self) } == [
                    #"{"name":"n","events":["job-completed"],"url":"https://x","verify-tls":true,"signing-secret":"s\"1","#
                        + #""scope":{"id":"p","type":"project"}}"#,
                    #"{"events":["a","b"],"verify-tls":false}"#, #"{"signing-secret":"s\"1"}"#, "",
                ]
            )
            #expect(requests[0].headers["content-type"] == ["application/json"])
            #expect(!"\(draft) \(secret)".contains("s\"1"))
        }
    }

    @Test("All pages are read, each once")
    func pages() async throws {
        try await APIFixture.run { request in
            let page = request.number
            let next = page < 4 ? #""token \#(page + 1)""# : "null"
            let job = #"{"id":"j\#(page)","name":"n","type":"build","status":"success"}"#
            return .answer(200, #"{"items":[\#(job)],"next_page_token":\#(next)}"#)
        } _: { fixture in
            let jobs = try await fixture.client.jobs(ofWorkflow: "w")
            #expect(jobs.map(\.id) == ["j0", "j1", "j2", "j3", "j4"])
            let queries = (1...4).map { "?page-token=token%20\($0)" }
            #expect(fixture.paths == ([""] + queries).map { "/api/v2/workflow/w/job\($0)" })
        }
    }

    @Test("A list that comes round again, or has too many pages, is unexpected", arguments: [1, 2, 3, 1000])
    func endlessPages(period: Int) async throws {
        try await APIFixture.run(options: CircleCIClient.Options(maximumPages: 20)) { request in
            .answer(200, #"{"items":[],"next_page_token":"t\#(request.number % period)"}"#)
        } _: { fixture in
            let error = await APIFixture.error { _ = try await fixture.client.workflows(ofPipeline: "p") }
            #expect(error?.code == .unexpectedAnswer)
            #expect(fixture.paths.count == min(period + 1, 20))
        }
        try await APIFixture.run(options: CircleCIClient.Options(maximumPages: 20)) { request in
            .answer(200, #"{"items":[],"next_page_token":\#(request.number < 19 ? "\"t\(request.number)\"" : "null")}"#)
        } _: { fixture in
            let rest = try await fixture.client.workflows(ofPipeline: "p")
            #expect(rest.isEmpty)
        }
    }

    @Test("Endpoints in observations are templates, with status and without ids")
    func endpoints() async throws {
        try await APIFixture.run { request in
            .answer(request.number == 0 ? 500 : 404, "{}")
        } _: { fixture in
            let client = fixture.client
            for call in [
                { _ = try await client.job(inProject: "gh/acme/web", number: 71) },
                { _ = try await client.pipeline("canary") }, { _ = try await client.me() },
                { _ = try await client.updateWebhook("canary", APIWebhookChange()) },
            ] as [() async throws -> Void] { _ = await APIFixture.error(call) }
            let calls = fixture.observations.compactMap { observation -> String? in
                guard case .call(let endpoint, let status, _) = observation else { return nil }
                return "\(status ?? 0) \(endpoint)"
            }
            #expect(
                calls == [
                    "500 /project/{slug}/job/{number}", "404 /project/{slug}/job/{number}", "404 /pipeline/{id}",
                    "404 /me", "404 /webhook/{id}",
                ]
            )
            #expect(fixture.budget.statistics.calls == 5)
        }
    }
}
