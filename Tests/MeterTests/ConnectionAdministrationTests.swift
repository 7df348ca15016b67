import Synchronization
import Testing
import Wire

@testable import CircleCI
@testable import Meter

@Suite("Connecting")
struct ConnectionAdministrationTests {
    @Test("A hook on each followed project, with the secret that deliveries are checked with")
    func connect() async throws {
        let fixture = try await AdministrationFixture()
        let report = try await fixture.administration.connect(try fixture.new())
        #expect(report.login == "ada")
        #expect(report.organization == "gh/acme")
        #expect(report.hooks.hookURL == AdministrationFixture.hookURL)
        #expect(fixture.outcomes(report.hooks) == ["github/acme/api created", "github/acme/web created"])
        let secret = try fixture.currentSecret()
        #expect(secret.utf8.count == 64)
        for hook in fixture.site.now.hooks {
            #expect(hook.url == AdministrationFixture.hookURL)
            #expect(hook.name == "circlemeter acme")
            #expect(Set(hook.events) == ["workflow-completed", "job-completed"])
            #expect(hook.verifiesTLS)
            #expect(fixture.site.now.secrets[hook.id] == secret)
        }
        let stored = try #require(fixture.store.get("acme"))
        #expect(stored.hooks.map(\.slug) == ["github/acme/api", "github/acme/web"])
        #expect(Set(stored.hooks.map(\.webhookID)) == Set(fixture.site.now.hooks.map(\.id)))
        #expect(fixture.events.said == ["connected key_accepted"])
        #expect(await fixture.monitor.condition(of: "acme")?.reason == "key_accepted")
    }

    @Test("The connection is kept before the first hook is made")
    func order() async throws {
        let fixture = try await AdministrationFixture()
        let known = Mutex<[Bool]>([])
        let site = fixture.site
        let store = fixture.store
        let administration = ConnectionAdministration(
            store: store,
            monitor: fixture.monitor,
            makeAPI: { key in
                known.withLock { $0.append(store.get("acme") != nil) }
                return site.api(key)
            },
            publicURL: "https://meter.example",
            append: { _ in
                known.withLock { $0.append(site.now.hooks.isEmpty && store.get("acme") != nil) }
            },
            now: { Timestamp(microseconds: 0) }
        )
        _ = try await administration.connect(try fixture.new())
        #expect(known.withLock { $0 } == [false, true])
        #expect(!site.now.hooks.isEmpty)
    }

