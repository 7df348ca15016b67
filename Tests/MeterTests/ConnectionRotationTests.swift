import TestSupport
import Testing
import Wire

@testable import CircleCI
@testable import Meter

@Suite("Rotating webhook secrets")
struct ConnectionRotationTests {
    /// Whether a delivery that CircleCI signs now, or signed with `secret`, is taken.
    private func accepts(_ fixture: AdministrationFixture, _ secret: String, at instant: Timestamp) throws -> Bool {
        let body = Array("{}".utf8)
        let header = WebhookSignature.header(for: body, secret: try WebhookSecret(Array(secret.utf8)))
        let secrets = try #require(fixture.store.webhookSecrets(of: "acme"))
        return WebhookSignature.verify(header: header, body: body, secrets: secrets, at: instant) == .valid
    }

    @Test("Every hook has the new secret, and the old one counts for a day more")
    func rotate() async throws {
        let fixture = try await AdministrationFixture()
        _ = try await fixture.administration.connect(try fixture.new())
        let old = try fixture.currentSecret()
        fixture.events.advance(seconds: 1000)
        let start = fixture.events.now
        let report = try await fixture.administration.rotateSecret(of: "acme")
        let new = try fixture.currentSecret()
        #expect(new != old)
        #expect(report.isFinished)
        #expect(!report.isResumed)
        #expect(fixture.outcomes(report.hooks) == ["github/acme/api rotated", "github/acme/web rotated"])
        #expect(Set(fixture.site.now.secrets.values) == [new])
        let end = start.adding(wholeSeconds: 86_400)
        #expect(report.previousValidUntil == end)
        #expect(try accepts(fixture, old, at: Timestamp(microseconds: end.microseconds - 1)))
        #expect(try !accepts(fixture, old, at: end))
        #expect(try accepts(fixture, new, at: start))
        #expect(try accepts(fixture, new, at: end))
        #expect(try !accepts(fixture, new, at: Timestamp(microseconds: start.microseconds - 1)))
        // Logged signatures are checked with secrets of any time.
        #expect(fixture.store.get("acme")?.webhookSecrets.count == 2)
    }

    @Test("At every call to CircleCI the secret that a hook has is one that is taken, also after a restart")
    func neverRefused() async throws {
        let fixture = try await AdministrationFixture(ConnectionCircleCI(projects: ["a", "b", "c", "d", "e", "f"]))
        _ = try await fixture.administration.connect(try fixture.new())
        for round in 0..<4 {
            fixture.site.change { state in
                state.failures = round % 2 == 0 ? ["updateWebhook w2": CircleCIError(.timedOut, "no answer")] : [:]
            }
            let overlap: Int64 = round % 2 == 0 ? 0 : 60
            _ = try await fixture.administration.rotateSecret(of: "acme", overlapSeconds: overlap)
            let reopened = try await ConnectionStore.open(
                dataDirectory: fixture.directory.path,
                vault: Vault(fixture.key)
            )
            let secrets = try #require(reopened.webhookSecrets(of: "acme"))
            for secret in fixture.site.now.secrets.values {
                let header = WebhookSignature.header(for: [1], secret: try WebhookSecret(Array(secret.utf8)))
                let verdict = WebhookSignature.verify(
                    header: header,
                    body: [1],
                    secrets: secrets,
                    at: fixture.events.now
                )
                #expect(verdict == .valid, "round \(round)")
            }
            fixture.events.advance(seconds: 1)
        }
    }

    @Test("A hook that could not be told keeps the old secret valid; the next call finishes with the same new one")
    func unfinished() async throws {
        let fixture = try await AdministrationFixture()
        _ = try await fixture.administration.connect(try fixture.new())
        let old = try fixture.currentSecret()
        let id = fixture.site.hooks(of: "p-web")[0].id
        fixture.site.change { $0.failures["updateWebhook \(id)"] = CircleCIError(.serverError, "no", status: 500) }
        fixture.events.advance(seconds: 10)
        let first = try await fixture.administration.rotateSecret(of: "acme")
        #expect(!first.isFinished)
        #expect(fixture.outcomes(first.hooks) == ["github/acme/api rotated", "github/acme/web failed"])
        let new = try fixture.currentSecret()
        let distantFuture = Timestamp("2126-01-01T00:00:00Z")!
        #expect(try accepts(fixture, old, at: distantFuture))
        fixture.site.change { $0.failures = [:] }
        fixture.events.advance(seconds: 10)
        let second = try await fixture.administration.rotateSecret(of: "acme")
        #expect(second.isFinished)
        #expect(second.isResumed)
        #expect(try fixture.currentSecret() == new)
        #expect(Set(fixture.site.now.secrets.values) == [new])
        #expect(try !accepts(fixture, old, at: distantFuture))
        fixture.events.advance(seconds: 10)
        let third = try await fixture.administration.rotateSecret(of: "acme")
        #expect(!third.isResumed)
        #expect(try fixture.currentSecret() != new)
    }

    @Test("Hooks that nobody can see keep the old secret valid")
    func unseen() async throws {
        let listing = try await AdministrationFixture()
        _ = try await listing.administration.connect(try listing.new())
        listing.site.change { $0.failures["followedProjects"] = CircleCIError(.timedOut, "no answer") }
        #expect(try await !listing.administration.rotateSecret(of: "acme").isFinished)
        let none = try await AdministrationFixture()
        _ = try await none.administration.connect(try none.new(createsHooks: false))
        #expect(try await !none.administration.rotateSecret(of: "acme").isFinished)
        let unreadable = try await AdministrationFixture()
        _ = try await unreadable.administration.connect(try unreadable.new())
        unreadable.site.change { $0.failures["webhooks p-api"] = CircleCIError(.notFound, "no", status: 404) }
        #expect(try await !unreadable.administration.rotateSecret(of: "acme").isFinished)
    }

