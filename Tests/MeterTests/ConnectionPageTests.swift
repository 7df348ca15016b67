import NIOHTTP1
import Testing
import Wire

@testable import Meter

@Suite("The connections page", .timeLimit(.minutes(5)))
struct ConnectionPageTests {
    private static let since = Timestamp("2026-11-20T10:20:30.000Z")!

    @Test(
        "Each state shows its word and its reason; Reconnect stands out only where the key is dead",
        arguments: [
            ("connected", "key_accepted", "good", "Connected"),
            ("expiring", "key_expires_in_7_days", "warning", "Key expires"),
            ("silent", "webhooks_missing", "warning", "No webhooks"),
            ("limited", "projects_gone", "warning", "Some projects gone"),
            ("rate_limited", "too_many_calls", "warning", "Rate limited"),
            ("unreachable", "server_error", "warning", "Unreachable"),
            ("reconnect_required", "rejected", "bad", "Reconnect needed"),
        ]
    )
    func words(_ state: String, _ reason: String, _ tone: String, _ word: String) async throws {
        try await ConnectionPageSite.run { site in
            let known = try #require(ConnectionCondition.State(rawValue: state))
            let condition = ConnectionCondition(state: known, reason: reason, since: Self.since)
            let expires = state == "expiring" ? Day(daysSinceEpoch: Timestamp.now.day.daysSinceEpoch + 5) : nil
            try await site.add("acme", condition, keyExpires: expires)
            let page = try await site.signIn().get("/connections")
            #expect(page.status == 200)
            #expect(page.body.contains("<span class=\"badge \(tone)\">\(word)</span>"))
            #expect(page.body.contains(condition.message))
            #expect(page.body.contains("2026-11-20 10:20 UTC"))
            #expect(page.body.contains(">Reconnect</a>") == (state == "reconnect_required"))
            #expect(!page.body.contains(">Connect</a>"))
            // A dead key is not asked with.
            #expect(page.body.contains(">Reconcile now<") == (state != "reconnect_required"))
            #expect(page.body.contains("Expires in 5 days") == (expires != nil))
        }
    }

    @Test("Without a key the card says so, and asks to connect")
    func withoutKey() async throws {
        try await ConnectionPageSite.run { site in
            try await site.add("acme", key: nil)
            let page = try await site.signIn().get("/connections").body
            #expect(page.contains("<span class=\"badge plain\">Webhooks only</span>"))
            #expect(page.contains(">Connect</a>"))
            #expect(!page.contains(">Reconnect</a>") && !page.contains(">Reconcile now<"))
        }
    }