    @Test("One failing project never stops the rest, and each has its word")
    func failures() async throws {
        let site = ConnectionCircleCI(projects: ["a", "b", "c", "d", "e", "f"])
        site.change { state in
            state.failures["webhooks p-a"] = CircleCIError(.forbidden, "no", status: 403)
            state.failures["createWebhook p-b"] = CircleCIError(.serverError, "no", status: 500)
            state.keys["key-one"]?.hidden = ["github/acme/d"]
        }
        for number in 1...5 { site.addHook("x\(number)", project: "p-c") }
        let fixture = try await AdministrationFixture(site)
        let report = try await fixture.administration.connect(try fixture.new(projects: ["gh/acme/nowhere"]))
        #expect(
            fixture.outcomes(report.hooks) == [
                "github/acme/a forbidden", "github/acme/b failed", "github/acme/c limit_reached",
                "github/acme/d not_found", "github/acme/e created", "github/acme/f created",
                "github/acme/nowhere not_found",
            ]
        )
        #expect(report.hooks.projects[1].outcome.reason == "server_error")
        #expect(site.now.calls.count { $0 == "createWebhook p-b" } == 1, "nothing is sent twice")
        #expect(!site.now.calls.contains("createWebhook p-c"))
    }

    @Test("A hook whose making was answered by nothing is found, not made again")
    func unclearCreate() async throws {
        let site = ConnectionCircleCI(projects: ["web"])
        site.change { $0.lateFailures["createWebhook p-web"] = CircleCIError(.timedOut, "no answer") }
        let fixture = try await AdministrationFixture(site)
        let report = try await fixture.administration.connect(try fixture.new())
        #expect(fixture.outcomes(report.hooks) == ["github/acme/web created"])
        #expect(site.now.hooks.count == 1)
        #expect(fixture.store.get("acme")?.hooks.map(\.webhookID) == ["w1"])
    }

    @Test("A hook with our URL is told the new secret, or kept where a person gave the secret; others are left alone")
    func existingHooks() async throws {
        for secret in [nil, "given-by-hand"] {
            let site = ConnectionCircleCI(projects: ["web"])
            site.addHook("old", project: "p-web", url: AdministrationFixture.hookURL)
            site.addHook("namesake", project: "p-web", name: "circlemeter acme", url: "https://staging.example")
            let fixture = try await AdministrationFixture(site)
            let report = try await fixture.administration.connect(try fixture.new(secret: secret))
            let word = secret == nil ? "repaired" : "kept"
            #expect(fixture.outcomes(report.hooks) == ["github/acme/web \(word)"])
            #expect(site.now.secrets == (secret == nil ? ["old": try fixture.currentSecret()] : [:]))
            #expect(site.now.hooks.last?.url == "https://staging.example")
            #expect(site.now.createdCount == 0)
        }
    }

    @Test("A new connection takes no hook away that has its name only: another circlemeter may own it")
    func namesake() async throws {
        let site = ConnectionCircleCI(projects: ["web"])
        site.addHook("namesake", project: "p-web", name: "circlemeter acme", url: "https://staging.example")
        let fixture = try await AdministrationFixture(site)
        let report = try await fixture.administration.connect(try fixture.new())
        #expect(fixture.outcomes(report.hooks) == ["github/acme/web created"])
        #expect(site.now.hooks.map(\.url) == ["https://staging.example", AdministrationFixture.hookURL])
    }

    @Test("A key that is refused, an organization that is not there: an error that says so, and nothing is kept")
    func refused() async throws {
        let fixture = try await AdministrationFixture()
        let administration = fixture.administration
        await expectError(.keyRejected) { try await administration.connect(try fixture.new(key: "other-key")) }
        #expect(fixture.site.now.calls == ["me", "me"], "a 401 is asked for twice")
        let error = await expectError(.organizationNotFound) {
            try await administration.connect(try fixture.new(organization: "gh/other"))
        }
        #expect(error?.hint?.contains("gh/acme") == true)
        fixture.site.change { $0.failures["me"] = CircleCIError(.forbidden, "no", status: 403) }
        await expectError(.circleCIUnavailable) { try await administration.connect(try fixture.new()) }
        let unsendable = await expectError(.invalidConnection) {
            try await administration.connect(try fixture.new(key: "two words-is-secret"))
        }
        #expect(unsendable.map { !"\($0)".contains("is-secret") } == true)
        #expect(fixture.store.list().isEmpty)
        #expect(fixture.events.entries.isEmpty)
        #expect(fixture.site.now.hooks.isEmpty)
    }

    @Test("The organization may be given by slug in either form or by id", arguments: ["gh/acme", "github/Acme", "O1"])
    func organizationForms(_ name: String) async throws {
        let fixture = try await AdministrationFixture()
        let report = try await fixture.administration.connect(try fixture.new(organization: name))
        #expect(report.organization == "gh/acme")
        #expect(fixture.store.get("acme")?.organization == "gh/acme")
    }

    @Test("Projects of other organizations get no hook")
    func otherOrganizations() async throws {
        let site = ConnectionCircleCI(projects: ["web"])
        site.change { state in
            state.followed.append("github/acme-two/web")
            state.projects.append(
                APIProject(id: "q", slug: "gh/two/x", name: "x", organizationID: "o2", organizationSlug: "gh/two")
            )
        }
        let fixture = try await AdministrationFixture(site)
        let report = try await fixture.administration.connect(try fixture.new(projects: ["gh/two/x"]))
        #expect(fixture.outcomes(report.hooks) == ["github/acme/web created", "github/two/x failed"])
        #expect(site.now.hooks.map(\.projectID) == ["p-web"])
    }

    @Test("Without a public URL, or not asked for, no hook is made; without a key nothing is asked")
    func noHooks() async throws {
        let withoutURL = try await AdministrationFixture(publicURL: nil)
        let first = try await withoutURL.administration.connect(try withoutURL.new())
        #expect(Set(first.hooks.projects.map(\.outcome)) == [.noPublicURL])
        #expect(first.hooks.hookURL == nil)
        let notAsked = try await AdministrationFixture()
        let second = try await notAsked.administration.connect(try notAsked.new(createsHooks: false))
        #expect(Set(second.hooks.projects.map(\.outcome)) == [.notAsked])
        let withoutKey = try await AdministrationFixture()
        let third = try await withoutKey.administration.connect(try withoutKey.new(secret: "by-hand", key: nil))
        #expect(third.hooks.projects.isEmpty)
        #expect(withoutKey.events.said == ["connected webhooks_only"])
        #expect(withoutKey.site.now.calls.isEmpty)
        #expect((withoutURL.site.now.hooks + notAsked.site.now.hooks).isEmpty)
    }

    @Test("Where the log does not take it, the connection is not kept, and no hook is made")
    func logRefuses() async throws {
        let fixture = try await AdministrationFixture()
        fixture.events.refuse(true)
        await expectError(.unwritableFile) { try await fixture.administration.connect(try fixture.new()) }
        #expect(fixture.store.list().isEmpty)
        #expect(fixture.site.now.hooks.isEmpty)
    }

    @Test("Where projects cannot be listed, those named by hand get their hooks")
    func listingFails() async throws {
        let site = ConnectionCircleCI()
        site.change { $0.failures["followedProjects"] = CircleCIError(.serverError, "no", status: 500) }
        let fixture = try await AdministrationFixture(site)
        let report = try await fixture.administration.connect(try fixture.new(projects: ["gh/acme/web"]))
        #expect(report.hooks.listingProblem == "server_error")
        #expect(fixture.outcomes(report.hooks) == ["github/acme/web created"])
        #expect(!report.hooks.isGood)
    }

    @Test("Drift is shown with its words, and repaired with the current secret")
    func driftAndRepair() async throws {
        let site = ConnectionCircleCI(projects: ["a", "b", "c", "d", "e"])
        let fixture = try await AdministrationFixture(site)
        _ = try await fixture.administration.connect(try fixture.new())
        func id(_ project: String) -> String { site.hooks(of: "p-\(project)")[0].id }
        let ids = ["a": id("a"), "b": id("b"), "c": id("c"), "d": id("d"), "e": id("e")]
        site.change { state in
            state.hooks.removeAll { $0.id == ids["a"] }
            for index in state.hooks.indices {
                if state.hooks[index].id == ids["b"] { state.hooks[index].url = "https://moved.example" }
                if state.hooks[index].id == ids["c"] { state.hooks[index].verifiesTLS = false }
            }
            state.failures["webhooks p-e"] = CircleCIError(.forbidden, "no", status: 403)
            state.secrets = [:]
            ConnectionCircleCI.addProject("new", to: &state)
        }
        func drift() async throws -> [String] {
            try await fixture.administration.drift(of: "acme").map { drift in
                "\(drift.slug.suffix(3)) \(drift.problems.map(\.word))"
            }
        }
        #expect(
            try await drift() == [
                #"e/a ["missing"]"#, #"e/b ["url_changed"]"#, #"e/c ["tls_off"]"#, "e/d []",
                #"e/e ["unreadable"]"#, #"new ["missing"]"#,
            ]
        )
        #expect(site.now.calls.count { $0.hasPrefix("updateWebhook") } == 0, "looking changes nothing")
        let report = try await fixture.administration.repairHooks(of: "acme")
        #expect(
            fixture.outcomes(report).map { $0.split(separator: " ")[1] } == [
                "created", "repaired", "repaired", "kept", "forbidden", "created",
            ]
        )
        site.change { $0.failures = [:] }
        #expect(try await drift().allSatisfy { $0.hasSuffix("[]") })
        let secret = try fixture.currentSecret()
        let told = Set([id("a"), id("b"), id("c"), id("new")])
        #expect(Set(site.now.secrets.keys) == told)
        #expect(Set(site.now.secrets.values) == [secret])
        _ = try await fixture.administration.repairHooks(of: "acme", sendingSecret: true)
        #expect(Set(site.now.secrets.keys) == Set(site.now.hooks.map(\.id)))
    }

    @Test("Removing deletes the hooks where asked, and goes on where that fails")
    func remove() async throws {
        let site = ConnectionCircleCI(projects: ["a", "b", "c"])
        let fixture = try await AdministrationFixture(site)
        _ = try await fixture.administration.connect(try fixture.new())
        let hooks = try #require(fixture.store.get("acme")).hooks
        site.change { state in
            state.hooks.removeAll { $0.id == hooks[1].webhookID }
            state.failures["deleteWebhook \(hooks[2].webhookID)"] = CircleCIError(.timedOut, "no answer")
        }
        let report = try await fixture.administration.remove("acme", deletesHooks: true)
        #expect(report.projects.map(\.outcome) == [.deleted, .notFound, .failed("timed_out")])
        #expect(fixture.store.get("acme") == nil)
        #expect(await fixture.monitor.condition(of: "acme") == nil)
        #expect(fixture.events.said.last == "removed removed_by_hand")
        await expectError(.unknownConnection) { try await fixture.administration.remove("acme", deletesHooks: true) }
    }

    @Test("Removed and added again while the clock goes back, a connection's last word stays the latest")
    func clockSetBack() async throws {
        let fixture = try await AdministrationFixture(ConnectionCircleCI(projects: ["a"]))
        _ = try await fixture.administration.connect(try fixture.new())
        fixture.events.advance(seconds: -86_400)
        _ = try await fixture.administration.remove("acme", deletesHooks: true)
        fixture.events.advance(seconds: -86_400)
        _ = try await fixture.administration.connect(try fixture.new())
        #expect(
            fixture.events.said == ["connected key_accepted", "removed removed_by_hand", "connected key_accepted"]
        )
        let times = fixture.events.entries.map { RecordedEvents.member("happened_at", $0) }
        #expect(times == times.sorted() && Set(times).count == 3, "\(times)")
    }
}