    @Test("Both of two hooks that are ours are told")
    func duplicates() async throws {
        let fixture = try await AdministrationFixture(ConnectionCircleCI(projects: ["web"]))
        _ = try await fixture.administration.connect(try fixture.new())
        fixture.site.addHook("second", project: "p-web", url: AdministrationFixture.hookURL)
        fixture.site.addHook("theirs", project: "p-web")
        _ = try await fixture.administration.rotateSecret(of: "acme")
        #expect(Set(fixture.site.now.secrets.keys) == ["w1", "second"])
        #expect(fixture.store.get("acme")?.hooks.map(\.webhookID) == ["w1"])
    }

    @Test("Rotations at once take turns: what the hooks have is what counts without end")
    func atOnce() async throws {
        let fixture = try await AdministrationFixture(ConnectionCircleCI(projects: ["a", "b", "c"]))
        _ = try await fixture.administration.connect(try fixture.new())
        fixture.events.advance(seconds: 10)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<8 {
                group.addTask {
                    if index == 3 {
                        _ = try await fixture.administration.repairHooks(of: "acme", sendingSecret: true)
                    } else {
                        _ = try await fixture.administration.rotateSecret(of: "acme", overlapSeconds: 0)
                    }
                }
            }
            try await group.waitForAll()
        }
        let lasting = try #require(fixture.store.get("acme")).webhookSecrets.filter { $0.validUntil == nil }
        #expect(lasting.count == 1)
        #expect(Set(fixture.site.now.secrets.values) == [String(decoding: lasting[0].secret.bytes, as: UTF8.self)])
    }

    @Test("Without a key the error says how to get one")
    func withoutKey() async throws {
        let fixture = try await AdministrationFixture()
        _ = try await fixture.administration.connect(try fixture.new(secret: "by-hand", key: nil))
        let error = await expectError(.noAPIKey) { try await fixture.administration.rotateSecret(of: "acme") }
        #expect(error?.hint?.contains("reconnect acme") == true)
        #expect(fixture.store.get("acme")?.webhookSecrets.count == 1)
    }
}

@Suite("Reconnecting")
struct ConnectionReconnectTests {
    private let newKey = Secret(Array("key-two".utf8))

    private func dead() async throws -> AdministrationFixture {
        let fixture = try await AdministrationFixture()
        _ = try await fixture.administration.connect(try fixture.new())
        fixture.site.change { $0.keys["key-one"]?.isRejected = true }
        await fixture.monitor.observe([.keyRejected, .keyRejected], of: "acme")
        #expect(await fixture.monitor.health(of: "acme")?.allowsCalls == false)
        return fixture
    }

    @Test("A key that is proven takes the old one's place, and the connection is connected")
    func reconnect() async throws {
        let fixture = try await dead()
        fixture.site.change { $0.keys["key-two"] = .init(login: "grace") }
        let expires = Day("2027-11-22")
        let report = try await fixture.administration.reconnect("acme", newKey: newKey, expires: expires)
        #expect(report.login == "grace")
        #expect(report.project == "github/acme/api")
        let stored = try #require(fixture.store.get("acme"))
        #expect(stored.apiKey == newKey)
        #expect(stored.keyExpires == expires)
        #expect(fixture.events.said.suffix(2) == ["reconnect_required rejected", "connected key_accepted"])
        #expect(await fixture.monitor.health(of: "acme")?.allowsCalls == true)
    }

    @Test("A key that proves to be none leaves the old one, and the error says what was refused")
    func refused() async throws {
        let fixture = try await dead()
        let before = fixture.events.said
        let cases: [(MeterError.Code, ConnectionCircleCI.Key?)] = [
            (.keyRejected, nil), (.organizationNotFound, .init(organizations: [])),
            (.projectsNotReadable, .init(hidden: ["github/acme/api", "github/acme/web"])),
        ]
        for (code, key) in cases {
            fixture.site.change { $0.keys["key-two"] = key }
            await expectError(code) {
                try await fixture.administration.reconnect("acme", newKey: newKey, expires: nil)
            }
        }
        fixture.site.change { state in
            state.keys["key-two"] = .init()
            state.failures["me"] = CircleCIError(.rateLimited, "later", status: 429)
        }
        await expectError(.circleCIUnavailable) {
            try await fixture.administration.reconnect("acme", newKey: newKey, expires: nil)
        }
        await expectError(.emptySecret) {
            try await fixture.administration.reconnect("acme", newKey: Secret([]), expires: nil)
        }
        #expect(fixture.store.get("acme")?.apiKey == Secret(Array("key-one".utf8)))
        #expect(fixture.events.said == before)
    }

    @Test("One project of several that the key can read is enough")
    func someHidden() async throws {
        let fixture = try await dead()
        fixture.site.change { $0.keys["key-two"] = .init(hidden: ["github/acme/api"]) }
        let report = try await fixture.administration.reconnect("acme", newKey: newKey, expires: nil)
        #expect(report.project == "github/acme/web")
    }

    @Test("A connection that takes webhooks only gets its first key this way")
    func firstKey() async throws {
        let fixture = try await AdministrationFixture()
        _ = try await fixture.administration.connect(try fixture.new(secret: "by-hand", key: nil))
        fixture.site.change { $0.keys["key-two"] = .init() }
        let report = try await fixture.administration.reconnect("acme", newKey: newKey, expires: nil)
        #expect(report.project == nil)
        #expect(fixture.events.said == ["connected webhooks_only", "connected key_accepted"])
    }
}
