import NIOHTTP1
import Testing

@testable import Meter

@Suite("Access to the dashboard, over a socket")
struct AccessRoutesTests {
    @Test("Without a token programs are told so and people are led to the login page; only health is open")
    func nobody() async throws {
        try await RunningSite.run { site in
            #expect(try await site.send(.GET, "/healthz").body == "nobody")
            for path in ["/api/v1/usage", "/metrics", "/", "/none"] {
                let answer = try await site.send(.GET, path)
                #expect(answer.status == 401)
                #expect(answer.headers.first(name: "www-authenticate") == "Bearer")
                #expect(answer.body.hasPrefix("{\"error\":{\"code\":\"unauthorized\","))
            }
            let html = [("accept", "text/html,*/*")]
            for path in ["/", "/none"] {
                let answer = try await site.send(.GET, path, html)
                #expect(answer.status == 303)
                #expect(answer.headers.first(name: "location") == "/login")
            }
            #expect(try await site.send(.GET, "/api/v1/usage", html).status == 401)
            #expect(try await site.send(.POST, "/api/v1/connections", html).status == 401)
        }
    }

    @Test("A Bearer token opens its role: a viewer reads, an admin changes")
    func bearer() async throws {
        try await RunningSite.run { site in
            let viewer = [("authorization", "Bearer \(RunningSite.viewer)")]
            let admin = [("authorization", "bearer \(RunningSite.admin)")]
            #expect(try await site.send(.GET, "/metrics", viewer).body == "viewer")
            #expect(try await site.send(.GET, "/api/v1/usage", admin).body == "admin")
            let refused = try await site.send(.POST, "/api/v1/connections", viewer)
            #expect(refused.status == 403)
            #expect(refused.body.hasPrefix("{\"error\":{\"code\":\"forbidden\","))
            #expect(try await site.send(.POST, "/api/v1/connections", admin).status == 201)
            for header in [
                "Bearer", "Bearer ", "Bearer x", "Basic \(RunningSite.admin)", RunningSite.admin,
                "Bearer  \(RunningSite.admin)",
            ] {
                #expect(try await site.send(.GET, "/api/v1/usage", [("authorization", header)]).status == 401)
            }
        }
    }

    @Test("After ten wrong tokens in a minute even the right one has to wait")
    func tooManyTokens() async throws {
        try await RunningSite.run { site in
            for _ in 0..<10 {
                #expect(try await site.send(.GET, "/metrics", [("authorization", "Bearer wrong")]).status == 401)
            }
            let right = [("authorization", "Bearer \(RunningSite.admin)")]
            let answer = try await site.send(.GET, "/metrics", right)
            #expect(answer.status == 429)
            #expect(answer.headers.first(name: "retry-after") == "60")
            site.clock.advance(60)
            #expect(try await site.send(.GET, "/metrics", right).status == 200)
        }
    }

    @Test("What changes something in a session needs the session's CSRF token, as a header or a field")
    func csrf() async throws {
        try await RunningSite.run { site in
            let id = try #require(try await site.signIn(token: RunningSite.admin).cookie("circlemeter_session"))
            let cookie = ("cookie", "circlemeter_session=\(id)")
            let token = try await site.send(.GET, "/csrf", [cookie]).body
            #expect(token.utf8.count == 64)
            let without = try await site.send(.POST, "/api/v1/connections", [cookie])
            #expect(without.status == 403)
            #expect(without.body.hasPrefix("{\"error\":{\"code\":\"csrf_mismatch\","))
            let wrong = [cookie, ("x-csrf-token", String(token.reversed()))]
            #expect(try await site.send(.POST, "/api/v1/connections", wrong).status == 403)
            for part in ["", String(token.prefix(1)), String(token.dropLast()), token + token] {
                let header = [cookie, ("x-csrf-token", part)]
                #expect(try await site.send(.POST, "/api/v1/connections", header).status == 403, "\(part.utf8.count)")
                let form = "a=1&csrf_token=\(part)"
                let posted = try await site.send(.POST, "/api/v1/connections", [cookie], form: form)
                #expect(posted.status == 403, "\(part.utf8.count)")
            }
            let right = [cookie, ("x-csrf-token", token)]
            #expect(try await site.send(.POST, "/api/v1/connections", right).status == 201)
            let form = try await site.send(.POST, "/api/v1/connections", [cookie], form: "a=1&csrf_token=\(token)")
            #expect(form.status == 201)
        }
    }