    @Test("What is kept though its signature fits no secret is named on its connection's card, and with the log")
    func refused() async throws {
        try await ConnectionPageSite.run { site in
            for id in ["acme", "other"] { try await site.add(id) }
            let visitor = try await site.signIn()
            let before = try await (visitor.get("/connections"), visitor.get("/log"))
            for id in 0..<2 {
                site.parts.refused.offer(
                    .init(
                        receivedAt: .now,
                        connection: "acme",
                        reason: "signature_mismatch",
                        signature: "v1=00",
                        body: Array(#"{"id":"e\#(id)","type":"ping"}"#.utf8)
                    )
                )
            }
            await site.parts.refused.settle()
            let tags = [before.0, before.1].map { $0.headers["etag"].first ?? "" }
            let connections = try await visitor.get("/connections", [("if-none-match", tags[0])])
            let log = try await visitor.get("/log", [("if-none-match", tags[1])])
            let cards = connections.body.split(separator: "<article").dropFirst()
            #expect(cards.map { $0.contains("Refused deliveries: 2.") } == [true, false])
            #expect(cards.first?.contains("circlemeter quarantine retry --connection acme<") == true)
            #expect(log.body.contains("their signature fits no secret: 2."))
            #expect(!before.0.body.contains("Refused deliveries") && !before.1.body.contains("kept aside"))
        }
    }

    /// Every request below `/connections` that is for admins.
    private static let adminRequests: [(HTTPMethod, String)] = [
        (.GET, "/connections/new"), (.POST, "/connections/new"), (.POST, "/connections/invite"),
        (.GET, "/connections/acme/reconnect"), (.POST, "/connections/acme/reconnect"),
        (.POST, "/connections/acme/reconcile"), (.GET, "/connections/acme/hooks"),
        (.POST, "/connections/acme/repair-hooks"), (.POST, "/connections/acme/rotate-secret"),
        (.POST, "/connections/acme/invite"), (.GET, "/connections/acme/remove"), (.POST, "/connections/acme/remove"),
    ]

    @Test("A viewer sees all and can change nothing: no button, and 403 for each request")
    func viewer() async throws {
        try await ConnectionPageSite.run { site in
            let dead = ConnectionCondition(state: .reconnectRequired, reason: "rejected", since: Self.since)
            try await site.add("acme", dead)
            let viewer = try await site.signIn(ConnectionPageSite.viewer)
            let page = try await viewer.get("/connections").body
            #expect(page.contains("Reconnect needed"))
            let card = page.split(separator: "<article").last.map(String.init) ?? ""
            #expect(!card.contains("<button") && !card.contains("<form") && !card.contains("class=\"button"))
            #expect(!page.contains("/reconnect") && !page.contains("/connections/new"))
            let fields = [
                "id": "other", "organization": "gh/x", "webhook_secret": "s", "api_key": "k", "delete_hooks": "yes",
            ]
            for (method, path) in Self.adminRequests {
                let answer = method == .GET ? try await viewer.get(path) : try await viewer.post(path, fields)
                #expect(answer.status == 403, "\(method) \(path)")
            }
            #expect(site.parts.connections.list().map(\.id) == ["acme"])
            #expect(try await site.parts.circleci.invitations.list().isEmpty)
        }
    }

    @Test("An admin's form without the session's CSRF token changes nothing")
    func csrf() async throws {
        try await ConnectionPageSite.run { site in
            try await site.add("acme")
            let admin = try await site.signIn()
            let fields = ["id": "other", "organization": "gh/x", "webhook_secret": "s", "api_key": "k"]
            for (method, path) in Self.adminRequests where method == .POST {
                for token in ["", String(admin.csrfToken.reversed())] {
                    let answer = try await admin.post(path, fields.merging(["csrf_token": token]) { $1 })
                    #expect(answer.status == 403 && answer.body.contains("csrf_mismatch"), "\(path)")
                }
            }
            #expect(site.parts.connections.list().map(\.id) == ["acme"])
            #expect(try await site.parts.circleci.invitations.list().isEmpty)
        }
    }

    @Test("Who did not sign in is led to the login page")
    func nobody() async throws {
        try await ConnectionPageSite.run { site in
            for (_, path) in Self.adminRequests + [(.GET, "/connections")] {
                let answer = try await site.dashboard.send(.GET, path, [("accept", "text/html")])
                #expect(answer.status == 303 && answer.headers.first(name: "location") == "/login")
            }
        }
    }

    @Test("Names full of HTML are shown as text")
    func oddNames() async throws {
        try await ConnectionPageSite.run { site in
            let odd = "<script>alert(1)</script>\"'&\u{7b}\u{7b}id\u{7d}\u{7d}"
            let dead = ConnectionCondition(state: .reconnectRequired, reason: "rejected", since: Self.since)
            let hook = ProjectHook(
                projectID: "<b>",
                slug: "github/x/<img/src=x>",
                webhookID: "h",
                createdAt: Self.since
            )
            try await site.add("acme", dead, organization: "gh/\(odd)", hooks: [hook])
            let admin = try await site.signIn()
            func isText(_ page: String) -> Bool {
                let page = page.replacing(/<script src="\/assets\/[a-z.]+" defer><\/script>/, with: "")
                return !page.contains("<script") && !page.contains("<img") && !page.contains("<b>")
            }
            for path in [
                "/", "/connections", "/connections?done=%3Cb%3E&id=acme", "/connections?done=reconnected&id=%3Cb%3E",
                "/connections/acme/reconnect", "/connections/acme/remove",
            ] {
                let page = try await admin.get(path)
                #expect(page.status == 200)
                #expect(isText(page.body), "\(path)")
            }
            let escaped = "gh/&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;{{id}}"
            #expect(try await admin.get("/connections").body.contains(escaped))
            let fields = ["id": odd, "organization": odd, "projects": "</textarea><b>"]
            let form = try await admin.post("/connections/new", fields)
            #expect(form.status == 422 && isText(form.body))
        }
    }

    @Test("The page answers 304 to its tag until what it shows changes")
    func tag() async throws {
        try await ConnectionPageSite.run { site in
            // How long ago is on the page, too: ten hours are ten for long enough.
            let accepted = ConnectionCondition(
                state: .connected,
                reason: "key_accepted",
                since: Timestamp(microseconds: Timestamp.now.microseconds - 36_300_000_000)
            )
            try await site.add("acme", accepted)
            let admin = try await site.signIn()
            let first = try await admin.get("/connections")
            let tag = try #require(first.headers.first(name: "etag"))
            try await site.add("globex", accepted)
            let second = try await admin.get("/connections", [("if-none-match", tag)])
            #expect(second.status == 200)
            let other = try #require(second.headers.first(name: "etag"))
            #expect(other != tag)
            #expect(try await admin.get("/connections", [("if-none-match", other)]).status == 304)
            await site.parts.circleci.monitor.observe([.keyRejected, .keyRejected], of: "globex")
            #expect(try await admin.get("/connections", [("if-none-match", other)]).status == 200)
        }
    }

    @Test("On the overview stands what needs somebody, by name, with the form for admins only")
    func overview() async throws {
        try await ConnectionPageSite.run { site in
            let dead = ConnectionCondition(state: .reconnectRequired, reason: "rejected", since: Self.since)
            let silent = ConnectionCondition(state: .silent, reason: "webhooks_missing", since: Self.since)
            let unreachable = ConnectionCondition(state: .unreachable, reason: "network", since: Self.since)
            let connected = ConnectionCondition(state: .connected, reason: "key_accepted", since: Self.since)
            for (id, condition) in [("acme", dead), ("globex", silent), ("hooli", unreachable), ("initech", connected)]
            {
                try await site.add(id, condition)
            }
            for token in [ConnectionPageSite.admin, ConnectionPageSite.viewer] {
                let page = try await site.signIn(token).get("/").body
                let section = page.split(separator: "class=\"attention\"").last.map(String.init) ?? ""
                let attention = section.split(separator: "</section>")[0]
                #expect(attention.contains("<strong>acme</strong>") && attention.contains("<strong>globex</strong>"))
                #expect(!attention.contains("hooli") && !attention.contains("initech"))
                #expect(attention.contains("CircleCI rejects the API key"))
                #expect(attention.contains("2026-11-20 10:20 UTC"))
                let isAdmin = token == ConnectionPageSite.admin
                #expect(attention.contains("href=\"/connections/acme/reconnect\"") == isAdmin)
            }
            // What was noticed is fresh although no record has come.
            let admin = try await site.signIn()
            let tag = try #require(try await admin.get("/").headers.first(name: "etag"))
            await site.parts.circleci.monitor.observe(.projectLost("github/initech/web"), of: "initech")
            #expect(try await admin.get("/", [("if-none-match", tag)]).status == 200)
        }
    }

    @Test("A connection may have the name of a page", arguments: ["new", "invite"])
    func ambiguousNames(_ id: String) async throws {
        try await ConnectionPageSite.run { site in
            try await site.add(id)
            let admin = try await site.signIn()
            #expect(try await admin.get("/connections/\(id)/reconnect").body.contains("<h1>Reconnect \(id)</h1>"))
            let invited = try await admin.post("/connections/\(id)/invite")
            #expect(invited.body.contains("admin of \(id)"))
            #expect(try await admin.get("/connections/new").body.contains("<h1>Connect an organization</h1>"))
        }
    }

    @Test("People are told of what is not there by a page, programs by JSON")
    func problems() async throws {
        try await ConnectionPageSite.run { site in
            try await site.add("acme", key: nil)
            let admin = try await site.signIn()
            let page = try await admin.get("/connections/none/reconnect")
            #expect(page.status == 404 && page.body.contains("There is no connection of that id"))
            #expect(page.body.hasPrefix("<!doctype html>"))
            let bearer = [("authorization", "Bearer \(ConnectionPageSite.admin)")]
            let json = try await site.dashboard.send(.GET, "/connections/none/reconnect", bearer)
            #expect(json.status == 404 && json.body.hasPrefix("{\"error\":{\"code\":\"unknown_connection\""))
            for path in ["reconcile", "repair-hooks", "rotate-secret"] {
                #expect(try await admin.post("/connections/acme/\(path)").status == 409, "without a key")
            }
        }
    }
}
