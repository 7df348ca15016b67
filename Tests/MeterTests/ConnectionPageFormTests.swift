import FakeCircleCI
import NIOHTTP1
import Testing
import Wire

@testable import Meter

@Suite("The forms and buttons of the connections page", .timeLimit(.minutes(5)))
struct ConnectionPageFormTests {
    private static let key = "a-key-that-opens-the-made-up-CircleCI"
    private static let wrongKey = "a-key-that-opens-nothing-at-all"

    /// A text as it could be shown: as it is, in hexadecimal digits, in base64.
    private static func forms(of secret: String) -> [String] {
        [secret, Hex.encode(Array(secret.utf8)), Base64.encode(Array(secret.utf8))]
    }

    private static func shows(_ answer: RunningSite.Answer, _ secret: String) -> Bool {
        forms(of: secret).contains { answer.body.contains($0) || "\(answer.headers)".contains($0) }
    }

    @Test("Connect, dead key, a wrong key, a right key: the way of a connection, and no answer shows a key")
    func wholeWay() async throws {
        try await ConnectionPageSite.runBesideCircleCI(key: Self.key) { site, fake in
            let admin = try await site.signIn()
            var answers: [RunningSite.Answer] = []
            let connected = try await admin.post(
                "/connections/new",
                ["id": "acme", "organization": fake.organization, "api_key": " \(Self.key)\n", "expires": ""]
            )
            answers.append(connected)
            #expect(connected.status == 201)
            #expect(connected.body.contains("acme is connected"))
            for project in fake.history.organizations[0].projects { #expect(connected.body.contains(project.slug)) }
            #expect(connected.body.contains("Webhook made"))
            let connection = try #require(site.parts.connections.get("acme"))
            #expect(connection.apiKey == Secret(Array(Self.key.utf8)), "white space around it is no part of the key")
            #expect(fake.hooks().count == 2)

            // The first pass is over before the key dies.
            while await site.parts.circleci.reconciler.lastReport(of: "acme") == nil { await Task.yield() }
            await site.parts.circleci.monitor.observe([.keyRejected, .keyRejected], of: "acme")
            answers.append(try await admin.get("/connections"))
            answers.append(try await admin.get("/connections/acme/reconnect"))
            let refused = try await admin.post(
                "/connections/acme/reconnect",
                ["api_key": Self.wrongKey, "expires": ""]
            )
            answers.append(refused)
            #expect(refused.status == 422)
            #expect(refused.body.contains("CircleCI rejects the key.") && refused.body.contains("User Settings"))
            #expect(site.parts.connections.get("acme")?.apiKey == Secret(Array(Self.key.utf8)), "the old one stays")
            #expect(await site.parts.circleci.monitor.condition(of: "acme")?.state == .reconnectRequired)

            let expires = Day(daysSinceEpoch: Timestamp.now.day.daysSinceEpoch + 200)
            let another = "another-key-of-the-same-person"
            fake.addKey(another, login: "an-admin")
            let accepted = try await admin.post(
                "/connections/acme/reconnect",
                ["api_key": another, "expires": expires.description]
            )
            answers.append(accepted)
            #expect(accepted.status == 303)
            let location = try #require(accepted.headers.first(name: "location"))
            #expect(location.hasPrefix("/connections?") && location.hasSuffix("#connection-acme"))
            #expect(site.parts.connections.get("acme")?.apiKey == Secret(Array(another.utf8)))
            #expect(site.parts.connections.get("acme")?.keyExpires == expires)
            let card = try await admin.get(String(location.prefix { $0 != "#" }))
            answers.append(card)
            #expect(!card.body.contains("Reconnect needed") && card.body.contains("The new key works"))
            #expect(card.body.contains("Expires in 200 days"))

            for answer in answers {
                for secret in [Self.key, Self.wrongKey, another] { #expect(!Self.shows(answer, secret)) }
            }
        }
    }

    @Test("What cannot be right is said before CircleCI is asked, and the date stays in the form")
    func invalidInput() async throws {
        try await ConnectionPageSite.run { site in
            try await site.add("acme")
            let admin = try await site.signIn()
            let today = Timestamp.now.day.daysSinceEpoch
            func answer(_ key: String, _ expires: String) async throws -> RunningSite.Answer {
                try await admin.post("/connections/acme/reconnect", ["api_key": key, "expires": expires])
            }
            let future = Day(daysSinceEpoch: today + 30).description
            let missing = try await answer("  ", future)
            #expect(missing.status == 422 && missing.body.contains("The API key is missing"))
            #expect(missing.body.contains("value=\"\(future)\""))
            for (expires, words) in [
                (Day(daysSinceEpoch: today - 2).description, "has expired already"),
                (Day(daysSinceEpoch: today + 400).description, "more than a year away"),
                ("soon", "is no date"),
            ] {
                let refused = try await answer("k", expires)
                #expect(refused.status == 422 && refused.body.contains(words), "\(expires)")
            }
            let unreachable = try await answer("k", future)
            #expect(unreachable.status == 422 && unreachable.body.contains("CircleCI could not be asked"))
            #expect(site.parts.connections.get("acme")?.apiKey == Secret(Array("a key".utf8)))
        }
    }

    @Test("Without a key the answer says what to enter at CircleCI, but not the secret")
    func webhooksOnly() async throws {
        try await ConnectionPageSite.run { site in
            let admin = try await site.signIn()
            let fields = ["id": "acme", "organization": "gh/acme", "projects": "gh/acme/web\r\ngh/acme/api\r\n"]
            let neither = try await admin.post("/connections/new", fields)
            #expect(neither.status == 422 && neither.body.contains("An API key or a webhook secret is needed"))
            #expect(neither.body.contains("gh/acme/web\r\ngh/acme/api"), "what was entered stays")
            let secret = "a long & invented secret"
            let added = try await admin.post("/connections/new", fields.merging(["webhook_secret": secret]) { $1 })
            #expect(added.status == 201)
            #expect(added.body.contains("\(ConnectionPageSite.publicURL)/webhooks/circleci/acme"))
            #expect(!Self.shows(added, secret) && !Self.shows(added, "a long &amp; invented secret"))
            #expect(site.parts.connections.get("acme")?.projects == ["gh/acme/web", "gh/acme/api"])
            let again = try await admin.post("/connections/new", fields.merging(["webhook_secret": secret]) { $1 })
            #expect(again.status == 422 && again.body.contains("There is a connection of that id already"))
            #expect(!Self.shows(again, secret) && !again.body.contains("invented secret"))
        }
    }

    @Test("Reconcile now leads back to the card, which then says what the pass did")
    func reconcile() async throws {
        try await ConnectionPageSite.runBesideCircleCI(key: Self.key) { site, fake in
            try await site.add("acme", organization: fake.organization, key: Self.key)
            let admin = try await site.signIn()
            #expect(try await admin.get("/connections").body.contains("none since the service started"))
            let answer = try await admin.post("/connections/acme/reconcile")
            #expect(answer.status == 303)
            #expect(answer.headers.first(name: "location")?.hasSuffix("#connection-acme") == true)
            let underWay = try await admin.get("/connections?done=reconciling&id=acme").body
            #expect(underWay.contains("data-seconds=\"2\""))
            while await site.parts.circleci.reconciler.lastReport(of: "acme") == nil { await Task.yield() }
            let page = try await admin.get("/connections").body
            #expect(!page.contains("none since the service started"))
            #expect(page.contains("filled in") || page.contains("nothing was missing"))
        }
    }

    @Test("A pass that is under way is a progress bar, with the project and the counts")
    func progress() {
        var status = ConnectionStatus(
            connection: PageFixture.connection,
            condition: ConnectionCondition(state: .connected, reason: "key_accepted", since: .now)
        )
        status.progress = ReconcileProgress(
            connection: "acme",
            project: "github/acme/web",
            projectsDone: 1,
            projectCount: 4,
            pipelinesDone: 30,
            pipelineCount: 40,
            addedCount: 1234
        )
        let card = ConnectionCard(status, isAdmin: true, isStarting: true, refusedCount: 0, notice: nil, now: .now)
        #expect(card.progress?.value == 1750 && card.progress?.maximum == 4000)
        #expect(card.progress?.step.contains("Project 2 of 4: github/acme/web, pipeline 30 of 40") == true)
        #expect(card.isUnderWay && !card.isStarting)
        // Whatever the counts are, the bar never runs over.
        for done in 0...5 {
            for pipelines in [0, 1, 40, 41] {
                status.progress?.projectsDone = done
                status.progress?.pipelinesDone = pipelines
                let card = ConnectionCard(
                    status,
                    isAdmin: true,
                    isStarting: false,
                    refusedCount: 0,
                    notice: nil,
                    now: .now
                )
                let (value, maximum) = (card.progress?.value ?? -1, card.progress?.maximum ?? 0)
                #expect(value >= 0 && value <= maximum)
            }
        }
    }

    @Test("Hooks: a change at CircleCI is shown by project and repaired; a new secret is told to all")
    func hooks() async throws {
        try await ConnectionPageSite.runBesideCircleCI(key: Self.key) { site, fake in
            let admin = try await site.signIn()
            let fields = ["id": "acme", "organization": fake.organization, "api_key": Self.key, "expires": ""]
            #expect(try await admin.post("/connections/new", fields).status == 201)
            #expect(try await admin.get("/connections/acme/hooks").body.contains("All are as they should be"))
            let hooks = fake.hooks()
            fake.deleteHook(hooks[0].id)
            fake.changeHook(hooks[1].id) { $0.url = "https://elsewhere.example" }
            let drift = try await admin.get("/connections/acme/hooks").body
            #expect(drift.contains("There is no webhook of ours") && drift.contains("It posts to another URL"))
            let repaired = try await admin.post("/connections/acme/repair-hooks")
            #expect(repaired.status == 200)
            #expect(repaired.body.contains("Webhook made") && repaired.body.contains("Webhook repaired"))
            #expect(try await admin.get("/connections/acme/hooks").body.contains("All are as they should be"))
            let rotated = try await admin.post("/connections/acme/rotate-secret")
            #expect(rotated.body.contains("Every webhook signs with the new secret"))
            let secrets = try #require(site.parts.connections.get("acme")).webhookSecrets
            #expect(secrets.count == 2)
            for secret in secrets {
                #expect(!Self.shows(rotated, String(decoding: secret.secret.bytes, as: UTF8.self)))
            }
            // Removing asks first.
            #expect(try await admin.get("/connections/acme/remove").body.contains("Remove acme?"))
            #expect(site.parts.connections.get("acme") != nil)
            let removed = try await admin.post("/connections/acme/remove", ["delete_hooks": "yes"])
            #expect(removed.body.contains("Webhook deleted"))
            #expect(site.parts.connections.get("acme") == nil && fake.hooks().isEmpty)
        }
    }

    @Test("An invitation's link is on the page that makes it, and nowhere else")
    func invite() async throws {
        try await ConnectionPageSite.run { site in
            try await site.add("acme")
            let admin = try await site.signIn()
            for (path, fields) in [("/connections/acme/invite", [:]), ("/connections/invite", ["id": "globex"])] {
                let page = try await admin.post(path, fields)
                #expect(page.status == 200 && page.headers.first(name: "cache-control") == "no-store")
                let link = try #require(page.body.split(separator: "\(ConnectionPageSite.publicURL)/connect/").last)
                let code = String(link.prefix { $0 != "<" })
                #expect(code.utf8.count == 64)
                #expect(try await site.parts.circleci.invitations.peek(code) != nil)
                for other in ["/connections", "/", "/api/v1/connections"] {
                    #expect(try await !admin.get(other).body.contains(code))
                }
            }
            #expect(try await admin.post("/connections/invite", ["id": "No Name"]).status == 422)
        }
    }
}

enum PageFixture {
    static var connection: Connection {
        do {
            return try Connection(
                id: "acme",
                organization: "gh/acme",
                webhookSecrets: [.init(Secret(Array("secret".utf8)))],
                addedAt: .now
            )
        } catch {
            preconditionFailure("\(error)")
        }
    }
}
