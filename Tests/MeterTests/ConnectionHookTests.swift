import CircleCI
import Testing
import Usage
import Wire

@testable import Meter

@Suite("Hooks beside what they should be")
struct ConnectionHookTests {
    private let expected = ExpectedHook(connection: "acme", publicURL: "https://meter.example/")

    private func hook(
        _ id: String,
        name: String = "theirs",
        url: String = "https://other.example",
        events: [String] = ["job-completed", "workflow-completed"],
        verifiesTLS: Bool = true
    ) -> APIWebhook {
        APIWebhook(id: id, name: name, url: url, events: events, verifiesTLS: verifiesTLS, projectID: "p")
    }

    private func problems(_ hooks: [APIWebhook], webhookID: String? = nil) -> [HookProblem] {
        HookExamination(hooks, expected: expected, webhookID: webhookID, matchesName: true).problems
    }

    @Test("The URL is the public one and the connection's path")
    func url() {
        #expect(expected.url == "https://meter.example/webhooks/circleci/acme")
        #expect(expected.name == "circlemeter acme")
        #expect(ExpectedHook(connection: "acme", publicURL: nil).url == nil)
    }

    @Test("Each way to differ has its word; the order of events is none")
    func differences() throws {
        let url = try #require(expected.url)
        #expect(problems([hook("w", url: url)]).isEmpty)
        #expect(problems([hook("w", url: url, events: ["workflow-completed"])]) == [.eventsChanged])
        #expect(problems([hook("w", url: url, verifiesTLS: false)]) == [.tlsOff])
        #expect(problems([hook("w")], webhookID: "w") == [.urlChanged])
        #expect(problems([hook("w", name: "circlemeter acme")]) == [.urlChanged])
        #expect(
            problems([hook("w", events: [], verifiesTLS: false)], webhookID: "w") == [
                .urlChanged, .eventsChanged, .tlsOff,
            ]
        )
        #expect(problems([]) == [.missing])
        #expect(problems((1...4).map { hook("\($0)") }) == [.missing])
        #expect(problems((1...5).map { hook("\($0)") }) == [.limitReached])
        #expect(problems([hook("v", url: url), hook("w", url: url)], webhookID: "w") == [.duplicated])
    }

    @Test("Ours is the one that is known, else the one with our URL, else the one with our name")
    func ours() throws {
        let url = try #require(expected.url)
        let hooks = [hook("name", name: "circlemeter acme"), hook("url", url: url), hook("known")]
        func ours(_ hooks: [APIWebhook], _ id: String?, matchesName: Bool = true) -> String? {
            HookExamination(hooks, expected: expected, webhookID: id, matchesName: matchesName).ours?.id
        }
        #expect(ours(hooks, "known") == "known")
        #expect(ours(hooks, "gone") == "url")
        #expect(ours([hooks[0], hooks[2]], nil) == "name")
        // Another circlemeter may have a connection of the same id.
        #expect(ours([hooks[0]], nil, matchesName: false) == nil)
        #expect(ours([hook("theirs")], nil) == nil)
    }

    @Test("Slugs of the same thing have one key in every spelling, those of others have others")
    func slugs() throws {
        let id = "4c9de7b3-6c1f-4ab1-8d0f-5c1f3a1f0d11"
        let base58 = Base58.encode(try #require(Identity.uuid(id)))
        #expect(ProjectSlug.key("gh/Acme/web") == ProjectSlug.key("github/acme/Web"))
        #expect(ProjectSlug.key("bb/acme/web") == "bitbucket/acme/web")
        #expect(ProjectSlug.key("circleci/\(id)/\(id)") == "circleci/\(base58)/\(base58)")
        #expect(ProjectSlug.key("circleci/\(id.uppercased())") == "circleci/\(base58)")
        #expect(ProjectSlug.key("circleci/AbC") != ProjectSlug.key("circleci/aBC"))
        #expect(ProjectSlug.key("gh/acme") != ProjectSlug.key("bb/acme"))
    }
}
