import NIOHTTP1
import Testing

@testable import Meter

@Suite("Signing in to the dashboard")
struct AccessLoginTests {
    @Test("The login form starts a session, and the cookie is for this site and no script")
    func loginForm() async throws {
        try await RunningSite.run { site in
            let answer = try await site.signIn(token: RunningSite.viewer)
            #expect(answer.status == 303)
            #expect(answer.headers.first(name: "location") == "/")
            let header = try #require(answer.headers["set-cookie"].first { $0.hasPrefix("circlemeter_session=") })
            let attributes = Set(header.split(separator: "; ").dropFirst())
            #expect(attributes == ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"])
            let id = try #require(answer.cookie("circlemeter_session"))
            #expect(id.utf8.count == 64)
            let cookie = [("cookie", "other=1; circlemeter_session=\(id)")]
            #expect(try await site.send(.GET, "/", cookie).body == "viewer")
            #expect(try await site.send(.GET, "/", [("cookie", "circlemeter_session=\(id)0")]).status == 401)
            site.clock.advance(12 * 3600)
            #expect(try await site.send(.GET, "/", cookie).status == 401, "sessions end")
        }
    }

    @Test("Behind https, cookies are for https only")
    func secureCookies() async throws {
        try await RunningSite.run(publicURL: "https://meter.example/") { site in
            let answer = try await site.signIn(token: RunningSite.admin)
            #expect(!answer.headers["set-cookie"].isEmpty)
            #expect(answer.headers["set-cookie"].allSatisfy { $0.contains("; Secure") })
        }
    }

    @Test("A wrong token in the form is refused, shown nowhere, and counted")
    func wrongToken() async throws {
        try await RunningSite.run { site in
            for _ in 0..<10 {
                let answer = try await site.signIn(token: "a-wrong-token-for-tests")
                #expect(answer.status == 401)
                #expect(answer.cookie("circlemeter_session") == nil)
                #expect(!answer.body.contains("a-wrong-token"))
            }
            #expect(try await site.signIn(token: RunningSite.admin).status == 429)
            // Programs and people who are in already are not held up.
            #expect(
                try await site.send(.GET, "/metrics", [("authorization", "Bearer \(RunningSite.admin)")]).status == 200
            )
            site.clock.advance(60)
            #expect(try await site.signIn(token: RunningSite.admin).status == 303)
        }
    }

    @Test("A login posted from another site, without the form's cookie or token, starts nothing")
    func loginFromElsewhere() async throws {
        try await RunningSite.run { site in
            let page = try await site.send(.GET, "/login")
            let nonce = try #require(page.cookie("circlemeter_login"))
            let token = try #require(page.field("csrf_token"))
            let other = try await site.send(.GET, "/login")
            #expect(other.field("csrf_token") != token)
            let table: [(cookie: String?, token: String)] = [
                (nil, token), (nonce, ""), (nonce, nonce), (other.cookie("circlemeter_login"), token),
            ]
            for row in table {
                let answer = try await site.send(
                    .POST,
                    "/login",
                    row.cookie.map { [("cookie", "circlemeter_login=\($0)")] } ?? [],
                    form: "csrf_token=\(row.token)&token=\(RunningSite.admin)"
                )
                #expect(answer.status == 403)
                #expect(answer.cookie("circlemeter_session") == nil)
            }
        }
    }

    @Test("A link signs in once, by its button; looking at it does not use it up")
    func link() async throws {
        try await RunningSite.run { site in
            let code = site.access.makeLinkCode(.admin)
            _ = try await site.send(.GET, "/login/\(code)")
            let page = try await site.send(.GET, "/login/\(code)")
            #expect(page.status == 200)
            #expect(page.field("code") == code)
            let cookie = [("cookie", "circlemeter_login=\(page.cookie("circlemeter_login") ?? "")")]
            let form = "csrf_token=\(page.field("csrf_token") ?? "")&code=\(code)"
            let answer = try await site.send(.POST, "/login", cookie, form: form)
            #expect(answer.status == 303)
            let session = [("cookie", "circlemeter_session=\(answer.cookie("circlemeter_session") ?? "")")]
            #expect(try await site.send(.GET, "/", session).body == "admin")
            #expect(try await site.send(.POST, "/login", cookie, form: form).status == 401)
            #expect(try await site.send(.GET, "/login/\(code)").status == 410)
        }
    }

    @Test("A link opens nothing after fifteen minutes, and a code by chance never")
    func expiredLink() async throws {
        try await RunningSite.run { site in
            let code = site.access.makeLinkCode(.admin)
            site.clock.advance(15 * 60)
            #expect(try await site.send(.GET, "/login/\(code)").status == 410)
            let strange = try await site.send(.GET, "/login/%22%3E%3Cscript%3E")
            #expect(strange.status == 410)
            #expect(!strange.body.contains("<script>"))
        }
    }
}