    @Test("Signing out ends the session for everybody who holds its cookie")
    func logout() async throws {
        try await RunningSite.run { site in
            let id = try #require(try await site.signIn(token: RunningSite.admin).cookie("circlemeter_session"))
            let cookie = ("cookie", "circlemeter_session=\(id)")
            #expect(try await site.send(.POST, "/logout", [cookie]).status == 403, "not without the CSRF token")
            let token = try await site.send(.GET, "/csrf", [cookie]).body
            let answer = try await site.send(.POST, "/logout", [cookie], form: "csrf_token=\(token)")
            #expect(answer.status == 303)
            #expect(answer.cookie("circlemeter_session") == "")
            #expect(try await site.send(.GET, "/", [cookie]).status == 401)
        }
    }

    @Test("Under a host name that is not known nothing is answered but the health check")
    func hosts() async throws {
        try await RunningSite.run(publicURL: "http://Meter.Example:8081/path") { (site: RunningSite) async throws in
            func status(_ host: String, _ path: String = "/api/v1/usage") async throws -> Int? {
                let token = "authorization: Bearer \(RunningSite.admin)\r\n"
                let request = "GET \(path) HTTP/1.1\r\n\(host)\(token)connection: close\r\n\r\n"
                return try await RawClient.answers(site.port, to: request).first?.status
            }
            let known = [
                "localhost", "127.0.0.1:1", "[::1]:8081", "LOCALHOST:8081", "meter.example", "meter.example:99",
            ]
            for host in known {
                #expect(try await status("host: \(host)\r\n") == 200, "\(host)")
            }
            let unknown = [
                "evil.example", "evil.example:81", "127.0.0.1.evil.example", "localhost.evil.example", "x@y",
            ]
            for host in unknown {
                #expect(try await status("host: \(host)\r\n") == 421, "\(host)")
            }
            #expect(try await status("") == 421)
            #expect(try await status("host: evil.example\r\n", "/healthz") == 200)
            #expect(try await status("host: evil.example\r\n", "/login") == 421)
        }
    }

    @Test("Every answer, errors included, carries the security headers")
    func securityHeaders() async throws {
        try await RunningSite.run { site in
            let admin = [("authorization", "Bearer \(RunningSite.admin)")]
            let answers = [
                try await site.send(.GET, "/", admin), try await site.send(.GET, "/none", admin),
                try await site.send(.GET, "/fails", admin), try await site.send(.GET, "/"),
                try await site.send(.GET, "/login"), try await site.send(.GET, "/healthz"),
            ]
            #expect(answers.map(\.status) == [200, 404, 500, 401, 200, 200])
            for answer in answers {
                let policy = answer.headers.first(name: "content-security-policy")
                #expect(
                    policy == "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                        + "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
                )
                #expect(answer.headers.first(name: "x-content-type-options") == "nosniff")
                #expect(answer.headers.first(name: "referrer-policy") == "no-referrer")
                #expect(answer.headers.first(name: "cache-control") == "no-store")
            }
            #expect(answers[1].body.hasPrefix("{\"error\":{\"code\":\"not_found\","))
            #expect(answers[2].body.hasPrefix("{\"error\":{\"code\":\"internal_error\","))
            #expect(!answers[2].body.contains("private"))
        }
    }

    @Test("The login page holds no script and no style of its own, which the policy would block")
    func loginPage() async throws {
        try await RunningSite.run { site in
            let page = try await site.send(.GET, "/login")
            #expect(page.headers.first(name: "content-type") == "text/html; charset=utf-8")
            #expect(page.body.hasPrefix("<!doctype html>"))
            #expect(page.body.contains("<title>Sign in - circlemeter</title>"))
            for forbidden in ["<style", "style=", "onclick", "javascript:"] {
                #expect(!page.body.contains(forbidden))
            }
        }
    }
}
