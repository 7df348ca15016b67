import FakeCircleCI
import Logging
import NIOHTTP1
import Synchronization
import Testing
import Wire

@testable import Meter

@Suite("The invitation form on the public listener", .timeLimit(.minutes(5)))
struct InvitationPageTests {
    private static let key = "the-key-of-the-admin-who-was-invited"
    private static let sameOrigin = [("sec-fetch-site", "same-origin")]

    @Test("It opens the form, works once, and is gone")
    func once() async throws {
        try await ConnectionPageSite.runBesideCircleCI(key: Self.key) { site, fake in
            let dead = ConnectionCondition(state: .reconnectRequired, reason: "rejected", since: .now)
            try await site.add("acme", dead, organization: fake.organization)
            let code = try await site.parts.circleci.invitations.make("acme", .reconnect).code
            let path = "/connect/\(code)"
            let form = try await site.visit(path)
            #expect(form.status == 200)
            #expect(form.body.contains("<h1>Reconnect acme</h1>") && form.body.contains(fake.organization))
            #expect(form.body.contains("type=\"password\"") && form.field("code") == code)
            #expect(!form.body.contains("name=\"organization\""))
            #expect(try await site.visit(path).status == 200, "looking does not use it up")

            let done = try await site.visit(path, ["code": code, "api_key": Self.key, "expires": ""], Self.sameOrigin)
            #expect(done.status == 200 && done.body.contains("acme is connected again"))
            #expect(!done.body.contains(Self.key) && !done.body.contains(code))
            #expect(site.parts.connections.get("acme")?.apiKey == Secret(Array(Self.key.utf8)))
            #expect(await site.parts.circleci.monitor.condition(of: "acme")?.state == .connected)

            #expect(try await site.visit(path).status == 410)
            let again = try await site.visit(path, ["code": code, "api_key": "x", "expires": ""], Self.sameOrigin)
            #expect(again.status == 410 && again.body.contains("This link does nothing any more"))
            #expect(site.parts.connections.get("acme")?.apiKey == Secret(Array(Self.key.utf8)))
        }
    }

    @Test("A refused key does not use it up, and is not shown")
    func refusedKey() async throws {
        try await ConnectionPageSite.runBesideCircleCI(key: Self.key) { site, fake in
            try await site.add("acme", organization: fake.organization)
            let code = try await site.parts.circleci.invitations.make("acme", .reconnect).code
            let path = "/connect/\(code)"
            let wrong = "a-mistyped-key"
            let refused = try await site.visit(path, ["code": code, "api_key": wrong, "expires": ""], Self.sameOrigin)
            #expect(refused.status == 422)
            #expect(refused.body.contains("CircleCI rejects the key.") && refused.body.contains("role=\"alert\""))
            #expect(!refused.body.contains(wrong))
            #expect(site.parts.connections.get("acme")?.apiKey == Secret(Array("a key".utf8)))
            let empty = try await site.visit(path, ["code": code, "api_key": "", "expires": ""], Self.sameOrigin)
            #expect(empty.status == 422)
            let done = try await site.visit(path, ["code": code, "api_key": Self.key, "expires": ""], Self.sameOrigin)
            #expect(done.status == 200)
            #expect(site.parts.connections.get("acme")?.apiKey == Secret(Array(Self.key.utf8)))
        }
    }

    @Test("Of many who use it at once, one does")
    func race() async throws {
        try await ConnectionPageSite.runBesideCircleCI(key: Self.key) { site, fake in
            try await site.add("acme", organization: fake.organization)
            let code = try await site.parts.circleci.invitations.make("acme", .reconnect).code
            let fields = ["code": code, "api_key": Self.key, "expires": ""]
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<8 {
                    group.addTask { try await site.visit("/connect/\(code)", fields, Self.sameOrigin).status }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.sorted() == [200] + Array(repeating: 410, count: 7))
        }
    }

    @Test("To connect it asks for the organization too; once somebody has connected it, nothing is left to do")
    func connect() async throws {
        try await ConnectionPageSite.runBesideCircleCI(key: Self.key) { site, fake in
            let invitations = site.parts.circleci.invitations
            let code = try await invitations.make("acme", .connect).code
            let other = try await invitations.make("acme", .connect).code
            let form = try await site.visit("/connect/\(code)")
            #expect(form.body.contains("<h1>Connect acme</h1>") && form.body.contains("name=\"organization\""))
            var fields = ["code": code, "api_key": Self.key, "expires": "", "organization": "gh/not-theirs"]
            let refused = try await site.visit("/connect/\(code)", fields, Self.sameOrigin)
            #expect(refused.status == 422 && refused.body.contains("value=\"gh/not-theirs\""))
            #expect(refused.body.contains("There are: "), "those that there are")
            #expect(site.parts.connections.get("acme") == nil)
            fields["organization"] = fake.organization
            let done = try await site.visit("/connect/\(code)", fields, Self.sameOrigin)
            #expect(done.status == 200 && done.body.contains("acme is connected"))
            for project in fake.history.organizations[0].projects { #expect(done.body.contains(project.slug)) }
            #expect(fake.hooks().count == 2)
            #expect(try await site.visit("/connect/\(other)").status == 410)
            fields["code"] = other
            #expect(try await site.visit("/connect/\(other)", fields, Self.sameOrigin).status == 410)
        }
    }

    @Test("What another site posts, or whoever does not know the code, changes nothing and does not use it up")
    func crossSite() async throws {
        try await ConnectionPageSite.runBesideCircleCI(key: Self.key) { site, fake in
            try await site.add("acme", organization: fake.organization)
            let code = try await site.parts.circleci.invitations.make("acme", .reconnect).code
            let right = ["code": code, "api_key": Self.key, "expires": ""]
            let foreign: [([String: String], [(String, String)])] = [
                (right, [("sec-fetch-site", "cross-site")]), (right, [("sec-fetch-site", "same-site")]),
                (right, [("origin", "https://evil.example")]),
                (right, [("origin", "\(ConnectionPageSite.publicURL).evil.example")]),
                (["api_key": Self.key, "expires": ""], Self.sameOrigin),
                (right.merging(["code": String(code.reversed())]) { $1 }, Self.sameOrigin),
            ]
            for (fields, headers) in foreign {
                #expect(try await site.visit("/connect/\(code)", fields, headers).status == 403, "\(headers)")
            }
            #expect(site.parts.connections.get("acme")?.apiKey == Secret(Array("a key".utf8)))
            // Browsers say `null` for a page that sends no referrer; older ones say nothing more.
            for headers in [[("origin", "null")], [("origin", ConnectionPageSite.publicURL)]] {
                let answer = try await site.visit("/connect/\(code)", right.merging(["api_key": "x"]) { $1 }, headers)
                #expect(answer.status == 422)
            }
        }
    }

    @Test("The public listener shows nothing else, and an unknown link is told apart from none")
    func nothingElse() async throws {
        try await ConnectionPageSite.run { site in
            try await site.add("acme")
            let code = try await site.parts.circleci.invitations.make("acme", .reconnect).code
            for path in [
                "/", "/connect", "/connect/", "/connect/\(code)/more", "/connections", "/login", "/assets/style.css",
                "/assets/live.js", "/metrics", "/readyz", "/api/v1/connections", "/x/\(code)",
            ] {
                let answer = try await site.visit(path)
                #expect(answer.status == 404 && answer.body.contains("\"not_found\""), "\(path)")
            }
            for unknown in [String(code.reversed()), code + "0", "x", "%00", String(repeating: "%C3%A9", count: 32)] {
                let answer = try await site.visit("/connect/\(unknown)")
                #expect(answer.status == 410 && !answer.body.contains("acme"), "\(unknown)")
            }
            #expect(try await site.visit("/connect/\(code)", method: .DELETE).status == 405)
            #expect(try await site.visit("/connect/\(code)", method: .HEAD).status == 200)
            let form = try await site.visit("/connect/\(code)").body
            for other in ["href=\"/", "<script", "/connections", ":18081"] { #expect(!form.contains(other)) }
        }
    }

    @Test("The page's strict policy lets its own style through; it is kept by nobody, and tells no one its address")
    func headers() async throws {
        try await ConnectionPageSite.run { site in
            try await site.add("acme")
            let code = try await site.parts.circleci.invitations.make("acme", .reconnect).code
            for path in ["/connect/\(code)", "/connect/none"] {
                let answer = try await site.visit(path)
                let style = answer.body.split(separator: "<style>").last?.split(separator: "</style>").first
                let digest = Base64.encode(Randomness.sha256(Array((style ?? "").utf8)))
                #expect(
                    answer.headers.first(name: "content-security-policy")
                        == "default-src 'none'; style-src 'sha256-\(digest)'; img-src data:; form-action 'self'; "
                        + "base-uri 'none'; frame-ancestors 'none'"
                )
                #expect(answer.headers.first(name: "cache-control") == "no-store")
                #expect(answer.headers.first(name: "referrer-policy") == "no-referrer")
                #expect(answer.headers.first(name: "x-content-type-options") == "nosniff")
            }
        }
    }

    @Test("Ten failed attempts in a minute are enough, of unknown links and of keys; a link that counts is let in")
    func attempts() async throws {
        try await ConnectionPageSite.runBesideCircleCI(key: Self.key) { site, fake in
            try await site.add("acme", organization: fake.organization)
            let code = try await site.parts.circleci.invitations.make("acme", .reconnect).code
            for _ in 0..<10 { #expect(try await site.visit("/connect/none").status == 410) }
            let unknown = try await site.visit("/connect/none")
            #expect(unknown.status == 429 && unknown.headers.first(name: "retry-after") != nil)
            #expect(try await site.visit("/connect/\(code)").status == 200)
            for _ in 0..<10 {
                let answer = try await site.visit("/connect/\(code)", ["code": code, "api_key": "x"], Self.sameOrigin)
                #expect(answer.status == 422)
            }
            let fields = ["code": code, "api_key": Self.key]
            #expect(try await site.visit("/connect/\(code)", fields, Self.sameOrigin).status == 429)
            #expect(try await site.parts.circleci.invitations.peek(code) != nil, "it is not used up")
        }
    }

    @Test("Neither the code nor a key is on any line of the log, however much is logged")
    func logs() async throws {
        let lines = LogLines()
        try await ConnectionPageSite.runBesideCircleCI(key: Self.key, logger: lines.logger) { site, fake in
            try await site.add("acme", organization: fake.organization)
            let code = try await site.parts.circleci.invitations.make("acme", .reconnect).code
            let path = "/connect/\(code)"
            _ = try await site.visit(path)
            _ = try await site.visit(path, method: .DELETE)
            _ = try await site.visit(path, ["code": code, "api_key": "a-mistyped-key"], Self.sameOrigin)
            _ = try await site.visit(path, ["code": "x", "api_key": Self.key], Self.sameOrigin)
            #expect(try await site.visit(path, ["code": code, "api_key": Self.key], Self.sameOrigin).status == 200)
            _ = try await site.visit(path)
            #expect(lines.text.contains("an invitation was used"), "the log is looked at")
            for secret in [code, Self.key, "a-mistyped-key"] {
                for form in [secret, Hex.encode(Array(secret.utf8)), Base64.encode(Array(secret.utf8))] {
                    #expect(!lines.text.contains(form))
                }
            }
        }
    }
}
